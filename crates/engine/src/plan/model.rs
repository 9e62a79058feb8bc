//! The prediction model: the time that a plan takes with a given number of workers, and what limits it.
//!
//! The time is the longest of: the schedule of the lanes ([`super::schedule`]), reading, the serial part of the
//! handler's work, committing, and the rate limit.

use kreplay_model::{
    domain::{Concurrency, Ordering},
    feed::{Bottleneck, CurvePoint, Prediction, Recommendation},
};

use super::schedule::{LaneLoads, PartitionAssignment, lane_schedule, partition_schedule};

/// Times whose ratio is above this count as equal. The limit is then the one that more workers would not lift.
const TIE_RATIO: f64 = 0.98;
/// The duration that the engine's batches aim for, in seconds (`replay::scheduler::batch_size`).
const BATCH_TARGET_S: f64 = 0.005;
/// A number of workers is sufficient if its time is at most this multiple of the best time.
const GOOD_ENOUGH_RATIO: f64 = 1.05;
/// The maximum recommendation. Each worker costs a thread, and often a connection to the target.
const MAX_RECOMMENDED_WORKERS: u32 = 100;

/// A part of the plan's range, at least as long as what fits into the buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryWindow {
    /// The number of records.
    pub records: u64,
    /// The number of records of the heaviest lane.
    pub heaviest: u64,
}

/// The inputs of a prediction, apart from the ordering and the number of workers.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Records to handle, by partition, in the plan's order.
    pub partitions: Vec<u64>,
    /// The index of each partition's topic.
    pub topics: Vec<usize>,
    /// The lanes with key order.
    pub lanes: LaneLoads,
    /// Whether the heaviest lane holds records without a key.
    pub keyless_heaviest: bool,
    /// The range in parts, each at least as long as what fits into the buffer; empty if all of it fits.
    pub memory_windows: Vec<MemoryWindow>,
    /// Records to read, including those that the filter excludes.
    pub read: u64,
    /// Handling time of a record, in seconds.
    pub work_s: f64,
    /// The part of `work_s` that commits take.
    pub commit_work_s: f64,
    /// The part of `work_s` that only one worker can do at a time.
    pub serial_s: f64,
    /// Records read per second, if known.
    pub fetch_per_s: Option<f64>,
    /// Duration of a commit in seconds; `None` without a group. With a group, Kafka's group protocol assigns the
    /// partitions.
    pub commit_s: Option<f64>,
    /// The shortest time that the rate limit allows, in seconds.
    pub rate_s: Option<f64>,
    /// The maximum number of records in a batch.
    pub batch: u32,
}

impl Model {
    /// The maximum number of workers that an ordering can use.
    #[must_use]
    pub fn max_workers(&self, ordering: Ordering) -> u32 {
        let all = Concurrency::MAX.get();
        match ordering {
            Ordering::Partition => u32::try_from(self.partitions.len()).unwrap_or(all).clamp(1, all),
            Ordering::Key | Ordering::None => all,
        }
    }

