//! Estimates how long the remaining work of a run takes, from what remains and the recent pace. Pure: the caller
//! measures.
//!
//!  The estimate applies [`super::Model`], which also predicts runs, to the remaining work: records that were read,
//!  lane by lane, and unread records, distributed like those that were read. It is never less than the remaining
//!  records at the recent pace, which includes what the model leaves out.

use std::collections::HashMap;

use kreplay_model::{
    domain::Ordering,
    feed::{Bottleneck, Prediction},
};
use xxhash_rust::xxh3::Xxh3Builder;

use super::{LaneLoads, Model};

/// If the recent pace needs this much more time than the model, reading is the limit.
const READ_BOUND_RATIO: f64 = 1.15;

/// The remaining work of a partition of this process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionLeft {
    /// Records that were read and are not settled.
    pub unfinished: u64,
    /// Offsets that have not been read.
    pub unread: u64,
    /// Records to handle per offset read: less than 1 if a filter excludes records or the log has gaps. `None` before
    /// anything was read.
    pub share: Option<f64>,
    /// Records handled so far, by lane.
    pub handled: Vec<(u32, u64)>,
    /// The worker that owns the partition, if partitions are owned.
    pub owner: Option<u32>,
}

/// Records that wait in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneBacklog {
    /// The lane.
    pub lane: u32,
    /// The number of records.
    pub records: u64,
    /// The partition of the first record.
    pub partition: u32,
}

/// The remaining work of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkLeft {
    /// Records to handle, by partition.
    pub partitions: Vec<u64>,
    /// The owner of each partition, if partitions are owned.
    pub owners: Vec<Option<u32>>,
    /// Records to handle, by lane, the fullest first.
    pub lanes: Vec<(u32, u64)>,
    /// Offsets that have not been read.
    pub unread: u64,
}

impl WorkLeft {
    /// Computes the remaining work. Unread records are assumed to be like those that were read.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts far below 2^52"
    )]
    pub fn new(partitions: &[PartitionLeft], backlog: &[LaneBacklog]) -> Self {
        let shares: Vec<f64> = partitions.iter().filter_map(|one| one.share).collect();
        let mean_share = if shares.is_empty() { 1.0 } else { shares.iter().sum::<f64>() / shares.len() as f64 };
        let unread = |one: &PartitionLeft| one.unread as f64 * one.share.unwrap_or(mean_share).clamp(0.0, 1.0);
        Self {
            partitions: partitions.iter().map(|one| one.unfinished + unread(one).round() as u64).collect(),
            owners: partitions.iter().map(|one| one.owner).collect(),
            lanes: lanes(partitions, backlog, unread),
            unread: partitions.iter().map(|one| one.unread).sum(),
        }
    }

    /// Records to handle.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.partitions.iter().sum()
    }
}

/// The remaining records by lane. A lane's share of a partition's unread records is its share of those that were read.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts far below 2^52"
)]
fn lanes(
    partitions: &[PartitionLeft],
    backlog: &[LaneBacklog],
    unread: impl Fn(&PartitionLeft) -> f64,
) -> Vec<(u32, u64)> {
    let mut handled: HashMap<u32, u64, Xxh3Builder> = HashMap::with_hasher(Xxh3Builder::new());
    for (lane, count) in partitions.iter().flat_map(|one| &one.handled) {
        *handled.entry(*lane).or_default() += count;
    }
    let mut left: HashMap<u32, f64, Xxh3Builder> = HashMap::with_hasher(Xxh3Builder::new());
    for one in backlog {
        *left.entry(one.lane).or_default() += one.records as f64;
    }
    let waiting = left.clone();
    // Assumes that a lane's waiting records came from its partitions in the same proportions as its handled records.
    for (index, one) in (0_u32..).zip(partitions) {
        let unread = unread(one);
        if unread <= 0.0 {
            continue;
        }
        let known = one.handled.iter().map(|(lane, count)| {
            let waiting_records = waiting.get(lane).copied().unwrap_or(0.0);
            (*lane, *count as f64 * (1.0 + waiting_records / handled[lane].max(1) as f64))
        });
        let new = backlog.iter().filter(|one| one.partition == index && !handled.contains_key(&one.lane));
        let seen: Vec<(u32, f64)> = known.chain(new.map(|one| (one.lane, one.records as f64))).collect();
        let all: f64 = seen.iter().map(|(_, count)| count).sum();
        for (lane, count) in seen {
            *left.entry(lane).or_default() += unread * count / all.max(1.0);
        }
    }
    let mut lanes: Vec<(u32, u64)> = left.into_iter().map(|(lane, records)| (lane, records.round() as u64)).collect();
    lanes.retain(|(_, records)| *records > 0);
    lanes.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    lanes
}

