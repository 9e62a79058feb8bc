//! The partitions that this process has claimed, and what is known to be applied of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use kreplay_model::domain::{OffsetSet, TopicPartition};
use parking_lot::Mutex;

use super::super::batch::{Batch, BoundRecord};
use crate::Positions;

/// The number of rows of `kreplay_applied` per partition after which they are compacted into one.
const ROWS_PER_COMPACTION: u32 = 64;

/// A row of `kreplay_applied`: what one transaction has applied of a partition, or several transactions after a
/// compaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppliedRow {
    /// The applied offsets.
    pub offsets: OffsetSet,
    /// The number of records.
    pub records: i64,
    /// The sum of the records' fingerprints; it does not depend on their order.
    pub digest: u64,
}

impl AppliedRow {
    /// Adds a record.
    pub fn add(&mut self, record: &BoundRecord) {
        self.offsets.insert(record.offset, record.offset + 1);
        self.records += 1;
        self.digest = self.digest.wrapping_add(record.fingerprint);
    }

    /// Adds the contents of another row.
    pub fn merge(&mut self, other: &Self) {
        self.offsets.merge(&other.offsets);
        self.records += other.records;
        self.digest = self.digest.wrapping_add(other.digest);
    }
}

/// Rows of `kreplay_applied`, by the index of their partition.
pub type AppliedRows = BTreeMap<u32, AppliedRow>;

/// A partition and the token that it was claimed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionClaim {
    /// The partition's index within the run.
    pub index: u32,
    /// The partition's topic and number.
    pub id: TopicPartition,
    /// The token.
    pub owner: i64,
}

/// The state of a claimed partition.
#[derive(Debug)]
struct ClaimedPartition {
    id: TopicPartition,
    owner: i64,
    /// The position stored in the target.
    position: Option<i64>,
    /// The applied offsets above the position; some may be below it.
    applied: OffsetSet,
    /// The number of rows written since the last compaction.
    rows_since_compaction: u32,
    /// Whether a transaction is compacting the rows.
    is_compacting: bool,
}

/// A compaction of a partition's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compaction {
    /// The partition's index within the run.
    pub index: u32,
    /// The run's position, if known.
    pub position: Option<i64>,
}

/// The partitions that this process has claimed, by their index within the run.
#[derive(Default)]
pub struct ClaimedPartitions {
    partitions: Mutex<BTreeMap<u32, ClaimedPartition>>,
    positions: OnceLock<Arc<dyn Positions>>,
}

impl ClaimedPartitions {
    /// Sets the source of the run's positions. Only the first call has an effect.
    pub fn set_positions(&self, positions: Arc<dyn Positions>) {
        let _ = self.positions.set(positions);
    }

    /// Adds a claimed partition with the position and the applied offsets that the target has of it.
    pub fn insert(&self, claim: PartitionClaim, position: Option<i64>, applied: OffsetSet) {
        let PartitionClaim { index, id, owner } = claim;
        // The first compaction writes the position, so it is due at once if there is none.
        let rows_since_compaction = if position.is_none() { ROWS_PER_COMPACTION } else { 0 };
        let partition = ClaimedPartition { id, owner, position, applied, rows_since_compaction, is_compacting: false };
        self.partitions.lock().insert(index, partition);
    }

    /// The current claims of a batch's partitions. Unclaimed partitions are missing.
    pub fn claims_of(&self, batch: &Batch) -> Vec<PartitionClaim> {
        let mut indexes: Vec<u32> = batch.records.iter().map(|record| record.partition).collect();
        indexes.sort_unstable();
        indexes.dedup();
        let partitions = self.partitions.lock();
        let claim = |index: u32| {
            let partition = partitions.get(&index)?;
            Some(PartitionClaim { index, id: partition.id.clone(), owner: partition.owner })
        };
        indexes.into_iter().filter_map(claim).collect()
    }

    /// The claims of all partitions.
    pub fn all_claims(&self) -> Vec<PartitionClaim> {
        let claim = |(index, partition): (&u32, &ClaimedPartition)| PartitionClaim {
            index: *index,
            id: partition.id.clone(),
            owner: partition.owner,
        };
        self.partitions.lock().iter().map(claim).collect()
    }

    /// The applied offsets of a partition.
    pub fn applied(&self, index: u32) -> OffsetSet {
        self.partitions.lock().get(&index).map_or_else(OffsetSet::default, |partition| partition.applied.clone())
    }

    /// For each record of a batch: whether the target already has it.
    pub fn already_applied(&self, batch: &Batch) -> Vec<bool> {
        let partitions = self.partitions.lock();
        let is_applied = |record: &BoundRecord| {
            partitions.get(&record.partition).is_some_and(|partition| {
                partition.position.is_some_and(|position| record.offset < position)
                    || partition.applied.contains(record.offset)
            })
        };
        batch.records.iter().map(is_applied).collect()
    }

