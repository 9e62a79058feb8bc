//! What the event panel shows of the events: the severity filter, the scroll position, and the cursor.

use kreplay_model::feed::{Event, Severity};

use super::KeptEvents;

/// The severity filter, scroll position, and cursor of the event panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogView {
    min_severity: Severity,
    back: usize,
    /// The sequence number of the event under the cursor; `None` follows the newest.
    selected: Option<u64>,
}

impl Default for LogView {
    fn default() -> Self {
        Self { min_severity: Severity::Info, back: 0, selected: None }
    }
}

impl LogView {
    /// Keeps a view that is scrolled up where it is, after events from a sequence number on were added.
    pub(crate) fn hold(&mut self, events: &KeptEvents, from_seq: u64) {
        if self.back > 0 || self.selected.is_some() {
            self.back += events.of(self.min_severity).rev().take_while(|event| event.seq >= from_seq).count();
        }
    }

    /// The lowest severity shown.
    #[must_use]
    pub fn min_severity(&self) -> Severity {
        self.min_severity
    }

    /// The number of events below the view; 0 means that the view follows the newest.
    #[must_use]
    pub fn back(&self) -> usize {
        self.back
    }

    /// The number of events that pass the severity filter.
    #[must_use]
    pub fn len(&self, events: &KeptEvents) -> usize {
        events.of(self.min_severity).count()
    }

    /// Whether no event passes the severity filter.
    #[must_use]
    pub fn is_empty(&self, events: &KeptEvents) -> bool {
        events.of(self.min_severity).next().is_none()
    }

    /// The events visible in a view of `height` lines, oldest first.
    #[must_use]
    pub fn visible<'a>(&self, events: &'a KeptEvents, height: usize) -> Vec<&'a Event> {
        let back = self.back.min(self.len(events).saturating_sub(height));
        let mut view: Vec<&Event> = events.of(self.min_severity).rev().skip(back).take(height).collect();
        view.reverse();
        view
    }

    /// Raises the lowest severity shown, or shows all events after the highest one.
    pub(crate) fn cycle_severity(&mut self) {
        self.min_severity = match self.min_severity {
            Severity::Info => Severity::Notice,
            Severity::Notice => Severity::Warning,
            Severity::Warning => Severity::Error,
            Severity::Error => Severity::Info,
        };
        self.back = 0;
        self.selected = None;
    }

    /// The event under the cursor: the newest one without a selection, or the oldest one if the selected event was
    /// dropped.
    #[must_use]
    pub fn selected<'a>(&self, events: &'a KeptEvents) -> Option<&'a Event> {
        let row = self.selected_row(events)?;
        events.of(self.min_severity).nth(row)
    }

    /// Fixes the cursor on its current event, even when new events arrive.
    pub(crate) fn fix_cursor(&mut self, events: &KeptEvents) {
        let selected = self.selected(events).map(|event| event.seq);
        self.selected = selected;
    }

    /// Moves the cursor up (negative) or down, and scrolls the view of `height` lines with it. On the newest event, the
    /// view follows the log again.
    pub(crate) fn scroll(&mut self, events: &KeptEvents, by: isize, height: usize) {
        let Some(row) = self.selected_row(events) else { return };
        self.select(events, row.saturating_add_signed(by), height);
    }

    /// Moves the cursor to a visible event of a view of `height` lines. Ignored if the event does not exist any more.
    pub(crate) fn select_seq(&mut self, events: &KeptEvents, seq: u64, height: usize) {
        if let Some(row) = events.of(self.min_severity).position(|event| event.seq == seq) {
            self.select(events, row, height);
        }
    }

    fn select(&mut self, events: &KeptEvents, row: usize, height: usize) {
        let len = self.len(events);
        let Some(last) = len.checked_sub(1) else { return };
        let row = row.min(last);
        let below = last - row;
        let selected = events.of(self.min_severity).nth(row).map(|event| event.seq).filter(|_| row < last);
        self.selected = selected;
        let max_back = len.saturating_sub(height);
        self.back = self.back.min(max_back).clamp((below + 1).saturating_sub(height), below).min(max_back);
    }

    fn selected_row(&self, events: &KeptEvents) -> Option<usize> {
        let last = self.len(events).checked_sub(1)?;
        let Some(seq) = self.selected else { return Some(last) };
        Some(events.of(self.min_severity).position(|event| event.seq >= seq).unwrap_or(last))
    }
}
