//! The events of the session, as the event panel shows them.

use std::collections::VecDeque;

use crate::feed::{Event, Severity};

/// How many events the console holds; the oldest go first.
const KEPT: usize = 5_000;

/// The events of the session.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    events: VecDeque<Event>,
    next_seq: u64,
    missed: u64,
    least: Severity,
    back: usize,
    /// The sequence number of the event under the cursor; `None` follows the newest.
    selected: Option<u64>,
}

impl Default for Log {
    fn default() -> Self {
        Self { events: VecDeque::new(), next_seq: 0, missed: 0, least: Severity::Info, back: 0, selected: None }
    }
}

impl Log {
    /// Takes in events that come after those it has. A view that has been scrolled up stays where it is.
    pub(in crate::console) fn add(&mut self, events: Vec<Event>) {
        for event in events {
            if event.seq < self.next_seq {
                continue;
            }
            self.missed += event.seq - self.next_seq;
            self.next_seq = event.seq + 1;
            if (self.back > 0 || self.selected.is_some()) && event.kind.severity() >= self.least {
                self.back += 1;
            }
            if self.events.len() == KEPT {
                self.events.pop_front();
            }
            self.events.push_back(event);
        }
    }

    /// The sequence number of the event to come.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// How many events were gone before the console could read them.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The quietest events that are shown.
    #[must_use]
    pub fn least(&self) -> Severity {
        self.least
    }

    /// How many shown events lie below the view; 0 follows the newest.
    #[must_use]
    pub fn back(&self) -> usize {
        self.back
    }

    /// How many events are shown, all pages together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.iter().filter(|event| event.kind.severity() >= self.least).count()
    }

    /// Whether there is none to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The events of a view of `height` lines, oldest first.
    #[must_use]
    pub fn view(&self, height: usize) -> Vec<&Event> {
        let back = self.back.min(self.len().saturating_sub(height));
        let shown = self.events.iter().rev().filter(|event| event.kind.severity() >= self.least);
        let mut view: Vec<&Event> = shown.skip(back).take(height).collect();
        view.reverse();
        view
    }

    /// Shows only louder events, or all again after the loudest.
    pub(in crate::console) fn cycle(&mut self) {
        self.least = match self.least {
            Severity::Info => Severity::Notice,
            Severity::Notice => Severity::Warning,
            Severity::Warning => Severity::Error,
            Severity::Error => Severity::Info,
        };
        self.back = 0;
        self.selected = None;
    }

    /// The event under the cursor: the newest shown one while nothing else is selected, the oldest where the selected one is
    /// gone.
    #[must_use]
    pub fn selected(&self) -> Option<&Event> {
        let row = self.selected_row()?;
        self.shown().nth(row)
    }

    /// Keeps the cursor on the event that it is on, whatever comes.
    pub(in crate::console) fn hold(&mut self) {
        let selected = self.selected().map(|event| event.seq);
        self.selected = selected;
    }

    /// Moves the cursor up (negative) or down, and the view of `height` lines with it. At the newest event the log follows
    /// again.
    pub(in crate::console) fn scroll(&mut self, by: isize, height: usize) {
        let Some(row) = self.selected_row() else { return };
        self.select(row.saturating_add_signed(by), height);
    }

    /// Puts the cursor on a line of the view of `height` lines, counted from its top.
    pub(in crate::console) fn select_line(&mut self, line: usize, height: usize) {
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
        let most = len.saturating_sub(height);
        self.back = self.back.min(most).clamp((below + 1).saturating_sub(height), below).min(most);
    }

    fn shown(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| event.kind.severity() >= self.least)
    }

    fn selected_row(&self) -> Option<usize> {
        let last = self.len().checked_sub(1)?;
        let Some(seq) = self.selected else { return Some(last) };
        Some(self.shown().position(|event| event.seq >= seq).unwrap_or(last))
    }
}
