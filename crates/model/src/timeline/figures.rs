//! The figures of runs over time.

use super::{Moment, TimeRange, probe::Probe, summary::Series, tier::TierSize};
use crate::feed::{LatencyCounts, LatencyMs, RunView};

/// Resolutions of the figures of runs. A cell has 48 bytes: all figures together reach 38 MB, after 30 days.
const TIERS: [TierSize; 4] = [
    TierSize { cell_ms: 100, cells: 6_000 },
    TierSize { cell_ms: 1_000, cells: 7_200 },
    TierSize { cell_ms: 10_000, cells: 8_640 },
    TierSize { cell_ms: 60_000, cells: 43_200 },
];

/// A figure of a run over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Figure {
    /// Records handled per second.
    HandledPerS,
    /// Bytes handled per second.
    BytesPerS,
    /// Offsets by which the logs grow per second. Only of runs that follow the log.
    ArrivingPerS,
    /// The lag in offsets, while it is known.
    Lag,
    /// Bytes of records in memory.
    HeldBytes,
    /// The configured number of workers.
    Workers,
    /// Retries per second.
    RetriedPerS,
    /// Records per second that failed for good: dead letters and skipped records.
    FailedPerS,
    /// The median of the handling times between two snapshots, in milliseconds.
    LatencyP50Ms,
    /// The 95th percentile.
    LatencyP95Ms,
    /// The 99th percentile.
    LatencyP99Ms,
    /// The maximum.
    LatencyMaxMs,
}

impl Figure {
    /// All figures.
    pub const ALL: [Self; 12] = [
        Self::HandledPerS,
        Self::BytesPerS,
        Self::ArrivingPerS,
        Self::Lag,
        Self::HeldBytes,
        Self::Workers,
        Self::RetriedPerS,
        Self::FailedPerS,
        Self::LatencyP50Ms,
        Self::LatencyP95Ms,
        Self::LatencyP99Ms,
        Self::LatencyMaxMs,
    ];
}

/// What is subtracted from the next snapshot of the same run.
#[derive(Clone, Debug, PartialEq)]
struct Counted {
    handled: u64,
    bytes: u64,
    retried: u64,
    failed: u64,
    latency: LatencyCounts,
    /// The number of partitions and the sum of their ends.
    logs: (usize, i64),
}

impl Counted {
    fn of(run: &RunView) -> Self {
        let totals = &run.totals;
        let ends = run.partitions.iter().fold(0_i64, |sum, partition| sum.saturating_add(partition.end.get()));
        Self {
            handled: totals.handled,
            bytes: totals.bytes,
            retried: totals.retried,
            failed: totals.dead_lettered.saturating_add(totals.skipped),
            latency: run.latency_counts.clone(),
            logs: (run.partitions.len(), ends),
        }
    }
}

/// The figures of the runs of a session over time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figures {
    series: [Series; Figure::ALL.len()],
    before: Option<Counted>,
}

impl Default for Figures {
    fn default() -> Self {
        Self { series: std::array::from_fn(|_| Series::new(&TIERS)), before: None }
    }
}

impl Figures {
    pub(super) fn series(&self, figure: Figure) -> &Series {
        // The discriminants are the indices of the array.
        let [first, ..] = &self.series;
        self.series.get(figure as usize).unwrap_or(first)
    }

    /// Forgets the counts of the run before.
    pub(super) fn begin_run(&mut self) {
        self.before = None;
    }

    /// The number of cells of all figures.
    pub(super) fn cells(&self) -> usize {
        self.series.iter().map(Series::cells).sum()
    }

    fn hold(&mut self, figure: Figure, range: TimeRange, value: f64) {
        if let Some(series) = self.series.get_mut(figure as usize) {
            series.hold(range, value);
        }
    }

    /// Adds a snapshot. A figure that is a state holds for the time since the snapshot before; one that counts is
    /// known only if there was one.
    #[allow(clippy::cast_precision_loss, reason = "precise enough for figures that are drawn")]
    pub(super) fn record(&mut self, run: &RunView, probe: Probe) {
        let counted = Counted::of(run);
        let before = self.before.replace(counted.clone());
        let range = probe.range();
        if let Some(lag) = run.totals.lag.known() {
            self.hold(Figure::Lag, range, lag as f64);
        }
        self.hold(Figure::HeldBytes, range, run.buffered_bytes as f64);
        self.hold(Figure::Workers, range, f64::from(run.concurrency));
        let (Probe::Next(range), Some(before)) = (probe, before) else { return };
        let per_s = |now: u64, then: u64| now.saturating_sub(then) as f64 * 1000.0 / range.ms() as f64;
        self.hold(Figure::HandledPerS, range, per_s(counted.handled, before.handled));
        self.hold(Figure::BytesPerS, range, per_s(counted.bytes, before.bytes));
        self.hold(Figure::RetriedPerS, range, per_s(counted.retried, before.retried));
        self.hold(Figure::FailedPerS, range, per_s(counted.failed, before.failed));
        let ((logs, ends), (logs_before, ends_before)) = (counted.logs, before.logs);
        if run.plan.follow && logs == logs_before {
            let grown = ends.saturating_sub(ends_before).max(0);
            self.hold(Figure::ArrivingPerS, range, grown as f64 * 1000.0 / range.ms() as f64);
        }
        if let Some(LatencyMs { p50, p95, p99, max }) = counted.latency.since(&before.latency).percentiles() {
            self.hold(Figure::LatencyP50Ms, range, p50);
            self.hold(Figure::LatencyP95Ms, range, p95);
            self.hold(Figure::LatencyP99Ms, range, p99);
            self.hold(Figure::LatencyMaxMs, range, max);
        }
    }

    /// The value at a moment: the last one of the finest cell that has it.
    pub(super) fn value_at(&self, figure: Figure, at: Moment) -> Option<f64> {
        self.series(figure).at(at).map(|cell| cell.last)
    }
}
