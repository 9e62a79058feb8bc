//! The columns of the table of runs that have a journal.

use std::borrow::Cow;

use kreplay_model::journal::JournaledRun;

use super::State;
use crate::{
    number::{self, Forms},
    table::{Arranged, Cell, Column, Kind, TableRow, Value, Width, arrange},
    text::{clean, width},
    theme::Role,
};

/// A run that has a journal.
#[derive(Clone, Copy, Debug)]
pub struct JournalRow<'a> {
    /// The run.
    pub run: &'a JournaledRun,
}

const BASE: Role = |theme| theme.popup;
const MUTED: Role = |theme| theme.muted;

impl TableRow for JournalRow<'_> {
    type Key = String;

    fn columns() -> Vec<Column<Self>> {
        let state = |row: &Self| Cell::name(clean(&row.run.state), Self::role(&row.run.state));
        vec![
            Column::new("run", "run", Width::natural(5, 40).shrinking_to(5), |row: &Self| {
                Cell::name(clean(&row.run.id), BASE)
            })
            .measured(|row| width(&clean(&row.run.id)))
            .value(Kind::Text, |row| Value::text(&*row.run.id)),
            Column::new("state", "state", Width::fixed(11), state)
                .value(Kind::State, |row| Value::text(&*row.run.state)),
            Self::done(),
            Self::handled(),
            Self::took(),
            Self::started(),
            Column::new("topics", "topics", Width::share(8), |row: &Self| Cell::name(row.topics(), BASE))
                .disappears(3)
                .value(Kind::Text, |row| Value::text(row.topics())),
        ]
    }

    fn key(&self) -> &String {
        &self.run.id
    }

    fn words(&self) -> Vec<Cow<'_, str>> {
        vec![self.run.id.as_str().into(), self.run.state.as_str().into(), self.topics().into()]
    }
}

impl JournalRow<'_> {
    /// The colour of a state.
    fn role(state: &str) -> Role {
        match state {
            "done" | "running" => |theme| theme.good,
            "failed" | "corrupt" => |theme| theme.bad,
            _ => |theme| theme.warning,
        }
    }

    fn topics(self) -> String {
        let topics = self.run.summary.as_ref().map(|summary| summary.topics.join(", ")).unwrap_or_default();
        clean(&topics).into_owned()
    }

    /// The settled share of the plan, 0 to 1; `None` if it is not known.
    fn share(self) -> Option<f64> {
        let summary = self.run.summary.as_ref()?;
        Some(number::share(summary.settled()?, summary.records))
    }

    fn done() -> Column<Self> {
        let done = |row: &Self| {
            let share = row.share();
            Cell::number(Forms::of(share.map_or_else(|| "?".to_owned(), number::percent)), BASE)
        };
        Column::new("done", "done", Width::fixed(5), done)
            .right()
            .value(Kind::Share, |row| Value::number(row.share()))
            .largest_first()
    }

    fn handled() -> Column<Self> {
        let handled = |row: &Self| {
            let forms = row.run.summary.as_ref().map_or_else(|| Forms::of("?"), |one| number::counts(one.handled));
            Cell::number(forms, BASE)
        };
        Column::new("handled", "handled", Width::natural(7, 26).shrinking_to(7), handled)
            .right()
            .measured(|row| row.run.summary.as_ref().map_or(1, |one| number::count_cells(one.handled)))
            .value(Kind::Count, |row| Value::count(row.run.summary.as_ref().map(|one| one.handled)))
            .largest_first()
    }

    fn took() -> Column<Self> {
        let took = |row: &Self| {
            let forms = row.run.summary.as_ref().map_or_else(|| Forms::of("?"), |one| number::times(one.elapsed_s));
            Cell::number(forms, MUTED)
        };
        Column::new("time", "time", Width::fixed(8), took)
            .right()
            .disappears(1)
            .value(Kind::Duration, |row| Value::number(row.run.summary.as_ref().map(|one| one.elapsed_s)))
            .largest_first()
    }

    fn started() -> Column<Self> {
        let started = |row: &Self| {
            let at = row.run.summary.as_ref().map(|one| one.started_at.format("%Y-%m-%d %H:%M").to_string());
            Cell::name(at.unwrap_or_default(), MUTED)
        };
        Column::new("started", "started, UTC", Width::fixed(16), started)
            .disappears(2)
            .value(Kind::Text, |row| {
                Value::text(row.run.summary.as_ref().map(|one| one.started_at.to_rfc3339()).unwrap_or_default())
            })
            .largest_first()
    }
}

impl State {
    /// The rows of all runs that have a journal.
    #[must_use]
    pub fn journal_rows(&self) -> Vec<JournalRow<'_>> {
        self.feed.journal.runs().iter().map(|run| JournalRow { run }).collect()
    }

    /// The runs that pass the filter, in table order.
    #[must_use]
    pub fn shown_journals(&self, rows: &[JournalRow<'_>]) -> Arranged {
        arrange(&self.user.journal, rows)
    }
}
