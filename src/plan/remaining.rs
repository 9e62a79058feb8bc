//! How long the work that is left of a run will take, by what is left and how fast it has gone. Pure: the caller measures.
//!
//! The time is that of [`super::Model`], which predicts a run beforehand, for what is left: records that were read, lane by lane,
//! and those not read yet, by the lanes of those that were. It is never less than all that is left at the pace so far, so
//! that what the model leaves out counts too.

use std::collections::HashMap;

use xxhash_rust::xxh3::Xxh3Builder;

use super::{LaneLoads, Model};
use crate::{
    domain::Ordering,
    feed::{Bound, Prediction},
};

/// The pace so far counts as another limit than the model's only where it asks for so much more time.
const OTHER: f64 = 1.15;

/// What is left of a partition that this process handles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartitionLeft {
    /// Records that were read and are not dealt with.
    pub unfinished: u64,
    /// Offsets that have not been read yet.
    pub unread: u64,
    /// How many records there were to handle for each offset that was read: less than 1 where a filter leaves some out or
    /// the log has holes. `None` before anything was read.
    pub share: Option<f64>,
    /// Records handled so far, by lane.
    pub handled: Vec<(u32, u64)>,
    /// Whose it is, where each partition belongs to one worker.
    pub owner: Option<u32>,
}

/// Records that wait in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneBacklog {
    /// The lane.
    pub lane: u32,
    /// How many.
    pub records: u64,
    /// The partition of the first of them.
    pub partition: u32,
}

/// The work that is left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WorkLeft {
    /// Records to be handled, by partition.
    pub partitions: Vec<u64>,
    /// Whose each partition is, where each belongs to one worker.
    pub owners: Vec<Option<u32>>,
    /// Records to be handled by lane, the fullest first.
    pub lanes: Vec<(u32, u64)>,
    /// Offsets that have not been read yet.
    pub unread: u64,
}

impl WorkLeft {
    /// What is left, where records not read yet are like those that were.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts far below 2^52"
    )]
    pub fn new(partitions: &[PartitionLeft], backlog: &[LaneBacklog]) -> Self {
        let shares: Vec<f64> = partitions.iter().filter_map(|one| one.share).collect();
        let usual = if shares.is_empty() { 1.0 } else { shares.iter().sum::<f64>() / shares.len() as f64 };
        let unread = |one: &PartitionLeft| one.unread as f64 * one.share.unwrap_or(usual).clamp(0.0, 1.0);
        Self {
            partitions: partitions.iter().map(|one| one.unfinished + unread(one).round() as u64).collect(),
            owners: partitions.iter().map(|one| one.owner).collect(),
            lanes: lanes(partitions, backlog, unread),
            unread: partitions.iter().map(|one| one.unread).sum(),
        }
    }

    /// Records to be handled.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.partitions.iter().sum()
    }
}

/// What is left by lane: a lane gets the part of each partition's unread records that it has had of those read.
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
    // What waits in a lane came from its partitions as what was handled of it did.
    for (index, one) in (0_u32..).zip(partitions) {
        let unread = unread(one);
        if unread <= 0.0 {
            continue;
        }
        let known = one.handled.iter().map(|(lane, count)| {
            let waits = waiting.get(lane).copied().unwrap_or(0.0);
            (*lane, *count as f64 * (1.0 + waits / handled[lane].max(1) as f64))
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

/// How fast it has gone of late.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pace {
    /// Seconds that a worker needs for a record.
    pub record_s: Option<f64>,
    /// Records handled in a second by all workers together.
    pub handled_per_s: Option<f64>,
    /// Offsets read in a second, where nothing but the brokers and this machine held reading back.
    pub read_per_s: Option<f64>,
    /// Records that somebody allows in a second.
    pub allowed_per_s: Option<f64>,
}

/// How the run goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// What keeps its order.
    pub ordering: Ordering,
    /// How many workers.
    pub workers: u32,
    /// The most records a handler gets at once.
    pub batch: u32,
    /// Whether the fullest lane is that of records without a key.
    pub keyless_heaviest: bool,
}

/// How long what is left will take, and what sets that time; `None` while nothing is known of the pace.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub fn time_left(work: &WorkLeft, pace: Pace, terms: Terms) -> Option<Prediction> {
    let records = work.records();
    if records == 0 && work.unread == 0 {
        return Some(Prediction { elapsed_s: 0.0, limit: Bound::Workers });
    }
    let positive = |value: Option<f64>| value.filter(|value| value.is_finite() && *value > 0.0);
    let by_pace = positive(pace.handled_per_s).map(|per_s| records as f64 / per_s);
    let work_s = positive(pace.record_s);
    if work_s.is_none() && by_pace.is_none() {
        return None;
    }
    let model = Model {
        partitions: work.partitions.clone(),
        lanes: LaneLoads::new(work.lanes.iter().map(|(_, records)| *records).collect()),
        keyless_heaviest: terms.keyless_heaviest,
        read: work.unread,
        work_s: work_s.unwrap_or(0.0),
        fetch_per_s: positive(pace.read_per_s),
        rate_s: positive(pace.allowed_per_s).map(|per_s| records as f64 / per_s),
        batch: terms.batch,
        ..Model::default()
    };
    let mut left = model.predict(terms.ordering, terms.workers);
    if terms.ordering == Ordering::Partition
        && let Some(fullest) = fullest_owner(work)
    {
        // Who has a partition now keeps it for as long as it has records.
        let seconds = fullest as f64 * model.work_s;
        if seconds > left.elapsed_s {
            left = Prediction { elapsed_s: seconds, limit: Bound::Partition };
        }
    }
    match by_pace {
        Some(seconds) if seconds > left.elapsed_s => {
            let other = seconds > left.elapsed_s * OTHER && left.limit == Bound::Workers && starved(work, pace, terms);
            Some(Prediction { elapsed_s: seconds, limit: if other { Bound::Fetch } else { left.limit } })
        }
        _ => Some(left),
    }
}

/// Whether workers do so little of what they could that they must be waiting for records.
fn starved(work: &WorkLeft, pace: Pace, terms: Terms) -> bool {
    let busy = pace.record_s.unwrap_or(0.0) * pace.handled_per_s.unwrap_or(0.0);
    work.unread > 0 && busy < f64::from(terms.workers) / 2.0
}

/// Records of the worker that has the most, where each partition is somebody's.
fn fullest_owner(work: &WorkLeft) -> Option<u64> {
    let mut loads: HashMap<u32, u64> = HashMap::new();
    for (owner, records) in work.owners.iter().zip(&work.partitions).filter(|(_, records)| **records > 0) {
        *loads.entry((*owner)?).or_default() += records;
    }
    loads.into_values().max()
}

#[cfg(test)]
#[path = "remaining_test.rs"]
mod tests;
