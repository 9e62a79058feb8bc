//! The totals of a run for its journal.

use std::time::Instant;

use super::Run;
use crate::journal::JournalTotals;

impl Run {
    /// The totals of the run for its journal.
    pub(super) fn journal_totals(&self, now: Instant) -> JournalTotals {
        JournalTotals {
            state: self.state(),
            error: self.error.clone().or_else(|| self.engine.status.failure()),
            elapsed_s: self.elapsed_s(now),
            handling_s: self.handling_s(now),
            busy_s: self.busy_seconds(),
            worker_s: self.worker_seconds,
            handled: self.before.handled,
            bytes: self.before.bytes,
            filtered: self.before.filtered,
            already_handled: self.before.already_handled,
            repeated: self.before.repeated,
            lost: self.before.lost,
            ..JournalTotals::default()
        }
    }

    /// Seconds of this attempt and of earlier ones.
    pub(super) fn elapsed_s(&self, now: Instant) -> f64 {
        let now = self.ended_at.unwrap_or(now);
        self.before.elapsed_s + now.saturating_duration_since(self.started).as_secs_f64()
    }
}
