//! The columns of the topic list.

use std::borrow::Cow;

use kreplay_model::feed::TopicView;

use super::{TopicGroups, group_row::signed};
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
    /// The watched groups that read it; `None` while they are not known.
    pub groups: Option<TopicGroups>,
}

const PARTITIONS_CELLS: u16 = 12;
const RECORDS_CELLS: u16 = 13;
const GROUPS_CELLS: u16 = 6;
const LAG_CELLS: u16 = 10;
/// The columns that a watch of groups fills. They are not shown without one.
pub(super) const COLUMNS_OF_WATCH: [&str; 2] = ["groups", "lag"];
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
            Self::groups(),
            Self::lag(),
        ]
    }

    fn key(&self) -> &String {
        &self.topic.name
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        vec![self.topic.name.as_str().into()]
    }
}

impl TopicRow<'_> {
    fn groups() -> Column<Self> {
        let groups = |row: &Self| {
            let forms = row.groups.map_or_else(|| Forms::of("?"), |topic| number::counts(topic.groups));
            Cell::number(forms, BASE)
        };
        Column::new("groups", "groups", Width::fixed(GROUPS_CELLS), groups)
            .right()
            .disappears(1)
            .value(Kind::Count, |row| Value::count(row.groups.map(|topic| topic.groups)))
            .largest_first()
    }

    /// The lag of all groups. A partial sum is marked, so that it is not mistaken for the whole.
    fn lag() -> Column<Self> {
        let lag = |row: &Self| {
            let forms = match row.groups {
                Some(TopicGroups { lag: Some(lag), partly_unknown: true, .. }) => number::lags(lag).with("+"),
                Some(TopicGroups { lag: Some(lag), .. }) => number::lags(lag),
                Some(TopicGroups { groups: 0, .. }) => Forms::of("–"),
                Some(_) | None => Forms::of("?"),
            };
            Cell::number(forms, BASE)
        };
        Column::new("lag", "lag", Width::fixed(LAG_CELLS), lag)
            .right()
            .disappears(2)
            .value(Kind::Count, |row| signed(row.groups.and_then(|topic| topic.lag)))
            .largest_first()
    }
}
