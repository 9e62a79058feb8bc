//! The columns of the topic list.

use std::borrow::Cow;

use kreplay_model::feed::TopicView;

use crate::{
    number::{self, Forms},
    table::{Cell, Column, Kind, TableRow, Value, Width},
    text::clean,
    theme::Role,
};

/// A topic of the list.
#[derive(Clone, Copy, Debug)]
pub struct TopicRow<'a> {
    /// The topic.
    pub topic: &'a TopicView,
    /// Whether the user has marked it.
    pub marked: bool,
    /// Whether the topics are being listed, so that unknown numbers are on their way.
    pub listing: bool,
}

const PARTITIONS_CELLS: u16 = 12;
const RECORDS_CELLS: u16 = 13;
const BASE: Role = |theme| theme.popup;

impl TableRow for TopicRow<'_> {
    type Key = String;

    fn columns() -> Vec<Column<Self>> {
        let mark = |row: &Self| Cell::name(if row.marked { "✓" } else { "" }, |theme| theme.good);
        let name =
            |row: &Self| Cell::name(clean(&row.topic.name), if row.marked { |theme| theme.strong } else { BASE });
        let partitions = |row: &Self| Cell::number(number::counts(row.topic.partitions.into()), BASE);
        let records = |row: &Self| {
            let unknown = if row.listing { "…" } else { "?" };
            Cell::number(Forms::of(row.topic.records.map_or(unknown.to_owned(), number::short)), BASE)
        };
        vec![
            Column::new("marked", "", Width::fixed(1), mark)
                .value(Kind::State, |row| Value::text(if row.marked { "yes" } else { "no" }))
                .unsorted(),
            Column::new("topic", "topic", Width::share(5), name).value(Kind::Text, |row| Value::text(&row.topic.name)),
            Column::new("partitions", "partitions", Width::fixed(PARTITIONS_CELLS), partitions)
                .right()
                .value(Kind::Count, |row| Value::Count(row.topic.partitions.into()))
                .largest_first(),
            Column::new("records", "records", Width::fixed(RECORDS_CELLS), records)
                .right()
                .value(Kind::Count, |row| Value::count(row.topic.records))
                .largest_first(),
        ]
    }

    fn key(&self) -> &String {
        &self.topic.name
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        vec![self.topic.name.as_str().into()]
    }
}
