//! The present run over time, gathered from one snapshot after the other.

use std::collections::HashMap;

use crate::{
    domain::TopicPartition,
    feed::{Recent, RunView, Series},
};

/// Something that explains a change of speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// Seconds after the run's start.
    pub at_s: f64,
    /// What happened.
    pub kind: MarkKind,
}

/// What a mark stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// The number of workers became this.
    Concurrency(u32),
    /// Owners changed.
    Rebalance,
}

/// The present run over time.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    run_id: String,
    concurrency: u32,
    throughput: Series,
    /// What was handled at the last moment, and when that was.
    counted: Option<(u64, f64)>,
    marks: Vec<Mark>,
    rebalances_seen: usize,
    trends: HashMap<TopicPartition, Recent>,
    next_trend_s: f64,
}

/// How long a slice of the throughput is at first; snapshots come about ten times a second.
const SLICE_S: f64 = 0.1;
/// How often a partition's rate is noted, so that a trend of 8 cells shows the last two seconds.
const TREND_S: f64 = 0.25;
/// How many marks are kept; the oldest go first.
const MARKS: usize = 200;

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
    /// Adds a moment. A new run begins a new history.
    pub(in crate::console) fn note(&mut self, run: &RunView) {
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
            self.next_trend_s = run.elapsed_s + TREND_S;
            self.note_trends(run);
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "records of a moment")]
    fn count(&mut self, handled: u64, at_s: f64) {
        // What a resumed run had handled before was not handled now.
        if let Some((before, then_s)) = self.counted.replace((handled, at_s)) {
            self.throughput.push(then_s, at_s, handled.saturating_sub(before) as f64);
        }
    }

    fn mark(&mut self, at_s: f64, kind: MarkKind) {
        if self.marks.len() == MARKS {
            self.marks.remove(0);
        }
        self.marks.push(Mark { at_s, kind });
    }

    fn note_trends(&mut self, run: &RunView) {
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

    /// Records handled in a second over the whole run, as they were counted.
    #[must_use]
    pub fn throughput(&self) -> &Series {
        &self.throughput
    }

    /// What explains its changes, oldest first.
    #[must_use]
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// A partition's rate over the last moments.
    #[must_use]
    pub fn trend(&self, partition: &TopicPartition) -> Option<&Recent> {
        self.trends.get(partition)
    }
}
