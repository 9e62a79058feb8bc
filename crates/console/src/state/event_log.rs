//! What the user looks at in the whole event log.

use kreplay_model::feed::Severity;

use super::{EventRow, State};
use crate::table::{Arranged, TableState, arrange};

/// What the user looks at in the whole event log.
#[derive(Clone, Debug, PartialEq)]
pub struct EventLogView {
    /// The filter, and the event under the cursor by its sequence number. Without one, the newest is followed.
    pub table: TableState<u64>,
    /// Whether long texts continue on further lines.
    pub wraps: bool,
}

impl Default for EventLogView {
    fn default() -> Self {
        Self { table: TableState::default(), wraps: true }
    }
}

impl EventLogView {
    /// The event under the cursor, as an index into the shown ones: the newest without a selection, or the next one
    /// that is shown if the selected one is not.
    #[must_use]
    pub fn selected_row(&self, shown: &[usize], rows: &[EventRow<'_>]) -> Option<usize> {
        let last = shown.len().checked_sub(1)?;
        let Some(selected) = self.table.selected else { return Some(last) };
        let is_there = |at: &usize| rows.get(*at).is_some_and(|row| row.event.seq >= selected);
        Some(shown.iter().position(is_there).unwrap_or(last))
    }
}

impl State {
    /// The kept events, oldest first.
    #[must_use]
    pub fn event_rows(&self) -> Vec<EventRow<'_>> {
        self.feed.events.of(Severity::Info).map(EventRow::new).collect()
    }

    /// The events that pass the filter of the whole log.
    #[must_use]
    pub fn shown_events(&self, rows: &[EventRow<'_>]) -> Arranged {
        arrange(&self.user.event_log.table, rows)
    }
}
