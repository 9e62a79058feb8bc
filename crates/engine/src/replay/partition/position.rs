//! A partition's contiguous watermark: every record below the position is settled.

use std::collections::VecDeque;

use super::handled_offsets::HandledOffsets;

/// Tracks the records of one partition from delivery to completion.
///
/// It does not count records to advance: compaction and transaction markers leave holes in the log. The position moves
/// from one unfinished record to the next, or to the offset that the reader has reached.
#[derive(Debug, Clone)]
pub struct Position {
    /// Delivered records at or above the position, by offset.
    open: VecDeque<Slot>,
    /// Every record below this offset has been delivered.
    reached: i64,
    /// Number of offsets covered by the finished slots.
    ahead: u64,
    /// Number of unfinished records.
    unfinished: u64,
    /// Number of slots at which adjacent finished slots are merged.
    compaction_slots: usize,
}

/// One delivered record, or a run of finished ones.
#[derive(Debug, Clone, Copy)]
struct Slot {
    offset: i64,
    /// The offset after its last record.
    end: i64,
    done: bool,
}

/// Compaction does not pay below this number of slots.
const MIN_COMPACTION_SLOTS: usize = 16_384;
/// Slots per unfinished record beyond which finished ones are merged. Between two unfinished records, compaction leaves
/// one slot of finished ones, so fewer than four.
const MAX_SLOTS_PER_UNFINISHED: u64 = 4;
/// Capacity beyond this number of slots is freed once all records are finished.
const MAX_IDLE_CAPACITY_SLOTS: usize = 1024;

impl Position {
    /// Starts at `start`. Records below it are not tracked.
    #[must_use]
    pub fn starting_at(start: i64) -> Self {
        Self { open: VecDeque::new(), reached: start, ahead: 0, unfinished: 0, compaction_slots: MIN_COMPACTION_SLOTS }
    }

    /// Adds a record read from the log. Offsets must rise: returns `false` for a record that was delivered before.
    pub fn deliver(&mut self, offset: i64) -> bool {
        if offset < self.reached {
            return false;
        }
        self.open.push_back(Slot { offset, end: offset + 1, done: false });
        self.reached = offset + 1;
        self.unfinished += 1;
        if self.open.len() >= self.compaction_slots {
            self.compact();
        }
        true
    }

    /// Merges adjacent finished slots, so that one unfinished record does not make memory grow with the finished ones
    /// after it.
    fn compact(&mut self) {
        let mut kept: VecDeque<Slot> = VecDeque::with_capacity(self.open.len() / 2);
        for slot in self.open.drain(..) {
            match kept.back_mut() {
                // There are no records between two adjacent finished slots.
                Some(last) if last.done && slot.done => {
                    self.ahead += (slot.offset - last.end).unsigned_abs();
                    last.end = slot.end;
                }
                _ => kept.push_back(slot),
            }
        }
        self.open = kept;
        self.compaction_slots = (self.open.len() * 2).max(MIN_COMPACTION_SLOTS);
    }

    /// Notes that every record below `offset` has been delivered.
    pub fn reach(&mut self, offset: i64) {
        self.reached = self.reached.max(offset);
    }

    /// Marks a delivered record as settled. `false` if it is not open: it was never delivered, or was settled before.
    pub fn complete(&mut self, offset: i64) -> bool {
        let Some(slot) = self.find(offset) else { return false };
        if std::mem::replace(&mut slot.done, true) {
            return false;
        }
        self.ahead += 1;
        self.unfinished -= 1;
        while let Some(slot) = self.open.front().filter(|slot| slot.done) {
            self.ahead -= (slot.end - slot.offset).unsigned_abs();
            self.open.pop_front();
        }
        if self.open.is_empty() && self.open.capacity() > MAX_IDLE_CAPACITY_SLOTS {
            self.open.shrink_to(MAX_IDLE_CAPACITY_SLOTS);
            self.compaction_slots = MIN_COMPACTION_SLOTS;
        }
        // Finished records also merge when nothing is delivered: a partition whose span is too large is not read until
        // they have. Compaction halves the slots at least, so that its cost per record is constant.
        let is_mostly_finished = self.open.len() as u64 > MAX_SLOTS_PER_UNFINISHED * (self.unfinished + 1);
        if self.open.len() >= MIN_COMPACTION_SLOTS && is_mostly_finished {
            self.compact();
        }
        true
    }

    /// Whether a record was delivered and is not settled yet.
    #[must_use]
    pub fn is_open(&self, offset: i64) -> bool {
        let index = self.open.binary_search_by_key(&offset, |slot| slot.offset);
        index.is_ok_and(|index| !self.open[index].done)
    }

    /// Number of delivered records that are not settled.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// Number of settled offsets above the position. Some holes in the log count as well.
    #[must_use]
    pub fn ahead(&self) -> u64 {
        self.ahead
    }

