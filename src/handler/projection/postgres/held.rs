//! What this process knows of the partitions that it has claimed.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use parking_lot::Mutex;

use super::super::{
    applied::OffsetSet,
    batch::{Batch, BoundRecord},
};
use crate::{domain::TopicPartition, handler::Positions};

/// So many notes of a partition are drawn together into one.
const DRAW: u32 = 64;

/// What a transaction has applied of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Which offsets.
    pub offsets: OffsetSet,
    /// How many records.
    pub records: i64,
    /// The sum of their fingerprints, in whatever order.
    pub digest: u64,
}

impl Note {
    /// Adds a record.
    pub fn add(&mut self, record: &BoundRecord) {
        self.offsets.insert(record.offset, record.offset + 1);
        self.records += 1;
        self.digest = self.digest.wrapping_add(record.fingerprint);
    }

    /// Adds another note.
    pub fn merge(&mut self, other: &Self) {
        self.offsets.merge(&other.offsets);
        self.records += other.records;
        self.digest = self.digest.wrapping_add(other.digest);
    }
}

/// What transactions have applied, by the index of the partition.
pub type Notes = BTreeMap<u32, Note>;

/// A partition and the token that it was claimed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    pub index: u32,
    pub id: TopicPartition,
    pub owner: i64,
}

/// A claimed partition.
#[derive(Debug)]
struct Partition {
    id: TopicPartition,
    owner: i64,
    /// What the target has as its position.
    position: Option<i64>,
    /// What is applied, above it or in part below it.
    applied: OffsetSet,
    /// How many notes there are since they were drawn together.
    notes: u32,
    /// A transaction is about to draw them together.
    drawing: bool,
}

/// Notes of a partition that are to be drawn together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    pub index: u32,
    /// What the run has passed, where that is known.
    pub position: Option<i64>,
}

/// The partitions that this process has claimed, by their index within the run.
#[derive(Default)]
pub struct Held {
    partitions: Mutex<BTreeMap<u32, Partition>>,
    positions: OnceLock<Arc<dyn Positions>>,
}

impl Held {
    /// Where the run's positions can be asked for.
    pub fn watch(&self, positions: Arc<dyn Positions>) {
        // Told once.
        let _ = self.positions.set(positions);
    }

    /// A partition was claimed, and this is what the target has of it.
    pub fn claimed(&self, owned: Owned, position: Option<i64>, applied: OffsetSet) {
        let Owned { index, id, owner } = owned;
        let notes = if position.is_none() { DRAW } else { 0 };
        let partition = Partition { id, owner, position, applied, notes, drawing: false };
        self.partitions.lock().insert(index, partition);
    }

    /// The partitions of a batch with their tokens as they are now.
    pub fn owned(&self, batch: &Batch) -> Vec<Owned> {
        let mut indexes: Vec<u32> = batch.records.iter().map(|record| record.partition).collect();
        indexes.sort_unstable();
        indexes.dedup();
        let partitions = self.partitions.lock();
        let owned = |index: u32| {
            let partition = partitions.get(&index)?;
            Some(Owned { index, id: partition.id.clone(), owner: partition.owner })
        };
        indexes.into_iter().filter_map(owned).collect()
    }

    /// All partitions.
    pub fn all(&self) -> Vec<Owned> {
        let owned = |(index, it): (&u32, &Partition)| Owned { index: *index, id: it.id.clone(), owner: it.owner };
        self.partitions.lock().iter().map(owned).collect()
    }

    /// Which records of a batch the target has already, by their place in it.
    pub fn has(&self, batch: &Batch) -> Vec<bool> {
        let partitions = self.partitions.lock();
        let has = |record: &BoundRecord| {
            partitions.get(&record.partition).is_some_and(|partition| {
                partition.position.is_some_and(|position| record.offset < position)
                    || partition.applied.contains(record.offset)
            })
        };
        batch.records.iter().map(has).collect()
    }

