//! The events of the log as rows, which is what its filter refers to.

use std::borrow::Cow;

use kreplay_model::feed::{Event, Severity};

use crate::{
    table::{Cell, Column, Kind, TableRow, Value, Width},
    text::clean,
    theme::Role,
};

/// An event of the log.
#[derive(Clone, Debug)]
pub struct EventRow<'a> {
    /// The event.
    pub event: &'a Event,
    /// Its text. External data: screens must escape it.
    pub text: String,
}

const BASE: Role = |theme| theme.popup;

impl<'a> EventRow<'a> {
    /// The row of an event.
    #[must_use]
    pub fn new(event: &'a Event) -> Self {
        Self { event, text: event.kind.to_string() }
    }

    /// The time in UTC.
    #[must_use]
    pub fn time(&self) -> String {
        self.event.at.format("%H:%M:%S%.3f").to_string()
    }

    /// The word for its severity.
    #[must_use]
    pub fn level(&self) -> &'static str {
        match self.event.kind.severity() {
            Severity::Info => "info",
            Severity::Notice => "notice",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl TableRow for EventRow<'_> {
    type Key = u64;

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::new("time", "time", Width::fixed(12), |row: &Self| Cell::name(row.time(), BASE))
                .value(Kind::Text, |row| Value::text(row.time())),
            Column::new("level", "level", Width::fixed(7), |row: &Self| Cell::name(row.level(), BASE))
                .value(Kind::State, |row| Value::text(row.level())),
            Column::new("text", "event", Width::share(10), |row: &Self| Cell::name(clean(&row.text), BASE))
                .value(Kind::Text, |row| Value::text(row.text.as_str())),
        ]
    }

    fn key(&self) -> &u64 {
        &self.event.seq
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        vec![self.text.as_str().into(), self.level().into()]
    }
}
