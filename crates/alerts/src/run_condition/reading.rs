//! The figures of a run. A figure that is not known, or that has no meaning any more, is `None`.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};
use kreplay_model::{
    domain::Lag,
    feed::{RunState, RunView},
};

/// The time over which failures are counted.
const FAILURE_WINDOW: TimeDelta = TimeDelta::seconds(60);
/// The time of a run after which the rate of its failures is known.
const SHORTEST_WINDOW: TimeDelta = TimeDelta::seconds(10);
/// The time between two counts that are kept.
const COUNT_INTERVAL: TimeDelta = TimeDelta::seconds(1);

/// The latest figures of a run, and its failures of the last minute.
#[derive(Debug, Default)]
pub(crate) struct RunReading {
    run: Option<String>,
    pub(super) state: RunState,
    /// Offsets that are left; without the records ahead of a position.
    pub(super) lag: Option<u64>,
    pub(super) dead_letters: u64,
    pub(super) skipped: u64,
    /// Records per second.
    pub(super) rate: Option<f64>,
    /// Failed attempts per second of the last minute.
    pub(super) failures_per_s: Option<f64>,
    /// Seconds.
    pub(super) eta_s: Option<f64>,
    /// Failed attempts so far, oldest first; at most one a second, and those of the last minute.
    failures: VecDeque<(DateTime<Utc>, u64)>,
}

impl RunReading {
    /// The run that the figures are about.
    pub(crate) fn run(&self) -> Option<&str> {
        self.run.as_deref()
    }

    /// Takes the next view of a run.
    pub(crate) fn take(&mut self, run: &RunView, at: DateTime<Utc>) {
        if self.run.as_ref() != Some(&run.id) {
            *self = Self { run: Some(run.id.clone()), ..Self::default() };
        }
        let is_active = matches!(run.state, RunState::Running | RunState::Paused | RunState::Draining);
        self.state = run.state;
        self.lag = match run.totals.lag {
            Lag::Known(lag) if run.started_at.is_some() => Some(lag.saturating_sub(run.totals.ahead)),
            _ => None,
        };
        (self.dead_letters, self.skipped) = (run.totals.dead_lettered, run.totals.skipped);
        self.rate = is_active.then_some(run.throughput.records_per_s);
        self.eta_s = run.eta_s.filter(|_| is_active);
        let failed = run.totals.retried.saturating_add(run.totals.skipped).saturating_add(run.totals.dead_lettered);
        self.failures_per_s = self.failure_rate(failed, at).filter(|_| is_active);
    }

    fn failure_rate(&mut self, failed: u64, at: DateTime<Utc>) -> Option<f64> {
        // Counts that lie in the future are from before the clock was set back.
        self.failures.retain(|(time, _)| *time <= at);
        while self.failures.len() > 1 && self.failures.front().is_some_and(|(time, _)| at - *time > FAILURE_WINDOW) {
            self.failures.pop_front();
        }
        if self.failures.back().is_none_or(|(time, _)| at - *time >= COUNT_INTERVAL) {
            self.failures.push_back((at, failed));
        }
        let (since, before) = *self.failures.front()?;
        let window = at - since;
        let seconds = window.to_std().ok().filter(|_| window >= SHORTEST_WINDOW)?.as_secs_f64();
        #[allow(clippy::cast_precision_loss, reason = "a rate")]
        let rate = failed.saturating_sub(before) as f64 / seconds;
        Some(rate)
    }
}
