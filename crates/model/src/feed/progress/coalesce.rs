//! Prints events as lines and suppresses repetition: at most [`MAX_LINES_PER_WINDOW`] lines of one kind a second, and
//! one more for each reason that none of them has named.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    domain::{number::counted_as, printable},
    feed::{Event, EventKind, Severity},
};

/// Maximum number of lines of one kind within [`WINDOW`]. The others are only counted.
const MAX_LINES_PER_WINDOW: u64 = 5;
/// Maximum number of further lines of one kind within [`WINDOW`], each with a reason not printed in it before. Without
/// them, a burst of failures of one kind would hide the first failure of another.
const MAX_NEW_REASONS_PER_WINDOW: u64 = 5;
/// Length of a window.
const WINDOW: TimeDelta = TimeDelta::seconds(1);

/// Kinds that occur in bursts, such as in a rebalance of a thousand partitions or while a database is down.
const KINDS: [&str; 5] = ["assignments", "revocations", "losses", "retries", "skips"];

/// Turns events into lines and limits the lines of one kind. It uses the time of the events, so the same events always
/// produce the same lines.
#[derive(Debug, Default)]
pub(super) struct RepeatSuppressor {
    next_seq: u64,
    windows: [Window; KINDS.len()],
}

#[derive(Clone, Debug, Default)]
struct Window {
    since: DateTime<Utc>,
    seen: u64,
    printed: u64,
    /// The reasons printed in this window.
    reasons: Vec<String>,
}

impl Window {
    /// Whether the event gets a line of its own.
    fn admits(&mut self, kind: &EventKind) -> bool {
        let reason = reason(kind);
        let new_reason = reason.as_ref().is_some_and(|reason| !self.reasons.contains(reason));
        let limit = MAX_LINES_PER_WINDOW + if new_reason { MAX_NEW_REASONS_PER_WINDOW } else { 0 };
        let admitted = self.printed < limit;
        if admitted {
            self.printed += 1;
            self.reasons.extend(reason.filter(|_| new_reason));
        }
        admitted
    }
}

impl RepeatSuppressor {
    /// The sequence number of the first event that has not been taken.
    pub(super) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The lines for the next events.
    pub(super) fn take(&mut self, events: &[Event]) -> Vec<String> {
        let mut lines = Vec::new();
        for event in events {
            if event.seq > self.next_seq {
                lines.push(counted_as(
                    event.seq - self.next_seq,
                    "older event was dropped",
                    "older events were dropped",
                ));
            }
            self.next_seq = event.seq + 1;
            let Some(kind) = kind(&event.kind) else {
                lines.push(line(event));
                continue;
            };
            lines.extend(self.close(kind, Some(event.at)));
            let window = &mut self.windows[kind];
            if window.seen == 0 {
                window.since = event.at;
            }
            window.seen += 1;
            if window.admits(&event.kind) {
                lines.push(line(event));
            }
        }
        lines
    }

    /// Summaries of the lines suppressed in windows that have ended by `now`.
    pub(super) fn flush_until(&mut self, now: DateTime<Utc>) -> Vec<String> {
        (0..KINDS.len()).filter_map(|kind| self.close(kind, Some(now))).collect()
    }

    /// Summaries of all lines suppressed so far.
    pub(super) fn flush(&mut self) -> Vec<String> {
        (0..KINDS.len()).filter_map(|kind| self.close(kind, None)).collect()
    }

    fn close(&mut self, kind: usize, now: Option<DateTime<Utc>>) -> Option<String> {
        let window = &mut self.windows[kind];
        if now.is_some_and(|now| now.signed_duration_since(window.since) < WINDOW) {
            return None;
        }
        let Window { seen, printed, .. } = std::mem::take(window);
        (seen > printed).then(|| format!("and {} more {}", seen - printed, KINDS[kind]))
    }
}

/// The index into [`KINDS`]; `None` for events that are never suppressed.
fn kind(kind: &EventKind) -> Option<usize> {
    match kind {
        EventKind::Assigned { .. } => Some(0),
        EventKind::Revoked { .. } => Some(1),
        EventKind::Lost { .. } => Some(2),
        EventKind::Retried(_) => Some(3),
        EventKind::Skipped(_) => Some(4),
        _ => None,
    }
}