    /// Starts the compaction of those of the given partitions that have enough rows, or of all of them with `force`. A
    /// partition that is already being compacted is left out.
    pub fn begin_compaction(&self, indexes: impl Iterator<Item = u32>, force: bool) -> Vec<Compaction> {
        let mut partitions = self.partitions.lock();
        let mut due = Vec::new();
        for index in indexes {
            let Some(partition) = partitions.get_mut(&index) else { continue };
            if !partition.is_compacting && (force || partition.rows_since_compaction >= ROWS_PER_COMPACTION) {
                partition.is_compacting = true;
                due.push(Compaction { index, position: self.positions.get().map(|all| all.position(index)) });
            }
        }
        due
    }

    /// Ends the compactions that [`Self::begin_compaction`] has started.
    pub fn end_compaction(&self, compactions: &[Compaction], committed: bool) {
        let mut partitions = self.partitions.lock();
        for compaction in compactions {
            let Some(partition) = partitions.get_mut(&compaction.index) else { continue };
            partition.is_compacting = false;
            if committed {
                partition.rows_since_compaction = 0;
                partition.position = partition.position.max(compaction.position);
                if let Some(position) = partition.position {
                    partition.applied.prune(position);
                }
            }
        }
    }

    /// Adds what a committed transaction has applied.
    pub fn mark_committed(&self, applied_rows: &AppliedRows) {
        let mut partitions = self.partitions.lock();
        for (index, row) in applied_rows {
            if let Some(partition) = partitions.get_mut(index) {
                partition.applied.merge(&row.offsets);
                partition.rows_since_compaction += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct FixedPosition(i64);

    impl Positions for FixedPosition {
        fn position(&self, _: u32) -> i64 {
            self.0
        }
    }

    fn batch(offsets: &[i64]) -> Batch {
        let mut batch = Batch::default();
        for offset in offsets {
            batch.records.push(BoundRecord { partition: 3, offset: *offset, statements: 0..0, fingerprint: 7 });
        }
        batch.runs.push(0..offsets.len());
        batch
    }

    fn applied_rows(offsets: &[i64]) -> AppliedRows {
        let mut row = AppliedRow::default();
        batch(offsets).records.iter().for_each(|record| row.add(record));
        [(3, row)].into()
    }

    #[test]
    fn applied_offsets_are_known_and_rows_are_compacted() {
        let claimed = ClaimedPartitions::default();
        assert_eq!(claimed.claims_of(&batch(&[1])), []);
        let claim = PartitionClaim { index: 3, id: TopicPartition::new("t", 5), owner: 9 };
        claimed.insert(claim.clone(), Some(10), [(12, 13)].into_iter().collect());
        assert_eq!(claimed.claims_of(&batch(&[1])), std::slice::from_ref(&claim));
        assert_eq!(claimed.already_applied(&batch(&[9, 10, 11, 12, 13])), [true, false, false, true, false]);
        claimed.set_positions(Arc::new(FixedPosition(14)));
        for offset in 0..ROWS_PER_COMPACTION.into() {
            assert_eq!(claimed.begin_compaction([3].into_iter(), false), []);
            claimed.mark_committed(&applied_rows(&[13 + 2 * i64::from(offset == 0), 100 + offset]));
        }
        assert_eq!(claimed.already_applied(&batch(&[14, 15, 100])), [false, true, true]);
        let compactions = claimed.begin_compaction([3, 4].into_iter(), false);
        assert_eq!(compactions, [Compaction { index: 3, position: Some(14) }]);
        assert_eq!(claimed.begin_compaction([3].into_iter(), true), [], "one at a time");
        claimed.end_compaction(&compactions, false);
        assert_eq!(claimed.already_applied(&batch(&[13])), [true], "applied, although the position is unchanged");
        let compactions = claimed.begin_compaction([3].into_iter(), false);
        claimed.end_compaction(&compactions, true);
        assert_eq!(claimed.already_applied(&batch(&[11, 13, 14, 15])), [true, true, false, true]);
        assert_eq!(claimed.begin_compaction([3].into_iter(), false), []);
        claimed.insert(PartitionClaim { owner: 10, ..claim }, None, OffsetSet::default());
        assert_eq!(claimed.already_applied(&batch(&[11, 15])), [false, false], "a new claim replaces the known state");
        assert_eq!(claimed.begin_compaction([3].into_iter(), false).len(), 1, "a first position is written soon");
    }

    #[test]
    fn applied_rows_merge_in_any_order() {
        let (mut one, mut other) =
            (applied_rows(&[1, 2, 9]).remove(&3).unwrap(), applied_rows(&[3]).remove(&3).unwrap());
        let first = one.clone();
        one.merge(&other);
        other.merge(&first);
        assert_eq!(one, other);
        assert_eq!((one.records, one.digest, one.offsets.runs().count()), (4, 28, 2));
    }
}
