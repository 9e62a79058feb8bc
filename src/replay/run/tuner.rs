//! Measures a run in windows of time for [`Adaptive`], and does what it says.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;

use super::Run;
use crate::{
    feed::{EventKind, RunState},
    replay::limits::{
        adaptive::{Adaptive, Advice, Observation},
        limiter::Throttle,
    },
};

/// The length of a window. With a group the members need some 0.2 s to settle after a change.
const WINDOW: Duration = Duration::from_millis(100);
const GROUP_WINDOW: Duration = Duration::from_millis(400);
/// A window holds so many records of each worker, or it says nothing of them.
const RECORDS: u64 = 3;
/// Handlers that are slower than this are measured by the few records that there are.
const LONGEST: Duration = Duration::from_secs(30);

/// What had been counted when the window began.
#[derive(Clone, Debug)]
struct Mark {
    at: Instant,
    handled: u64,
    busy_s: f64,
    failed: u64,
    left: u64,
    latency_ns: Histogram<u64>,
}

/// The edge between a run and the search for its number of workers.
#[derive(Debug)]
pub(super) struct Tuner {
    adaptive: Adaptive,
    mark: Option<Mark>,
    /// The most workers that could have been busy at once, in this window.
    usable: u64,
}

impl Run {
    pub(super) fn new_tuner(&self) -> Tuner {
        let most = self.max_concurrency().min(self.engine.settings.max_concurrency.get());
        Tuner { adaptive: Adaptive::new(self.target, most), mark: None, usable: 0 }
    }

    /// Closes a window when it is time, and changes the number of workers where that helps.
    pub(super) fn tune(&mut self, now: Instant) {
        let Some(mut tuner) = self.tuner.take() else { return };
        let usable = self.engine.board.usable();
        tuner.usable = tuner.usable.max(usable);
        if self.state != RunState::Running
            || self.engine.throttle() != Throttle::Open
            || self.rebalances.lock().is_open()
            || self.engine.board.first_taken().is_none()
        {
            // Nothing can be learnt from this time.
            tuner.mark = None;
        } else if let Some(mark) = &tuner.mark {
            if self.is_window_over(mark, now, usable) {
                let (seen, mark) = self.look_back(mark, now, tuner.usable);
                (tuner.mark, tuner.usable) = (Some(mark), usable);
                if let Advice::Change { to, reason } = tuner.adaptive.observe(&seen) {
                    tuner.mark = None;
                    if let Err(error) = self.change_concurrency(to, Some(reason)) {
                        self.engine.events.push(EventKind::Warning { text: format!("concurrency stays: {error}") });
                    }
                }
            }
        } else {
            (tuner.mark, tuner.usable) = (Some(self.mark(now)), usable);
        }
        self.tuner = Some(tuner);
    }

    fn is_window_over(&self, mark: &Mark, now: Instant, usable: u64) -> bool {
        let length = if self.engine.settings.group.is_some() { GROUP_WINDOW } else { WINDOW };
        let elapsed = now.saturating_duration_since(mark.at);
        let enough = || self.handled_by_workers() - mark.handled >= RECORDS * u64::from(self.target);
        elapsed >= length && (enough() || usable == 0 || elapsed >= LONGEST)
    }

    fn mark(&self, now: Instant) -> Mark {
        Mark {
            at: now,
            handled: self.handled_by_workers(),
            busy_s: self.busy_seconds(),
            failed: self.engine.retried.load(Relaxed) + self.engine.skipped.load(Relaxed),
            left: self.engine.partitions.iter().map(|one| one.lock().lag().known().unwrap_or(0)).sum(),
            latency_ns: self.engine.latency_ns.lock().clone(),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn look_back(&self, mark: &Mark, now: Instant, usable: u64) -> (Observation, Mark) {
        let end = self.mark(now);
        let seconds = now.saturating_duration_since(mark.at).as_secs_f64().max(1e-3);
        let handled = (end.handled - mark.handled) as f64;
        let failed = (end.failed - mark.failed) as f64;
        let mut latency_ns = end.latency_ns.clone();
        // The older one is a part of the newer.
        let is_apart = latency_ns.subtract(&mark.latency_ns).is_ok();
        let seen = Observation {
            throughput: handled / seconds,
            p95_ms: if is_apart { latency_ns.value_at_quantile(0.95) as f64 / 1e6 } else { 0.0 },
            failures: if failed > 0.0 { failed / (handled + failed) } else { 0.0 },
            busy: ((end.busy_s - mark.busy_s) / (seconds * f64::from(self.target))).clamp(0.0, 1.0),
            lanes: usable,
            falls_behind: end.left > mark.left,
            held: false,
        };
        (seen, end)
    }

    fn handled_by_workers(&self) -> u64 {
        self.workers.iter().map(|slot| slot.stats.handled.load(Relaxed)).sum()
    }
}
