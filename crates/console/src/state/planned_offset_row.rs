//! The columns of the plan of a change.

use std::borrow::Cow;

use kreplay_model::{
    domain::{Offset, TopicPartition},
    watch::{ChangedRow, PlannedOffset},
};

use super::group_row::signed;
use crate::{
    number::{self, Forms},
    table::{Cell, Column, Kind, TableRow, Value, Width},
    text::{clean, width},
    theme::Role,
};

/// A partition of a plan.
#[derive(Clone, Copy, Debug)]
pub struct PlannedOffsetRow<'a> {
    /// What is planned for it, and what has happened.
    pub planned: &'a PlannedOffset,
}

const BASE: Role = |theme| theme.popup;
const MUTED: Role = |theme| theme.muted;
const MAX_NAME_CELLS: u16 = 40;
const OFFSET: Width = Width::natural(5, 26).starting_with(9).shrinking_to(5);
/// The width of a time such as `2026-01-31 10:00:00`.
const TIME_CELLS: u16 = 19;

impl TableRow for PlannedOffsetRow<'_> {
    type Key = TopicPartition;

    fn columns() -> Vec<Column<Self>> {
        vec![
            Self::sign(),
            Self::partition(),
            Self::from(),
            Self::to(),
            Self::difference(),
            Self::from_time(),
            Self::to_time(),
            Self::note(),
        ]
    }

    fn key(&self) -> &TopicPartition {
        &self.planned.partition
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        vec![self.planned.partition.to_string().into(), self.note_text().into()]
    }
}

impl PlannedOffsetRow<'_> {
    /// What there is to say about the row: the reason of a failure, or the note of the plan.
    #[must_use]
    pub fn note_text(&self) -> &str {
        match &self.planned.result {
            Some(ChangedRow::Failed(reason)) => reason,
            _ => &self.planned.note,
        }
    }

    /// The sign of the row, what it means, and its role.
    fn state(self) -> (&'static str, &'static str, Role) {
        match &self.planned.result {
            Some(ChangedRow::Failed(_)) => ("✗", "failed", |theme| theme.bad),
            Some(ChangedRow::Changed) => ("✓", "changed", |theme| theme.good),
            None if self.planned.is_change => ("→", "planned", |theme| theme.notice),
            None | Some(ChangedRow::Unchanged) => ("·", "unchanged", MUTED),
        }
    }

    fn sign() -> Column<Self> {
        let sign = |row: &Self| {
            let (sign, _, role) = row.state();
            Cell::name(sign, role)
        };
        Column::new("state", "", Width::fixed(1), sign)
            .joins_next()
            .value(Kind::State, |row: &Self| Value::text(row.state().1))
            .unsorted()
    }

    fn partition() -> Column<Self> {
        let width_rule = Width::natural(9, MAX_NAME_CELLS).starting_with(12).shrinking_to(6).growing_to(u16::MAX);
        let name = |row: &Self| Cell::name(clean(&row.planned.partition.to_string()), BASE);
        Column::new("partition", "partition", width_rule, name)
            .measured(|row| width(&clean(&row.planned.partition.to_string())))
            .value(Kind::Text, |row| Value::text(row.planned.partition.to_string()))
    }

    fn from() -> Column<Self> {
        let cell = |row: &Self| offset_cell(row.planned.from, "–");
        Column::new("from", "from", OFFSET, cell)
            .right()
            .measured(|row| offset_cells(row.planned.from))
            .value(Kind::Count, |row| signed(row.planned.from.map(Offset::get)))
    }

    fn to() -> Column<Self> {
        let cell = |row: &Self| offset_cell(row.planned.to, "deleted");
        Column::new("to", "to", OFFSET, cell)
            .right()
            .measured(|row| offset_cells(row.planned.to).max(7))
            .value(Kind::Count, |row| signed(row.planned.to.map(Offset::get)))
    }

    fn difference() -> Column<Self> {
        let cell = |row: &Self| match row.planned.difference() {
            Some(difference) if difference > 0 => Cell::number(number::lags(difference).after("+"), BASE),
            Some(difference) => Cell::number(number::lags(difference), BASE),
            None => Cell::number(Forms::of("–"), MUTED),
        };
        Column::new("difference", "difference", Width::natural(10, 26).shrinking_to(6), cell)
            .right()
            .disappears(2)
            .measured(|row| {
                let digits = |difference: i64| number::count_cells(difference.unsigned_abs()) + 1;
                row.planned.difference().map_or(1, digits)
            })
            .value(Kind::Count, |row| signed(row.planned.difference()))
    }

    fn from_time() -> Column<Self> {
        let cell = |row: &Self| time_cell(row.planned.from_time);
        Column::new("from_time", "time at from", Width::fixed(TIME_CELLS), cell).disappears(1)
    }

    fn to_time() -> Column<Self> {
        let cell = |row: &Self| time_cell(row.planned.to_time);
        Column::new("to_time", "time at to", Width::fixed(TIME_CELLS), cell).disappears(4)
    }

    fn note() -> Column<Self> {
        let width_rule = Width::natural(4, MAX_NAME_CELLS).starting_with(4).shrinking_to(4).growing_to(u16::MAX);
        let note = |row: &Self| {
            let failed = matches!(row.planned.result, Some(ChangedRow::Failed(_)));
            Cell::name(clean(row.note_text()), if failed { |theme| theme.bad } else { MUTED })
        };
        Column::new("note", "note", width_rule, note)
            .disappears(3)
            .measured(|row| width(&clean(row.note_text())))
            .value(Kind::Text, |row| Value::text(row.note_text()))
    }
}

fn offset_cell(offset: Option<Offset>, without: &str) -> Cell {
    match offset {
        Some(offset) => Cell::number(number::counts(offset.since(Offset::ZERO)), BASE),
        None => Cell::number(Forms::of(without), MUTED),
    }
}

fn offset_cells(offset: Option<Offset>) -> usize {
    offset.map_or(1, |offset| number::count_cells(offset.since(Offset::ZERO)))
}

/// A time in UTC. It is not known if the record could not be read, for example for lack of a permission.
fn time_cell(time: Option<chrono::DateTime<chrono::Utc>>) -> Cell {
    match time {
        Some(time) => Cell::name(time.format("%Y-%m-%d %H:%M:%S").to_string(), BASE),
        None => Cell::name("?", MUTED),
    }
}