/// Why the record failed, without the digits: messages about two records differ in numbers.
fn reason(kind: &EventKind) -> Option<String> {
    let (EventKind::Retried(failure) | EventKind::Skipped(failure)) = kind else { return None };
    Some(failure.error.chars().filter(|char| !char.is_ascii_digit()).collect())
}

/// An event in one line, with its time and a mark for warnings and errors.
#[must_use]
pub fn line(event: &Event) -> String {
    let mark = match event.kind.severity() {
        Severity::Info | Severity::Notice => "",
        Severity::Warning => "warning: ",
        Severity::Error => "error: ",
    };
    format!("{}Z {mark}{}", event.at.format("%H:%M:%S%.3f"), printable(&event.kind.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Offset, TopicPartition},
        feed::Failure,
    };

    fn event(seq: u64, ms: i64, kind: EventKind) -> Event {
        Event { seq, at: DateTime::from_timestamp_millis(ms).unwrap(), process: None, kind }
    }

    fn assigned(seq: u64, ms: i64) -> Event {
        event(seq, ms, EventKind::Assigned { member: format!("worker-{seq}"), partitions: Vec::new() })
    }

    #[test]
    fn a_burst_is_shortened_and_counted() {
        let mut suppressor = RepeatSuppressor::default();
        let lines = suppressor.take(&(0..100).map(|seq| assigned(seq, 1)).collect::<Vec<_>>());
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[0], "00:00:00.001Z assigned to worker-0: nothing");
        assert_eq!(suppressor.flush_until(DateTime::from_timestamp_millis(900).unwrap()), Vec::<String>::new());
        let late = suppressor.take(&[assigned(100, 1500)]);
        assert_eq!(late, ["and 95 more assignments", "00:00:01.500Z assigned to worker-100: nothing"]);
        assert_eq!(suppressor.flush(), Vec::<String>::new());
    }

    #[test]
    fn suppressed_lines_are_counted_when_the_window_ends() {
        let mut suppressor = RepeatSuppressor::default();
        suppressor.take(&(0..7).map(|seq| assigned(seq, 1)).collect::<Vec<_>>());
        assert_eq!(suppressor.flush_until(DateTime::from_timestamp_millis(1001).unwrap()), ["and 2 more assignments"]);
        assert_eq!(suppressor.flush(), Vec::<String>::new());
    }

    #[test]
    fn a_burst_of_one_failure_does_not_hide_another() {
        let failed = |seq: u64, error: String| {
            let partition = TopicPartition::new("orders", 0);
            event(seq, 1, EventKind::Skipped(Failure { partition, offset: Offset::ZERO, key: None, attempt: 1, error }))
        };
        let mut suppressor = RepeatSuppressor::default();
        let mut events: Vec<_> = (0..20).map(|seq| failed(seq, format!("row {seq} violates a constraint"))).collect();
        events.extend((20..30).map(|seq| failed(seq, "the value is not JSON".into())));
        let lines = suppressor.take(&events);
        assert_eq!(lines.len(), 6, "{lines:#?}");
        assert!(lines[5].contains("the value is not JSON"), "{}", lines[5]);
        assert_eq!(suppressor.flush(), ["and 24 more skips"]);
        let different =
            (b'a'..=b'z').zip(30..).map(|(letter, seq)| failed(seq, char::from(letter).into())).collect::<Vec<_>>();
        assert_eq!(suppressor.take(&different).len(), 10, "many different reasons are limited, too");
    }

    #[test]
    fn other_events_are_all_printed_and_gaps_are_reported() {
        let mut suppressor = RepeatSuppressor::default();
        let error = || EventKind::Error { text: "no\nbroker".into() };
        let lines = suppressor.take(&(3..20).map(|seq| event(seq, 0, error())).collect::<Vec<_>>());
        assert_eq!(lines.len(), 18);
        assert_eq!(lines[0], "3 older events were dropped");
        assert_eq!(lines[1], "00:00:00.000Z error: no\\nbroker");
        assert_eq!(suppressor.next_seq(), 20);
    }
}
