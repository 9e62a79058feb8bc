//! Measures a run in windows of time for [`ConcurrencyController`], and applies its adjustments.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use kreplay_model::feed::RunState;

use super::Run;
use crate::replay::limits::{
    adaptive::{Adjustment, ConcurrencyController, Observation},
    limiter::Throttle,
};

/// The length of a window. In a group, members take about 0.2 s to settle after a change.
const WINDOW: Duration = Duration::from_millis(100);
const GROUP_WINDOW: Duration = Duration::from_millis(400);
/// The minimum number of records of each worker in a window.
const MIN_RECORDS_PER_WORKER: u64 = 3;
/// A window ends after this time even with fewer records, for slow handlers.
const MAX_WINDOW: Duration = Duration::from_secs(30);

/// The counters at the start of a window.
#[derive(Clone, Debug)]
struct WindowStart {
    at: Instant,
    handled: u64,
    busy_s: f64,
    failed: u64,
    left: u64,
    latency_ns: Histogram<u64>,
}

/// Connects a run to the controller of its number of workers.
#[derive(Debug)]
pub(super) struct Tuner {
    adaptive: ConcurrencyController,
    window_start: Option<WindowStart>,
    /// The most workers that could have been busy at once in this window.
    usable: u64,
}

impl Run {
    pub(super) fn new_tuner(&self) -> Tuner {
        let most = self.max_concurrency().min(self.engine.settings.max_concurrency.get());
        Tuner { adaptive: ConcurrencyController::new(self.wanted_workers, most), window_start: None, usable: 0 }
    }

    /// Ends a window when it is complete, and changes the number of workers if that helps.
    pub(super) fn tune(&mut self, now: Instant) {
        let Some(mut tuner) = self.tuner.take() else { return };
        let usable = self.engine.scheduler.usable_workers();
        tuner.usable = tuner.usable.max(usable);
        if self.state() != RunState::Running
            || self.lag_guard.as_ref().is_some_and(|guard| guard.throttle() != Throttle::Open)
            || self.rebalances.lock().is_open()
            || self.engine.scheduler.first_taken().is_none()
        {
            // This time cannot be measured.
            tuner.window_start = None;
        } else if let Some(window_start) = &tuner.window_start {
            if self.is_window_over(window_start, now, usable) {
                let (observation, window_start) = self.observe_window(window_start, now, tuner.usable);
                (tuner.window_start, tuner.usable) = (Some(window_start), usable);
                if let Adjustment::Change { to, reason } = tuner.adaptive.observe(&observation) {
                    tuner.window_start = None;
                    if let Err(error) = self.change_concurrency(to, Some(reason)) {
                        self.engine.events.warn(format!("the number of workers is unchanged: {error}"));
                    }
                }
            }
        } else {
            (tuner.window_start, tuner.usable) = (Some(self.window_start(now)), usable);
        }
        self.tuner = Some(tuner);
    }

    fn is_window_over(&self, window_start: &WindowStart, now: Instant, usable: u64) -> bool {
        let length = if self.engine.settings.group.is_some() { GROUP_WINDOW } else { WINDOW };
        let elapsed = now.saturating_duration_since(window_start.at);
        let enough = || {
            self.handled_by_workers() - window_start.handled >= MIN_RECORDS_PER_WORKER * u64::from(self.wanted_workers)
        };
        elapsed >= length && (enough() || usable == 0 || elapsed >= MAX_WINDOW)
    }

    fn window_start(&self, now: Instant) -> WindowStart {
        WindowStart {
            at: now,
            handled: self.handled_by_workers(),
            busy_s: self.busy_seconds(),
            failed: self.engine.counters.retried.load(Relaxed) + self.engine.counters.skipped.load(Relaxed),
            left: self.engine.partitions.iter().map(|one| one.lock().lag().known().unwrap_or(0)).sum(),
            latency_ns: self.engine.counters.latency_ns.lock().clone(),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn observe_window(&self, window_start: &WindowStart, now: Instant, usable: u64) -> (Observation, WindowStart) {
        let end = self.window_start(now);
        let seconds = now.saturating_duration_since(window_start.at).as_secs_f64().max(1e-3);
        let handled = (end.handled - window_start.handled) as f64;
        let failed = (end.failed - window_start.failed) as f64;
        let mut latency_ns = end.latency_ns.clone();
        // Works because the older histogram is contained in the newer one.
        let is_apart = latency_ns.subtract(&window_start.latency_ns).is_ok();
        let observation = Observation {
            throughput: handled / seconds,
            p95_ms: if is_apart { latency_ns.value_at_quantile(0.95) as f64 / 1e6 } else { 0.0 },
            failures: if failed > 0.0 { failed / (handled + failed) } else { 0.0 },
            busy: ((end.busy_s - window_start.busy_s) / (seconds * f64::from(self.wanted_workers))).clamp(0.0, 1.0),
            lanes: usable,
            falls_behind: end.left > window_start.left,
            held: false,
        };
        (observation, end)
    }

    fn handled_by_workers(&self) -> u64 {
        self.workers.iter().map(|slot| slot.stats.handled.load(Relaxed)).sum()
    }
}