    /// The predicted time with this number of workers.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn predict(&self, ordering: Ordering, workers: u32) -> Prediction {
        let workers = workers.clamp(1, self.max_workers(ordering));
        let (mut elapsed_s, mut limit) = self.handling_time(ordering, workers);
        let total: u64 = self.partitions.iter().sum();
        let mut at_least = |seconds: f64, bottleneck: Bottleneck| {
            if seconds > elapsed_s {
                (elapsed_s, limit) = (seconds, bottleneck);
            }
        };
        at_least(total as f64 * self.serial_s, Bottleneck::Handler);
        at_least(self.fetch_per_s.map_or(0.0, |per_s| self.read as f64 / per_s), Bottleneck::Fetch);
        at_least(self.commit_s.unwrap_or(0.0), Bottleneck::Commit);
        at_least(self.rate_s.unwrap_or(0.0), Bottleneck::Rate);
        Prediction { elapsed_s, limit }
    }

    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn handling_time(&self, ordering: Ordering, workers: u32) -> (f64, Bottleneck) {
        let total: u64 = self.partitions.iter().sum();
        let even_share = total.div_ceil(u64::from(workers)) as f64;
        let batch = self.batch_records();
        let (records, heaviest, bottleneck) = match ordering {
            Ordering::None => (even_share, 0, Bottleneck::Workers),
            Ordering::Partition => {
                let assignment = if self.commit_s.is_some() {
                    PartitionAssignment::Range(&self.topics)
                } else {
                    PartitionAssignment::Dynamic
                };
                let records = partition_schedule(&self.partitions, workers, batch, assignment) as f64;
                (records, self.partitions.iter().copied().max().unwrap_or(0), Bottleneck::Partition)
            }
            Ordering::Key => {
                let bottleneck = if self.keyless_heaviest { Bottleneck::Partition } else { Bottleneck::Key };
                let records = (lane_schedule(&self.lanes, workers, batch) as f64).max(self.windowed_records(workers));
                (records, self.lanes.heaviest(), bottleneck)
            }
        };
        let held_back = heaviest as f64 >= even_share * TIE_RATIO || even_share < records * TIE_RATIO;
        (records * self.work_s, if held_back { bottleneck } else { Bottleneck::Workers })
    }

    /// If the plan does not fit into the buffer, sorted keys are handled block by block: the sum over all memory
    /// windows.
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn windowed_records(&self, workers: u32) -> f64 {
        self.memory_windows.iter().map(|one| (one.records as f64 / f64::from(workers)).max(one.heaviest as f64)).sum()
    }

    /// The number of records in a batch.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, then it is bounded"
    )]
    fn batch_records(&self) -> u64 {
        ((BATCH_TARGET_S / self.work_s.max(1e-9)) as u64).clamp(1, u64::from(self.batch.max(1)))
    }

    /// The predicted time for each of these numbers of workers, which must be ascending. Numbers above
    /// [`Self::max_workers`] are omitted. The curve never rises: an additional worker may stay idle.
    #[must_use]
    pub fn curve(&self, ordering: Ordering, workers: &[u32]) -> Vec<CurvePoint> {
        let mut best = f64::INFINITY;
        let most = self.max_workers(ordering);
        let allowed = workers.iter().copied().filter(|workers| (1..=most).contains(workers));
        allowed
            .map(|workers| {
                let predicted = self.predict(ordering, workers);
                best = best.min(predicted.elapsed_s);
                CurvePoint { workers, elapsed_s: best, limit: predicted.limit }
            })
            .collect()
    }

    /// The smallest number of workers whose time is close to the best. `heaviest` is the heaviest key, if there is one.
    #[must_use]
    pub fn recommend(&self, ordering: Ordering, heaviest: Option<&str>) -> Recommendation {
        let most = self.max_workers(ordering);
        let capped = most.min(MAX_RECOMMENDED_WORKERS);
        let low = self.smallest_sufficient(ordering, capped);
        let found = self.predict(ordering, low);
        // With twice as many workers, the limit is what would prevent a further gain.
        let limit = self.predict(ordering, low.saturating_mul(2).min(capped)).limit;
        let limit = if low == capped { found.limit } else { limit };
        let why = self.reason(ordering, low, limit, heaviest);
        Recommendation { workers: low, elapsed_s: found.elapsed_s, limit, why }
    }

    /// The smallest number of workers that is about as fast as `most` workers.
    fn smallest_sufficient(&self, ordering: Ordering, most: u32) -> u32 {
        let best = self.predict(ordering, most).elapsed_s;
        let (mut low, mut high) = (1, most);
        while low < high {
            let middle = u32::midpoint(low, high);
            if self.predict(ordering, middle).elapsed_s <= best * GOOD_ENOUGH_RATIO {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    fn reason(&self, ordering: Ordering, workers: u32, limit: Bottleneck, heaviest: Option<&str>) -> String {
        let more = match workers {
            1 => "a second worker would gain less than 5 %".to_owned(),
            _ => format!("more than {workers} workers would gain less than 5 %"),
        };
        match limit {
            Bottleneck::Workers if workers == self.max_workers(ordering) && ordering == Ordering::Partition => {
                let partitions = match workers {
                    1 => "the only partition".to_owned(),
                    _ => format!("each of the {workers} partitions"),
                };
                format!("{partitions} keeps one worker busy; more workers cannot be used")
            }
            Bottleneck::Workers => match self.smallest_sufficient(ordering, self.max_workers(ordering)) {
                enough if enough > workers => format!("more would still help, up to about {enough}"),
                _ => more,
            },
            Bottleneck::Key => {
                let key =
                    heaviest.map_or_else(|| "the heaviest key".to_owned(), |key| format!("the heaviest key, `{key}`,"));
                format!("{more}: {key} must be handled one record at a time")
            }
            Bottleneck::Partition if ordering == Ordering::Key => {
                format!("{more}: records without a key keep the order of their partition")
            }
            Bottleneck::Partition => {
                format!("{more}: the heaviest partition must be handled one record at a time")
            }
            Bottleneck::Handler => format!("{more}: part of the handler's work is serial"),
            Bottleneck::Fetch => format!("{more}: reading from the brokers takes longer than the work"),
            Bottleneck::Commit => format!("{more}: committing takes longer than the work"),
            Bottleneck::Rate => format!("{more}: the rate limit allows no more"),
        }
    }
}

/// The numbers of workers in tables and charts. Each is about a quarter more than the one before.
pub const CHART_WORKERS: [u32; 17] = [1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 50, 64, 80, 100];

#[cfg(test)]
#[path = "model_test.rs"]
mod tests;