/// The recent pace of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// Seconds that a worker takes per record.
    pub record_s: Option<f64>,
    /// Records handled per second by all workers together.
    pub handled_per_s: Option<f64>,
    /// Offsets read per second, if only the brokers and this machine limited reading.
    pub read_per_s: Option<f64>,
    /// Records per second that a throttle or guard allows.
    pub allowed_per_s: Option<f64>,
}

/// The parameters of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RunParameters {
    /// The ordering.
    pub ordering: Ordering,
    /// The number of workers.
    pub workers: u32,
    /// The maximum number of records in a batch.
    pub batch: u32,
    /// Whether the heaviest lane holds records without a key.
    pub keyless_heaviest: bool,
    /// Whether the workers are members of a group. A member keeps its partitions as long as they have records; without
    /// a group, an idle worker gets a partition of another one.
    pub workers_are_members: bool,
}

/// The time left, and what limits it; `None` while the pace is unknown.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub fn time_left(work: &WorkLeft, pace: Pace, parameters: RunParameters) -> Option<Prediction> {
    let records = work.records();
    if records == 0 && work.unread == 0 {
        return Some(Prediction { elapsed_s: 0.0, limit: Bottleneck::Workers });
    }
    let by_pace = positive(pace.handled_per_s).map(|per_s| records as f64 / per_s);
    let work_s = positive(pace.record_s);
    if work_s.is_none() && by_pace.is_none() {
        return None;
    }
    let model = model_of_rest(work, pace, parameters);
    let mut left = model.predict(parameters.ordering, parameters.workers);
    if parameters.ordering == Ordering::Partition
        && parameters.workers_are_members
        && let Some(heaviest) = heaviest_owner(work)
    {
        let seconds = heaviest as f64 * model.work_s;
        if seconds > left.elapsed_s {
            left = Prediction { elapsed_s: seconds, limit: Bottleneck::Partition };
        }
    }
    match by_pace {
        Some(seconds) if seconds > left.elapsed_s => {
            let is_read_bound = seconds > left.elapsed_s * READ_BOUND_RATIO
                && left.limit == Bottleneck::Workers
                && is_starved(work, pace, parameters);
            Some(Prediction { elapsed_s: seconds, limit: if is_read_bound { Bottleneck::Fetch } else { left.limit } })
        }
        _ => Some(left),
    }
}

/// An estimate of the time left, which is counted down until the next one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeLeft {
    /// The time left in seconds.
    pub left_s: f64,
    /// Records to handle.
    pub records: u64,
    /// Records handled so far.
    pub handled: u64,
}

impl TimeLeft {
    /// The time left after `elapsed_s`, when `handled` records have been handled. It is at least the time that the
    /// records left need at the best speed measured so far, so that it is 0 only when none is left.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn after(&self, elapsed_s: f64, handled: u64, best_per_s: Option<f64>) -> f64 {
        let records = self.records.saturating_sub(handled.saturating_sub(self.handled));
        let at_least = positive(best_per_s).map_or(0.0, |per_s| records as f64 / per_s);
        (self.left_s - elapsed_s).max(at_least)
    }
}

/// The prediction model for the remaining work. An unknown handling time counts as 0.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub fn model_of_rest(work: &WorkLeft, pace: Pace, parameters: RunParameters) -> Model {
    Model {
        partitions: work.partitions.clone(),
        lanes: LaneLoads::new(work.lanes.iter().map(|(_, records)| *records).collect()),
        keyless_heaviest: parameters.keyless_heaviest,
        read: work.unread,
        work_s: positive(pace.record_s).unwrap_or(0.0),
        fetch_per_s: positive(pace.read_per_s),
        rate_s: positive(pace.allowed_per_s).map(|per_s| work.records() as f64 / per_s),
        batch: parameters.batch,
        ..Model::default()
    }
}

fn positive(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite() && *value > 0.0)
}

/// Whether workers are so idle that they must be waiting for records.
fn is_starved(work: &WorkLeft, pace: Pace, parameters: RunParameters) -> bool {
    let busy = pace.record_s.unwrap_or(0.0) * pace.handled_per_s.unwrap_or(0.0);
    work.unread > 0 && busy < f64::from(parameters.workers) / 2.0
}

/// The remaining records of the worker with the most; `None` if any partition with records has no owner.
fn heaviest_owner(work: &WorkLeft) -> Option<u64> {
    let mut loads: HashMap<u32, u64> = HashMap::new();
    for (owner, records) in work.owners.iter().zip(&work.partitions).filter(|(_, records)| **records > 0) {
        *loads.entry((*owner)?).or_default() += records;
    }
    loads.into_values().max()
}

#[cfg(test)]
#[path = "remaining_test.rs"]
mod tests;
