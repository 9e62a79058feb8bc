//! The current run over time, collected from successive snapshots.

use std::collections::HashMap;

use kreplay_model::{
    domain::TopicPartition,
    feed::{Recent, RunView, Series},
};

/// A mark in the chart that explains a change of speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// Seconds after the run's start.
    pub at_s: f64,
    /// Its kind.
    pub kind: MarkKind,
}

/// The kind of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// The number of workers changed to this.
    Concurrency(u32),
    /// A rebalance.
    Rebalance,
}

/// The current run over time.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    run_id: String,
    concurrency: u32,
    throughput: Series,
    /// The handled count at the last snapshot, and its time in seconds.
    counted: Option<(u64, f64)>,
    marks: Vec<Mark>,
    rebalances_seen: usize,
    trends: HashMap<TopicPartition, Recent>,
    next_trend_s: f64,
}

/// Initial slice length of the throughput series, in seconds. Snapshots arrive about ten times a second.
const SLICE_S: f64 = 0.1;
/// Interval at which partition rates are recorded, in seconds. A trend of 8 cells shows the last two seconds.
const TREND_INTERVAL_S: f64 = 0.25;
/// Maximum number of marks; the oldest are dropped first.
const MAX_MARKS: usize = 200;

impl Default for History {
    fn default() -> Self {
        Self {
            run_id: String::new(),
            concurrency: 0,
            throughput: Series::new(SLICE_S),
            counted: None,
            marks: Vec::new(),
            rebalances_seen: 0,
            trends: HashMap::new(),
            next_trend_s: 0.0,
        }
    }
}

impl History {
    /// Records a snapshot of a run. A new run starts a new history.
    pub(crate) fn record(&mut self, run: &RunView) {
        if run.id != self.run_id {
            *self = Self { run_id: run.id.clone(), concurrency: run.concurrency, ..Self::default() };
        }
        if run.started_at.is_none() {
            return;
        }
        if run.concurrency != self.concurrency {
            self.concurrency = run.concurrency;
            self.mark(run.elapsed_s, MarkKind::Concurrency(run.concurrency));
        }
        for rebalance in run.rebalances.iter().skip(self.rebalances_seen) {
            self.mark(rebalance.at_s, MarkKind::Rebalance);
        }
        self.rebalances_seen = run.rebalances.len();
        self.count(run.totals.handled, run.elapsed_s);
        if run.state.is_over() {
            return;
        }
        if run.elapsed_s >= self.next_trend_s {
            self.next_trend_s = run.elapsed_s + TREND_INTERVAL_S;
            self.record_trends(run);
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "small counts between two snapshots")]
    fn count(&mut self, handled: u64, at_s: f64) {
        // The first snapshot only sets the base: records handled before a resume are not counted.
        if let Some((counted_before, then_s)) = self.counted.replace((handled, at_s)) {
            self.throughput.push(then_s, at_s, handled.saturating_sub(counted_before) as f64);
        }
    }

    fn mark(&mut self, at_s: f64, kind: MarkKind) {
        if self.marks.len() == MAX_MARKS {
            self.marks.remove(0);
        }
        self.marks.push(Mark { at_s, kind });
    }

    fn record_trends(&mut self, run: &RunView) {
        for partition in &run.partitions {
            if let Some(trend) = self.trends.get_mut(&partition.id) {
                trend.push(partition.records_per_s);
            } else {
                let mut trend = Recent::default();
                trend.push(partition.records_per_s);
                self.trends.insert(partition.id.clone(), trend);
            }
        }
    }

    /// The counted throughput of the whole run.
    #[must_use]
    pub fn throughput(&self) -> &Series {
        &self.throughput
    }

    /// The marks, oldest first.
    #[must_use]
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// The recent rates of a partition.
    #[must_use]
    pub fn trend(&self, partition: &TopicPartition) -> Option<&Recent> {
        self.trends.get(partition)
    }
}
