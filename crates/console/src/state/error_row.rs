//! The columns of failed records by kind.

use std::borrow::Cow;

use kreplay_model::feed::errors::{ErrorKind, FailureOutcome};

use super::State;
use crate::{
    number::{self, Forms},
    table::{Arranged, Cell, Column, Kind, TableRow, Value, Width, arrange},
    text::{clean, width},
    theme::Role,
};

/// A kind of failed records.
#[derive(Clone, Copy, Debug)]
pub struct ErrorRow<'a> {
    /// The kind.
    pub kind: &'a ErrorKind,
}

const BASE: Role = |theme| theme.popup;
const MUTED: Role = |theme| theme.muted;
const MIN_ERROR_CELLS: u16 = 26;
const MIN_PLACE_CELLS: u16 = 9;
const MIN_KEY_CELLS: u16 = 6;
const MAX_KEY_CELLS: u16 = 24;
const OUTCOME_CELLS: u16 = 13;
const TIME_CELLS: u16 = 8;

impl TableRow for ErrorRow<'_> {
    type Key = String;

    fn columns() -> Vec<Column<Self>> {
        let count = |row: &Self| Cell::number(number::counts(row.kind.counts.total()), BASE);
        let error = |row: &Self| Cell::name(clean(&row.kind.last.error), BASE);
        let place = |row: &Self| Cell::name_with(clean(&row.kind.last.partition.to_string()), row.offset(), BASE);
        let attempts = |row: &Self| Cell::number(Forms::of(row.kind.last.attempt.to_string()), BASE);
        vec![
            Column::new("count", "events", Width::fixed(6), count)
                .right()
                .value(Kind::Count, |row: &Self| Value::Count(row.kind.counts.total()))
                .largest_first(),
            Column::new("error", "last error", Width::share(MIN_ERROR_CELLS), error)
                .value(Kind::Text, |row| Value::text(&row.kind.last.error)),
            Column::new("outcome", "then", Width::fixed(OUTCOME_CELLS), |row: &Self| Cell::name(row.outcome(), MUTED))
                .value(Kind::Text, |row| Value::text(row.outcome()))
                .disappears(1),
            Column::new("place", "at", Width::natural(MIN_PLACE_CELLS, 40).shrinking_to(MIN_PLACE_CELLS), place)
                .measured(|row| width(&clean(&row.kind.last.partition.to_string())) + row.offset().len())
                .value(Kind::Text, |row| Value::text(format!("{}{}", row.kind.last.partition, row.offset()))),
            Column::new(
                "key",
                "key",
                Width::natural(MIN_KEY_CELLS, MAX_KEY_CELLS).starting_with(12).shrinking_to(MIN_KEY_CELLS),
                |row: &Self| Cell::name(clean(row.key_text()), BASE),
            )
            .measured(|row| width(&clean(row.key_text())))
            .value(Kind::Text, |row| Value::text(row.key_text()))
            .disappears(2),
            Column::new("attempts", "tries", Width::fixed(5), attempts)
                .right()
                .value(Kind::Count, |row| Value::Count(row.kind.last.attempt.into()))
                .disappears(0),
            Column::new("time", "time", Width::fixed(TIME_CELLS), |row: &Self| Cell::name(row.time(), MUTED))
                .value(Kind::Text, |row| Value::text(row.time()))
                .disappears(3),
        ]
    }

    fn key(&self) -> &String {
        &self.kind.pattern
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        vec![self.kind.last.error.as_str().into(), self.kind.last.partition.to_string().into(), self.key_text().into()]
    }
}

impl ErrorRow<'_> {
    /// The end of the place, which is never shortened.
    fn offset(self) -> String {
        format!(" at {}", self.kind.last.offset)
    }

    fn key_text(&self) -> &str {
        self.kind.last.key.as_deref().unwrap_or("–")
    }

    fn time(self) -> String {
        self.kind.last_at.format("%H:%M:%S").to_string()
    }

    /// What followed the last failure, in one word.
    #[must_use]
    pub fn outcome(&self) -> &'static str {
        match self.kind.last_outcome {
            FailureOutcome::Retried => "retried",
            FailureOutcome::Skipped => "skipped",
            FailureOutcome::DeadLettered => "dead-lettered",
            FailureOutcome::Quarantined => "quarantined",
        }
    }
}

impl State {
    /// The rows of all kinds of failed records.
    #[must_use]
    pub fn error_rows(&self) -> Vec<ErrorRow<'_>> {
        self.feed.errors.kinds().iter().map(|kind| ErrorRow { kind }).collect()
    }

    /// Their order.
    #[must_use]
    pub fn shown_errors(&self) -> Arranged {
        arrange(&self.user.errors, &self.error_rows())
    }

    /// The selected kind of failed records.
    #[must_use]
    pub fn selected_error(&self) -> Option<&ErrorKind> {
        let (rows, shown) = (self.error_rows(), self.shown_errors().shown);
        let row = self.user.errors.selected_row(&shown, &rows)?;
        self.feed.errors.kinds().get(*shown.get(row)?)
    }
}
