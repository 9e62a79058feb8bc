//! How long a plan's records should take with so many workers, and what sets that time.
//!
//! The time is the longest of: the schedule of the lanes ([`super::schedule`]), reading, the part of the work that only one
//! worker can do at a time, and committing.

use super::schedule::{Dealing, LaneLoads, by_lane, by_partition};
use crate::{
    domain::{Concurrency, Ordering},
    feed::{Bound, CurvePoint, Prediction, Recommendation},
};

/// Within this part two times count as equal; the limit is then the one that more workers would not lift.
const TIE: f64 = 0.98;
/// How long the engine's batches take, in seconds (`replay::board::batch_size`).
const BATCH_S: f64 = 0.005;
/// A number of workers is good enough when its time is within this of the best.
const NEAR: f64 = 1.05;
/// More workers than this are not recommended unasked: each costs a thread here, and a connection or more wherever the
/// handler goes.
const MOST_RECOMMENDED: u32 = 100;

/// A part of the plan's range, and how much of it must be handled one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// Records in all.
    pub records: u64,
    /// Records of its heaviest lane.
    pub heaviest: u64,
}

/// All that the time depends on, but for the ordering and the number of workers.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// Records to be handled by partition, in the plan's order.
    pub partitions: Vec<u64>,
    /// The topic's number of each partition.
    pub topics: Vec<usize>,
    /// Lanes with key order.
    pub lanes: LaneLoads,
    /// Whether the heaviest of them is that of records without a key.
    pub keyless_heaviest: bool,
    /// The range in parts, each at least as long as what fits into memory; empty where all of it fits.
    pub stretches: Vec<Stretch>,
    /// Records to be read, the filtered among them.
    pub read: u64,
    /// Seconds of work for a record.
    pub work_s: f64,
    /// The part of those during which nobody else can work.
    pub serial_s: f64,
    /// Records that can be read in a second, where that is known.
    pub fetch_per_s: Option<f64>,
    /// With a group: how long a commit takes, in seconds; Kafka's group protocol then gives the partitions out.
    pub commit_s: Option<f64>,
    /// How long a rate that is set makes it last, in seconds.
    pub rate_s: Option<f64>,
    /// The most records a handler gets at once.
    pub batch: u32,
}

impl Model {
    /// The most workers that an ordering allows.
    #[must_use]
    pub fn most(&self, ordering: Ordering) -> u32 {
        let all = Concurrency::MAX.get();
        match ordering {
            Ordering::Partition => u32::try_from(self.partitions.len()).unwrap_or(all).clamp(1, all),
            Ordering::Key | Ordering::None => all,
        }
    }