    /// Which of some partitions have so many notes that they should be drawn together; nobody else does it meanwhile.
    pub fn begin_drawing(&self, indexes: impl Iterator<Item = u32>, whatever: bool) -> Vec<Drawing> {
        let mut partitions = self.partitions.lock();
        let mut due = Vec::new();
        for index in indexes {
            let Some(partition) = partitions.get_mut(&index) else { continue };
            if !partition.drawing && (whatever || partition.notes >= DRAW) {
                partition.drawing = true;
                due.push(Drawing { index, position: self.positions.get().map(|all| all.position(index)) });
            }
        }
        due
    }

    /// What became of [`Self::begin_drawing`].
    pub fn end_drawing(&self, drawings: &[Drawing], committed: bool) {
        let mut partitions = self.partitions.lock();
        for drawing in drawings {
            let Some(partition) = partitions.get_mut(&drawing.index) else { continue };
            partition.drawing = false;
            if committed {
                partition.notes = 0;
                partition.position = partition.position.max(drawing.position);
                if let Some(position) = partition.position {
                    partition.applied.prune(position);
                }
            }
        }
    }

    /// A transaction was committed.
    pub fn committed(&self, notes: &Notes) {
        let mut partitions = self.partitions.lock();
        for (index, note) in notes {
            if let Some(partition) = partitions.get_mut(index) {
                partition.applied.merge(&note.offsets);
                partition.notes += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct At(i64);

    impl Positions for At {
        fn position(&self, _: u32) -> i64 {
            self.0
        }
    }

    fn batch(offsets: &[i64]) -> Batch {
        let mut batch = Batch::default();
        for offset in offsets {
            batch.records.push(BoundRecord { partition: 3, offset: *offset, steps: 0..0, fingerprint: 7 });
        }
        batch.runs.push(0..offsets.len());
        batch
    }

    fn notes(offsets: &[i64]) -> Notes {
        let mut note = Note::default();
        batch(offsets).records.iter().for_each(|record| note.add(record));
        [(3, note)].into()
    }

    #[test]
    fn what_is_applied_is_known_and_drawn_together_now_and_then() {
        let held = Held::default();
        assert_eq!(held.owned(&batch(&[1])), []);
        let owned = Owned { index: 3, id: TopicPartition::new("t", 5), owner: 9 };
        held.claimed(owned.clone(), Some(10), [(12, 13)].into_iter().collect());
        assert_eq!(held.owned(&batch(&[1])), std::slice::from_ref(&owned));
        assert_eq!(held.has(&batch(&[9, 10, 11, 12, 13])), [true, false, false, true, false]);
        held.watch(Arc::new(At(14)));
        for offset in 0..DRAW.into() {
            assert_eq!(held.begin_drawing([3].into_iter(), false), []);
            held.committed(&notes(&[13 + 2 * i64::from(offset == 0), 100 + offset]));
        }
        assert_eq!(held.has(&batch(&[14, 15, 100])), [false, true, true]);
        let drawing = held.begin_drawing([3, 4].into_iter(), false);
        assert_eq!(drawing, [Drawing { index: 3, position: Some(14) }]);
        assert_eq!(held.begin_drawing([3].into_iter(), true), [], "one at a time");
        held.end_drawing(&drawing, false);
        assert_eq!(held.has(&batch(&[13])), [true], "applied, not passed");
        let drawing = held.begin_drawing([3].into_iter(), false);
        held.end_drawing(&drawing, true);
        assert_eq!(held.has(&batch(&[11, 13, 14, 15])), [true, true, false, true]);
        assert_eq!(held.begin_drawing([3].into_iter(), false), []);
        held.claimed(Owned { owner: 10, ..owned }, None, OffsetSet::default());
        assert_eq!(held.has(&batch(&[11, 15])), [false, false], "what the target says counts");
        assert_eq!(held.begin_drawing([3].into_iter(), false).len(), 1, "a first position is written soon");
    }

    #[test]
    fn notes_add_up_in_any_order() {
        let (mut one, mut other) = (notes(&[1, 2, 9]).remove(&3).unwrap(), notes(&[3]).remove(&3).unwrap());
        let first = one.clone();
        one.merge(&other);
        other.merge(&first);
        assert_eq!(one, other);
        assert_eq!((one.records, one.digest, one.offsets.len()), (4, 28, 2));
    }
}
