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
}

impl Default for Log {
    fn default() -> Self {
        Self { events: VecDeque::new(), next_seq: 0, missed: 0, least: Severity::Info, back: 0 }
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
            if self.back > 0 && event.kind.severity() >= self.least {
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
    }

    /// Goes up (negative) or down in a view of `height` lines.
    pub(in crate::console) fn scroll(&mut self, by: isize, height: usize) {
        let most = self.len().saturating_sub(height);
        self.back = self.back.min(most).saturating_add_signed(by.saturating_neg()).min(most);
    }
}