    /// The time with so many workers.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn predict(&self, ordering: Ordering, workers: u32) -> Prediction {
        let workers = workers.clamp(1, self.most(ordering));
        let (mut elapsed_s, mut limit) = self.handling(ordering, workers);
        let total: u64 = self.partitions.iter().sum();
        let mut at_least = |seconds: f64, bound: Bound| {
            if seconds > elapsed_s {
                (elapsed_s, limit) = (seconds, bound);
            }
        };
        at_least(total as f64 * self.serial_s, Bound::Handler);
        at_least(self.fetch_per_s.map_or(0.0, |per_s| self.read as f64 / per_s), Bound::Fetch);
        at_least(self.commit_s.unwrap_or(0.0), Bound::Commit);
        at_least(self.rate_s.unwrap_or(0.0), Bound::Rate);
        Prediction { elapsed_s, limit }
    }

    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn handling(&self, ordering: Ordering, workers: u32) -> (f64, Bound) {
        let total: u64 = self.partitions.iter().sum();
        let shared = total.div_ceil(u64::from(workers)) as f64;
        let batch = self.batch_records();
        let (records, heaviest, bound) = match ordering {
            Ordering::None => (shared, 0, Bound::Workers),
            Ordering::Partition => {
                let dealing = if self.commit_s.is_some() { Dealing::Range(&self.topics) } else { Dealing::Own };
                let records = by_partition(&self.partitions, workers, batch, dealing) as f64;
                (records, self.partitions.iter().copied().max().unwrap_or(0), Bound::Partition)
            }
            Ordering::Key => {
                let bound = if self.keyless_heaviest { Bound::Partition } else { Bound::Key };
                let records = (by_lane(&self.lanes, workers, batch) as f64).max(self.in_stretches(workers));
                (records, self.lanes.heaviest(), bound)
            }
        };
        let held_back = heaviest as f64 >= shared * TIE || shared < records * TIE;
        (records * self.work_s, if held_back { bound } else { Bound::Workers })
    }

    /// With less memory than the plan has records, what comes in blocks is handled in blocks.
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    fn in_stretches(&self, workers: u32) -> f64 {
        self.stretches.iter().map(|one| (one.records as f64 / f64::from(workers)).max(one.heaviest as f64)).sum()
    }

    /// How many records the engine hands out at once.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, then it is bounded"
    )]
    fn batch_records(&self) -> u64 {
        ((BATCH_S / self.work_s.max(1e-9)) as u64).clamp(1, u64::from(self.batch.max(1)))
    }

    /// The time for each of these numbers of workers, which must rise; numbers above what the ordering allows are left out.
    /// A worker more never makes it slower: it may as well stay idle.
    #[must_use]
    pub fn curve(&self, ordering: Ordering, workers: &[u32]) -> Vec<CurvePoint> {
        let mut best = f64::INFINITY;
        let most = self.most(ordering);
        let allowed = workers.iter().copied().filter(|workers| (1..=most).contains(workers));
        allowed
            .map(|workers| {
                let predicted = self.predict(ordering, workers);
                best = best.min(predicted.elapsed_s);
                CurvePoint { workers, elapsed_s: best, limit: predicted.limit }
            })
            .collect()
    }

    /// The smallest number of workers whose time is near the best one. `heaviest` names the heaviest key, where there is one.
    #[must_use]
    pub fn recommend(&self, ordering: Ordering, heaviest: Option<&str>) -> Recommendation {
        let most = self.most(ordering);
        let asked = most.min(MOST_RECOMMENDED);
        let low = self.enough(ordering, asked);
        let found = self.predict(ordering, low);
        // What holds more workers back shows where there are more of them.
        let limit = self.predict(ordering, low.saturating_mul(2).min(asked)).limit;
        let limit = if low == asked { found.limit } else { limit };
        let why = self.why(ordering, low, limit, heaviest);
        Recommendation { workers: low, elapsed_s: found.elapsed_s, limit, why }
    }

    /// The smallest number of workers that is about as fast as `most` of them.
    fn enough(&self, ordering: Ordering, most: u32) -> u32 {
        let best = self.predict(ordering, most).elapsed_s;
        let (mut low, mut high) = (1, most);
        while low < high {
            let middle = u32::midpoint(low, high);
            if self.predict(ordering, middle).elapsed_s <= best * NEAR {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    fn why(&self, ordering: Ordering, workers: u32, limit: Bound, heaviest: Option<&str>) -> String {
        let more = match workers {
            1 => "a second worker would gain less than 5 %".to_owned(),
            _ => format!("more than {workers} workers would gain less than 5 %"),
        };
        match limit {
            Bound::Workers if workers == self.most(ordering) && ordering == Ordering::Partition => {
                format!("each of the {workers} partitions keeps one worker busy, and more than that cannot be used")
            }
            Bound::Workers => match self.enough(ordering, self.most(ordering)) {
                enough if enough > workers => format!("more would still help, up to about {enough}"),
                _ => more,
            },
            Bound::Key => {
                let key =
                    heaviest.map_or_else(|| "the heaviest key".to_owned(), |key| format!("the heaviest key, `{key}`,"));
                format!("{more}: {key} must be handled one record after the other")
            }
            Bound::Partition if ordering == Ordering::Key => {
                format!("{more}: records without a key keep the order of their partition")
            }
            Bound::Partition => format!("{more}: the heaviest partition must be handled one record after the other"),
            Bound::Handler => format!("{more}: the handler does a part of its work for one worker at a time"),
            Bound::Fetch => format!("{more}: reading from the brokers takes longer than the work"),
            Bound::Commit => format!("{more}: committing takes longer than the work"),
            Bound::Rate => format!("{more}: the rate that is set allows no more"),
        }
    }
}

/// The numbers of workers that a table or chart shows: 1, 2, 4, 6, 8 and so on up to 100, each about a quarter more than the
/// one before.
pub const WORKERS: [u32; 17] = [1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 50, 64, 80, 100];

#[cfg(test)]
#[path = "model_test.rs"]
mod tests;