    /// The position: every record below it is settled.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.open.front().map_or(self.reached, |slot| slot.offset)
    }

    /// The settled offsets from `base` on, which must be at or below the position.
    #[must_use]
    pub fn handled_from(&self, base: i64) -> HandledOffsets {
        let mut handled = HandledOffsets::default();
        handled.push(base, self.get());
        let mut run: Option<(i64, i64)> = None;
        for slot in &self.open {
            if slot.done {
                // There are no records between two adjacent finished slots.
                run = Some((run.map_or(slot.offset, |(first, _)| first), slot.end));
            } else if let Some((first, end)) = run.take() {
                handled.push(first, end);
            }
        }
        if let Some((first, end)) = run {
            handled.push(first, end);
        }
        handled
    }

    /// Every record below this offset has been delivered.
    #[must_use]
    pub fn reached(&self) -> i64 {
        self.reached
    }

    /// Number of slots in memory: unfinished records, and finished records or runs of them above the position.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Without holes in the log, the index follows from the offset. Holes can only make it lower.
    fn find(&mut self, offset: i64) -> Option<&mut Slot> {
        let first = self.open.front()?.offset;
        let guess = usize::try_from(offset.checked_sub(first)?).ok()?;
        let found = match self.open.get(guess) {
            Some(slot) if slot.offset == offset => guess,
            // A run of finished records is found by its first offset only. The others are not open either way.
            _ => self.open.binary_search_by_key(&offset, |slot| slot.offset).ok()?,
        };
        self.open.get_mut(found)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_position_skips_holes_but_not_open_records() {
        let mut position = Position::starting_at(10);
        for offset in [10, 12, 15] {
            assert!(position.deliver(offset));
        }
        assert_eq!(position.get(), 10);
        assert!(position.complete(12));
        assert_eq!(position.get(), 10);
        assert!(position.complete(10));
        assert_eq!(position.get(), 15);
        assert!(position.complete(15));
        assert_eq!(position.get(), 16);
        position.reach(20);
        assert_eq!(position.get(), 20);
    }

    #[test]
    fn records_settled_out_of_order_are_returned_as_runs() {
        let mut position = Position::starting_at(10);
        for offset in [10, 12, 13, 15, 18] {
            assert!(position.deliver(offset));
        }
        for offset in [12, 13, 18] {
            assert!(position.complete(offset));
        }
        let handled = position.handled_from(10);
        let runs: Vec<i64> = (0..30).filter(|offset| handled.contains(*offset)).collect();
        assert_eq!(runs, [12, 13, 18]);
        assert!(position.complete(10));
        let runs: Vec<i64> = (0..30).filter(|offset| position.handled_from(10).contains(*offset)).collect();
        assert_eq!(runs, [10, 11, 12, 13, 14, 18], "from an older position");
    }

    #[test]
    fn a_record_that_is_not_open_cannot_be_completed() {
        let mut position = Position::starting_at(0);
        assert!(!position.complete(0));
        assert!(position.deliver(5));
        assert!(!position.deliver(5), "delivered twice");
        assert!(!position.complete(4));
        assert!(!position.complete(6));
        assert!(position.complete(5));
        assert!(!position.complete(5), "completed twice");
    }

    #[test]
    fn one_open_record_does_not_make_memory_grow() {
        let mut position = Position::starting_at(0);
        assert!(position.deliver(0));
        for offset in 1..1_000_000 {
            assert!(position.deliver(offset) && position.complete(offset));
        }
        assert!(position.open() <= MIN_COMPACTION_SLOTS && position.get() == 0);
        assert!(position.handled_from(0).contains(999_999) && !position.handled_from(0).contains(0));
        assert!(position.complete(0));
        assert_eq!((position.get(), position.open()), (1_000_000, 0));
    }

    /// A partition with a large span is not read, so finished records must merge without another delivery.
    #[test]
    fn finished_records_merge_when_nothing_more_is_delivered() {
        let mut position = Position::starting_at(0);
        for offset in 0..300_000 {
            assert!(position.deliver(offset));
        }
        for offset in (1..300_000).rev() {
            assert!(position.complete(offset));
        }
        assert!(position.open() <= MIN_COMPACTION_SLOTS, "{} slots", position.open());
        assert_eq!((position.get(), position.unfinished(), position.ahead()), (0, 1, 299_999));
        assert!(position.complete(0));
        assert_eq!(position.get(), 300_000);
    }

    proptest! {
        /// Compares with a map of all offsets: the position is the lowest unfinished offset, or the offset reached.
        #[test]
        fn it_agrees_with_a_simple_model(
            gaps in prop::collection::vec(1_i64..5, 1..80),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..160),
        ) {
            let mut position = Position { compaction_slots: 3, ..Position::starting_at(0) };
            let mut model = BTreeMap::new();
            let mut reached = 0;
            let mut delivered = Vec::new();
            let mut gaps = gaps.into_iter();
            for (turn, index) in order.into_iter().enumerate() {
                if turn % 2 == 0 && let Some(gap) = gaps.next() {
                    let offset = reached + gap - 1;
                    prop_assert!(position.deliver(offset));
                    delivered.push(offset);
                    model.insert(offset, false);
                    reached = offset + 1;
                } else if !delivered.is_empty() {
                    let offset = *index.get(&delivered);
                    let before = model.insert(offset, true);
                    prop_assert_eq!(position.complete(offset), before == Some(false));
                }
                let lowest = model.iter().find(|(_, done)| !**done).map(|(offset, _)| *offset);
                prop_assert_eq!(position.get(), lowest.unwrap_or(reached));
                let open = model.values().filter(|done| !**done).count();
                prop_assert_eq!(position.unfinished(), open as u64);
                let finished = model.iter().filter(|(offset, done)| **done && **offset > position.get()).count();
                prop_assert!(position.ahead() >= finished as u64);
                prop_assert!(position.ahead() <= (position.reached() - position.get()).unsigned_abs());
            }
        }
    }
}
