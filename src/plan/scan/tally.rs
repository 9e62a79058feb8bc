//! What the records that were read add up to. Pure, and bounded however many records and keys there are.

use std::collections::HashMap;

use hdrhistogram::Histogram;
use xxhash_rust::xxh3::Xxh3Builder;

use super::{distinct::Distinct, heavy::HeavyHitters};
use crate::{
    domain::{LaneKey, Route, TopicPartition},
    plan::{Clocks, PlannedPartition},
    replay::KeyGroups,
};

/// A plan's range is looked at in so many parts, one after the other: what is spread evenly over all of it may come in
/// blocks.
pub const SEGMENTS: u64 = 8;
/// How many keys are followed one by one.
const FOLLOWED: usize = 1024;
/// Larger records count as so large, in bytes.
const LARGEST: u64 = 1 << 31;

/// One partition's part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionTally {
    /// Offsets looked at, whether there was a record or not.
    pub covered: u64,
    /// Records read, those that the filter leaves out among them.
    pub records: u64,
    /// Records that the filter leaves out.
    pub filtered: u64,
    /// Records that a rule cannot judge.
    pub unjudged: u64,
    /// Those of them that are left out; they count as filtered, too.
    pub unjudged_dropped: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Records without a key that are to be handled.
    pub keyless: u64,
}

/// Records by segment and lane: the segment in the upper half, the lane in the lower one.
pub type LaneCounts = HashMap<u64, u64, Xxh3Builder>;

/// Counts records as they are read.
pub struct Tally {
    groups: KeyGroups,
    ranges: Vec<(i64, u64)>,
    /// By partition.
    pub partitions: Vec<PartitionTally>,
    /// Lanes by partition; with `merged` all partitions together, in the first.
    pub lanes: Vec<LaneCounts>,
    merged: bool,
    /// The heaviest keys.
    pub heavy: HeavyHitters,
    /// How many keys there are.
    pub distinct: Distinct,
    /// The first record that a rule cannot judge, and why.
    pub unjudged: Option<String>,
    /// What was seen of timestamps, where something rests on them.
    pub clocks: Option<Clocks>,
    /// What is wrong with the first timestamp that spoils the order of time.
    pub step_back: Option<String>,
    /// Key and value of a record together, in bytes.
    pub sizes: Histogram<u64>,
}

impl Tally {
    /// Nothing counted yet. `full` says that everything will be read: then no partition weighs more than another, and one table
    /// of lanes is enough.
    ///
    /// # Errors
    /// None is known: the histogram's bounds are constants.
    pub fn new(plan: &[PlannedPartition], full: bool) -> Result<Self, hdrhistogram::CreationError> {
        let tables = if full { 1 } else { plan.len().max(1) };
        Ok(Self {
            groups: KeyGroups::for_partitions(plan.len()),
            ranges: plan.iter().map(|one| (one.first.get(), one.span().max(1))).collect(),
            partitions: vec![PartitionTally::default(); plan.len()],
            lanes: vec![LaneCounts::with_hasher(Xxh3Builder::new()); tables],
            merged: full,
            heavy: HeavyHitters::new(FOLLOWED),
            distinct: Distinct::default(),
            unjudged: None,
            clocks: None,
            step_back: None,
            sizes: Histogram::new_with_bounds(1, LARGEST, 2)?,
        })
    }

    /// Counts a record. `label` is what is shown of its lane's key.
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

    /// Looks at the timestamp of a record, within the range or behind it.
    pub fn note_time(&mut self, id: &TopicPartition, partition: usize, offset: i64, timestamp_ms: i64) {
        if let Some(clocks) = &mut self.clocks
            && let Some(step) = clocks.note(partition, offset, timestamp_ms)
        {
            self.step_back = Some(step.sentence(&id.to_string(), offset));
        }
    }

    /// Notes that so many more offsets of a partition were looked at.
    pub fn cover(&mut self, partition: usize, offsets: u64) {
        if let Some(one) = self.partitions.get_mut(partition) {
            one.covered += offsets;
        }
    }

    /// Whether a lane is that of records without a key.
    #[must_use]
    pub fn is_keyless(&self, lane: u32) -> bool {
        lane >= self.groups.count()
    }
}
