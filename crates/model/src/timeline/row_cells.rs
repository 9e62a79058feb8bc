//! What is known about a partition, a worker, or a watched group over a stretch of time. The worst is kept, so that it
//! does not disappear in a mean, however coarse the cells are.

use super::tier::Cell;
use crate::feed::Charge;

/// A partition of a run over a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartitionCell {
    /// Records handled.
    pub handled: f32,
    /// The lowest rate in records per second between two measurements.
    pub slowest_per_s: f32,
    /// The highest lag in offsets, if known.
    pub lag: Option<f32>,
    /// The highest 95th percentile of the handling times between two measurements in milliseconds, estimated from
    /// counts in buckets; `None` if no record was handled.
    pub p95_ms: Option<f32>,
    /// The time that was measured, in milliseconds. Of several partitions together, the sum of their times.
    pub covered_ms: u32,
}

impl PartitionCell {
    /// Mean rate in records per second. Of several partitions together, the mean of their rates.
    #[must_use]
    pub fn mean_per_s(&self) -> f64 {
        f64::from(self.handled) * 1000.0 / f64::from(self.covered_ms.max(1))
    }
}

impl Cell for PartitionCell {
    fn merge(&mut self, next: &Self) {
        self.handled += next.handled;
        self.slowest_per_s = self.slowest_per_s.min(next.slowest_per_s);
        self.lag = higher(self.lag, next.lag);
        self.p95_ms = higher(self.p95_ms, next.p95_ms);
        self.covered_ms = self.covered_ms.saturating_add(next.covered_ms);
    }
}

/// A worker over a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkerCell {
    /// Records handled.
    pub handled: f32,
    /// The time spent in the handler, in milliseconds.
    pub busy_ms: f32,
    /// The lowest share of its time spent in the handler between two measurements, 0 to 1.
    pub least_busy: f32,
    /// The highest share.
    pub most_busy: f32,
    /// The time that was measured, in milliseconds. Of several workers together, the sum of their times.
    pub covered_ms: u32,
    /// What it was longest in outside the handler; `None` if it was in the handler all the time, or if that is not
    /// known.
    pub longest_wait: Option<Charge>,
}

impl WorkerCell {
    /// The time outside the handler, in milliseconds.
    #[allow(clippy::cast_precision_loss, reason = "precise enough for figures that are drawn")]
    fn idle_ms(&self) -> f32 {
        (self.covered_ms as f32 - self.busy_ms).max(0.0)
    }

    /// The share of the time spent in the handler, 0 to 1.
    #[must_use]
    pub fn busy(&self) -> f64 {
        (f64::from(self.busy_ms) / f64::from(self.covered_ms.max(1))).clamp(0.0, 1.0)
    }
}

impl Cell for WorkerCell {
    fn merge(&mut self, next: &Self) {
        // The exact times by state are not kept: the state of the cell with more idle time represents both.
        if next.longest_wait.is_some() && (self.longest_wait.is_none() || next.idle_ms() > self.idle_ms()) {
            self.longest_wait = next.longest_wait;
        }
        self.handled += next.handled;
        self.busy_ms += next.busy_ms;
        self.least_busy = self.least_busy.min(next.least_busy);
        self.most_busy = self.most_busy.max(next.most_busy);
        self.covered_ms = self.covered_ms.saturating_add(next.covered_ms);
    }
}

/// A figure between its lowest and highest value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The lowest value.
    pub min: f32,
    /// The highest value.
    pub max: f32,
    /// The last value.
    pub last: f32,
}

impl Spread {
    /// The spread of one value; `None` if it is not a finite number.
    #[allow(clippy::cast_possible_truncation, reason = "precise enough for figures that are drawn")]
    pub(super) fn of(value: f64) -> Option<Self> {
        let value = value as f32;
        value.is_finite().then_some(Self { min: value, max: value, last: value })
    }
}

/// A watched group over a stretch of time. A figure is `None` where it was not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GroupCell {
    /// The lag over all partitions in offsets.
    pub lag: Option<Spread>,
    /// Offsets per second by which the logs grow.
    pub in_per_s: Option<Spread>,
    /// Offsets per second by which the committed offsets grow.
    pub out_per_s: Option<Spread>,
    /// The age of the oldest unread record in seconds.
    pub age_s: Option<Spread>,
}

impl Cell for GroupCell {
    fn merge(&mut self, next: &Self) {
        self.lag = wider(self.lag, next.lag);
        self.in_per_s = wider(self.in_per_s, next.in_per_s);
        self.out_per_s = wider(self.out_per_s, next.out_per_s);
        self.age_s = wider(self.age_s, next.age_s);
    }
}

/// A partition of a watched group over a stretch of time. A figure is `None` where it was not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GroupPartitionCell {
    /// The highest lag in offsets.
    pub lag: Option<f32>,
    /// The highest age of the first unread record in seconds.
    pub age_s: Option<f32>,
    /// The lowest rate in offsets per second by which the committed offset grew.
    pub slowest_out_per_s: Option<f32>,
}

impl Cell for GroupPartitionCell {
    fn merge(&mut self, next: &Self) {
        self.lag = higher(self.lag, next.lag);
        self.age_s = higher(self.age_s, next.age_s);
        self.slowest_out_per_s = match (self.slowest_out_per_s, next.slowest_out_per_s) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}

fn higher(one: Option<f32>, other: Option<f32>) -> Option<f32> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.max(other)),
        (one, other) => one.or(other),
    }
}

fn wider(one: Option<Spread>, next: Option<Spread>) -> Option<Spread> {
    match (one, next) {
        (Some(one), Some(next)) => {
            Some(Spread { min: one.min.min(next.min), max: one.max.max(next.max), last: next.last })
        }
        (one, next) => next.or(one),
    }
}
