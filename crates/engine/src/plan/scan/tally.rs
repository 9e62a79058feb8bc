//! Counts the records of a scan. Pure, and bounded in memory for any number of records and keys.

use std::collections::HashMap;

use hdrhistogram::Histogram;
use kreplay_model::domain::{HeavyHitters, LaneKey, Route, TopicPartition};
use xxhash_rust::xxh3::Xxh3Builder;

use super::distinct::Distinct;
use crate::{
    plan::{PlannedPartition, TimestampMonitor},
    schedule::KeyGroups,
};

/// The number of equal parts of a partition's range that are counted separately. Keys that are even over the whole
/// range may still come in blocks.
pub const SEGMENTS: u64 = 8;
/// The number of keys that are counted individually.
const MAX_TRACKED_KEYS: usize = 1024;
/// Larger records are counted with this size.
const MAX_RECORD_BYTES: u64 = 1 << 31;

/// The counts of one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionTally {
    /// Offsets covered, with or without a record.
    pub covered: u64,
    /// Records read, including filtered ones.
    pub records: u64,
    /// Records that the filter excludes.
    pub filtered: u64,
    /// Records that a rule cannot judge.
    pub unjudged: u64,
    /// Records among `unjudged` that are excluded. They also count as filtered.
    pub unjudged_dropped: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Records without a key that are to be handled.
    pub keyless: u64,
}

/// Records by segment (upper half of the key) and lane (lower half).
pub type LaneCounts = HashMap<u64, u64, Xxh3Builder>;

/// Counts records as they are read.
pub struct Tally {
    groups: KeyGroups,
    ranges: Vec<(i64, u64)>,
    /// The counts by partition.
    pub partitions: Vec<PartitionTally>,
    /// Lane counts by partition. If `merged`, the first table counts all partitions.
    pub lanes: Vec<LaneCounts>,
    merged: bool,
    /// The heaviest keys.
    pub heavy: HeavyHitters,
    /// The number of distinct keys.
    pub distinct: Distinct,
    /// The first record that a rule cannot judge, and why.
    pub unjudged: Option<String>,
    /// Observes timestamps, if the plan depends on them.
    pub clocks: Option<TimestampMonitor>,
    /// The first step back of a timestamp that affects time order, as a sentence.
    pub step_back: Option<String>,
    /// Sizes of keys and values together, in bytes.
    pub sizes: Histogram<u64>,
}

impl Tally {
    /// Creates an empty tally. With `full`, everything will be read: all partitions weigh the same, so one table of
    /// lanes suffices.
    ///
    /// # Errors
    /// Never fails in practice: the bounds of the histogram are constants.
    pub fn new(plan: &[PlannedPartition], full: bool) -> Result<Self, hdrhistogram::CreationError> {
        let tables = if full { 1 } else { plan.len().max(1) };
        Ok(Self {
            groups: KeyGroups::for_partitions(plan.len()),
            ranges: plan.iter().map(|one| (one.first.get(), one.span().max(1))).collect(),
            partitions: vec![PartitionTally::default(); plan.len()],
            lanes: vec![LaneCounts::with_hasher(Xxh3Builder::new()); tables],
            merged: full,
            heavy: HeavyHitters::new(MAX_TRACKED_KEYS),
            distinct: Distinct::default(),
            unjudged: None,
            clocks: None,
            step_back: None,
            sizes: Histogram::new_with_bounds(1, MAX_RECORD_BYTES, 2)?,
        })
    }

    /// Counts a record. `label` is the displayed key of its lane.
    pub fn add(&mut self, partition: usize, offset: i64, route: Route, label: &[u8], size: u64) {
        let (Some(one), Some((first, span))) = (self.partitions.get_mut(partition), self.ranges.get(partition)) else {
            return;
        };
        one.records += 1;
        one.bytes += size;
        self.sizes.saturating_record(size.max(1));
        if route.unjudged {
            one.unjudged += 1;
            one.unjudged_dropped += u64::from(route.filtered);
        }
        if route.filtered {
            one.filtered += 1;
            return;
        }
        let lane = match route.lane {
            LaneKey::Keyed(hash) => {
                self.heavy.add(hash, label);
                self.distinct.add(hash);
                u64::from(self.groups.of(hash))
            }
            LaneKey::Keyless => {
                one.keyless += 1;
                u64::from(self.groups.count()) + partition as u64
            }
        };
        let at = u128::from(offset.saturating_sub(*first).unsigned_abs()) * u128::from(SEGMENTS) / u128::from(*span);
        let segment = u64::try_from(at).unwrap_or(SEGMENTS).min(SEGMENTS - 1);
        let table = if self.merged { 0 } else { partition };
        if let Some(table) = self.lanes.get_mut(table) {
            *table.entry(segment << 32 | lane).or_default() += 1;
        }
    }

    /// Observes the timestamp of a record, within the range or after it.
    pub fn note_time(&mut self, id: &TopicPartition, partition: usize, offset: i64, timestamp_ms: i64) {
        if let Some(clocks) = &mut self.clocks
            && let Some(step) = clocks.note(partition, offset, timestamp_ms)
        {
            self.step_back = Some(step.sentence(&id.to_string(), offset));
        }
    }

    /// Adds covered offsets of a partition.
    pub fn cover(&mut self, partition: usize, offsets: u64) {
        if let Some(one) = self.partitions.get_mut(partition) {
            one.covered += offsets;
        }
    }

    /// Whether a lane holds records without a key.
    #[must_use]
    pub fn is_keyless(&self, lane: u32) -> bool {
        lane >= self.groups.count()
    }
}
