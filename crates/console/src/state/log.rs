//! The event log as shown in the event panel.

use std::collections::VecDeque;

use kreplay_model::feed::{Event, Severity};

/// Maximum number of events kept; the oldest are dropped first.
const MAX_EVENTS: usize = 5_000;

/// The event log with its severity filter, scroll position, and cursor.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    events: VecDeque<Event>,
    next_seq: u64,
    missed: u64,
    min_severity: Severity,
    back: usize,
    /// The sequence number of the event under the cursor; `None` follows the newest.
    selected: Option<u64>,
}

impl Default for Log {
    fn default() -> Self {
        Self { events: VecDeque::new(), next_seq: 0, missed: 0, min_severity: Severity::Info, back: 0, selected: None }
    }
}

impl Log {
    /// Appends new events and ignores known ones. A view that is scrolled up stays where it is.
    pub(crate) fn add(&mut self, events: Vec<Event>) {
        for event in events {
            if event.seq < self.next_seq {
                continue;
            }
            self.missed += event.seq - self.next_seq;
            self.next_seq = event.seq + 1;
            if (self.back > 0 || self.selected.is_some()) && event.kind.severity() >= self.min_severity {
                self.back += 1;
            }
            if self.events.len() == MAX_EVENTS {
                self.events.pop_front();
            }
            self.events.push_back(event);
        }
    }

    /// The sequence number of the next event.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The number of events dropped before the console could read them.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
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
    pub fn len(&self) -> usize {
        self.events.iter().filter(|event| event.kind.severity() >= self.min_severity).count()
    }

    /// Whether no event passes the severity filter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The events visible in a view of `height` lines, oldest first.
    #[must_use]
    pub fn view(&self, height: usize) -> Vec<&Event> {
        let back = self.back.min(self.len().saturating_sub(height));
        let shown = self.events.iter().rev().filter(|event| event.kind.severity() >= self.min_severity);
        let mut view: Vec<&Event> = shown.skip(back).take(height).collect();
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
    pub fn selected(&self) -> Option<&Event> {
        let row = self.selected_row()?;
        self.shown().nth(row)
    }

    /// Fixes the cursor on its current event, even when new events arrive.
    pub(crate) fn fix_cursor(&mut self) {
        let selected = self.selected().map(|event| event.seq);
        self.selected = selected;
    }

    /// Moves the cursor up (negative) or down, and scrolls the view of `height` lines with it. On the newest event, the
    /// view follows the log again.
    pub(crate) fn scroll(&mut self, by: isize, height: usize) {
        let Some(row) = self.selected_row() else { return };
        self.select(row.saturating_add_signed(by), height);
    }

    /// Moves the cursor to a line of the view of `height` lines, counted from its top.
    pub(crate) fn select_line(&mut self, line: usize, height: usize) {
        let len = self.len();
        let back = self.back.min(len.saturating_sub(height));
        let first = (len - back).saturating_sub(height);
        if first + line < len - back {
            self.select(first + line, height);
        }
    }

    fn select(&mut self, row: usize, height: usize) {
        let len = self.len();
        let Some(last) = len.checked_sub(1) else { return };
        let row = row.min(last);
        let below = last - row;
        let selected = self.shown().nth(row).map(|event| event.seq).filter(|_| row < last);
        self.selected = selected;
        let max_back = len.saturating_sub(height);
        self.back = self.back.min(max_back).clamp((below + 1).saturating_sub(height), below).min(max_back);
    }

    fn shown(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| event.kind.severity() >= self.min_severity)
    }

    fn selected_row(&self) -> Option<usize> {
        let last = self.len().checked_sub(1)?;
        let Some(seq) = self.selected else { return Some(last) };
        Some(self.shown().position(|event| event.seq >= seq).unwrap_or(last))
    }
}
