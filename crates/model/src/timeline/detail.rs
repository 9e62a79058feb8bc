//! The partitions and the workers of runs over time.

use std::collections::HashMap;

use super::{
    Moment,
    probe::{Probe, Probes},
    row_cells::{PartitionCell, WorkerCell},
    rows::{Budget, Rows},
};
use crate::{
    domain::TopicPartition,
    feed::{Charge, Charges, HandlingTimes, PartitionView, RunView, WorkerView},
};

/// 60 MB for partitions, whose cells have 40 bytes. With 1,000 of them that is the last six minutes in seconds, and
/// 62 hours in all.
const PARTITION_BUDGET: Budget = Budget { cells: 1_500_000, rows: 20_000 };
/// 13 MB for workers, whose cells have 32 bytes.
const WORKER_BUDGET: Budget = Budget { cells: 400_000, rows: 10_000 };
/// Shortest time between two measurements in milliseconds: the finest cells are not finer.
const INTERVAL_MS: i64 = 1_000;

/// What was handled of a partition up to a snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Handled {
    records: u64,
    times: HandlingTimes,
}

impl Handled {
    fn of(partition: &PartitionView) -> Self {
        Self { records: partition.handled, times: partition.handling_times }
    }
}

/// What a worker has done up to a snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Worked {
    handled: u64,
    busy_ns: u64,
    charges: Charges,
}

impl Worked {
    fn of(worker: &WorkerView) -> Self {
        // `busy_ns` is counted when a call of the handler returns; the charges include the call that lasts.
        let busy_ns = worker.busy_ns.max(worker.charges.of(Charge::Handling));
        Self { handled: worker.handled, busy_ns, charges: worker.charges }
    }

    /// The longest state since an earlier snapshot, except handling.
    fn longest_wait(&self, before: &Self) -> Option<Charge> {
        let states = self.charges.since(&before.charges).longest_first();
        states.into_iter().map(|(charge, _)| charge).find(|charge| *charge != Charge::Handling)
    }
}

/// The partitions and the workers of the runs of a session over time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Detail {
    pub(super) partitions: Rows<TopicPartition, PartitionCell>,
    pub(super) workers: Rows<u32, WorkerCell>,
    probes: Probes,
    handled: HashMap<TopicPartition, Handled>,
    worked: HashMap<u32, Worked>,
}

impl Default for Detail {
    fn default() -> Self {
        Self {
            partitions: Rows::new(PARTITION_BUDGET),
            workers: Rows::new(WORKER_BUDGET),
            probes: Probes::default(),
            handled: HashMap::new(),
            worked: HashMap::new(),
        }
    }
}

impl Detail {
    /// Forgets the counts of the run before.
    pub(super) fn begin_run(&mut self) {
        self.probes = Probes::default();
        self.handled.clear();
        self.worked.clear();
    }

    /// The moment of the last measurement of the run.
    pub(super) fn until(&self) -> Option<Moment> {
        self.probes.last()
    }

    /// Adds a snapshot, unless the last one is too recent.
    pub(super) fn record(&mut self, run: &RunView, at: Moment, longest_gap_ms: i64) {
        let is_due = self.probes.last().is_none_or(|last| at >= last.plus_ms(INTERVAL_MS));
        if !is_due && !run.state.is_over() {
            return;
        }
        let Some(probe) = self.probes.next(at, longest_gap_ms) else { return };
        self.partitions.admit(run.partitions.iter().map(|partition| &partition.id));
        self.workers.admit(run.workers.iter().map(|worker| &worker.id));
        for partition in &run.partitions {
            self.record_partition(partition, probe);
        }
        for worker in &run.workers {
            self.record_worker(worker, probe);
        }
        self.handled = run.partitions.iter().map(|partition| (partition.id.clone(), Handled::of(partition))).collect();
        self.worked = run.workers.iter().map(|worker| (worker.id, Worked::of(worker))).collect();
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "figures that are drawn")]
    fn record_partition(&mut self, partition: &PartitionView, probe: Probe) {
        let (Probe::Next(range), Some(before)) = (probe, self.handled.get(&partition.id)) else { return };
        let per_ms = partition.handled.saturating_sub(before.records) as f64 / range.ms() as f64;
        let p95_ms = partition.handling_times.since(&before.times).quantile_ms(0.95);
        self.partitions.push(&partition.id, range, |ms| PartitionCell {
            handled: (per_ms * ms as f64) as f32,
            slowest_per_s: (per_ms * 1000.0) as f32,
            lag: partition.lag.known().map(|lag| lag as f32),
            p95_ms: p95_ms.map(|p95_ms| p95_ms as f32),
            covered_ms: u32::try_from(ms).unwrap_or(0),
        });
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "figures that are drawn")]
    fn record_worker(&mut self, worker: &WorkerView, probe: Probe) {
        let (Probe::Next(range), Some(before)) = (probe, self.worked.get(&worker.id)) else { return };
        let now = Worked::of(worker);
        let per_ms = now.handled.saturating_sub(before.handled) as f64 / range.ms() as f64;
        let busy = (now.busy_ns.saturating_sub(before.busy_ns) as f64 / 1e6 / range.ms() as f64).min(1.0);
        let longest_wait = now.longest_wait(before);
        self.workers.push(&worker.id, range, |ms| WorkerCell {
            handled: (per_ms * ms as f64) as f32,
            busy_ms: (busy * ms as f64) as f32,
            least_busy: busy as f32,
            most_busy: busy as f32,
            covered_ms: u32::try_from(ms).unwrap_or(0),
            longest_wait,
        });
    }
}
