//! The contiguous position of a partition: every record below it is handled.

use std::collections::VecDeque;

use super::handled::Handled;

/// Follows the records of one partition from delivery to completion.
///
/// It never counts records to advance: compaction and transaction markers leave holes in the log, so the position steps
/// from the first unfinished record to the next, and to wherever the reader says it has got.
#[derive(Debug, Clone)]
pub struct Position {
    /// Delivered records that are not below the position yet, by offset.
    open: VecDeque<Slot>,
    /// Everything below this offset has been delivered, or does not exist.
    reached: i64,
    /// How many offsets the finished among them stand for.
    ahead: u64,
    /// How many of them are not done.
    unfinished: u64,
    /// At so many slots, finished neighbours are drawn together.
    crowded: usize,
}

/// One delivered record, or a run of finished ones.
#[derive(Debug, Clone, Copy)]
struct Slot {
    offset: i64,
    /// The offset after its last record.
    end: i64,
    done: bool,
}

/// Below so many slots drawing together is not worth the walk.
const CROWDED: usize = 16_384;
/// What a burst has taken beyond so many slots is given back once all of its records are done.
const KEPT_CAPACITY_SLOTS: usize = 1024;

impl Position {
    /// Starts at `start`: everything below is somebody else's business.
    #[must_use]
    pub fn starting_at(start: i64) -> Self {
        Self { open: VecDeque::new(), reached: start, ahead: 0, unfinished: 0, crowded: CROWDED }
    }

    /// Notes a record read from the log. Offsets must rise; one that was delivered before is refused with `false`.
    pub fn deliver(&mut self, offset: i64) -> bool {
        if offset < self.reached {
            return false;
        }
        self.open.push_back(Slot { offset, end: offset + 1, done: false });
        self.reached = offset + 1;
        self.unfinished += 1;
        if self.open.len() >= self.crowded {
            self.draw_together();
        }
        true
    }

    /// One record that is not done must not make the memory grow with all that is done after it.
    fn draw_together(&mut self) {
        let mut kept: VecDeque<Slot> = VecDeque::with_capacity(self.open.len() / 2);
        for slot in self.open.drain(..) {
            match kept.back_mut() {
                // What lies between two finished neighbours does not exist.
                Some(last) if last.done && slot.done => {
                    self.ahead += (slot.offset - last.end).unsigned_abs();
                    last.end = slot.end;
                }
                _ => kept.push_back(slot),
            }
        }
        self.open = kept;
        self.crowded = (self.open.len() * 2).max(self.crowded);
    }

    /// Notes that the log holds nothing undelivered below `offset`.
    pub fn reach(&mut self, offset: i64) {
        self.reached = self.reached.max(offset);
    }

    /// Notes that a delivered record is dealt with. `false` for one that is not open: it was never delivered, or has been
    /// completed before.
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
        if self.open.is_empty() && self.open.capacity() > KEPT_CAPACITY_SLOTS {
            self.open.shrink_to(KEPT_CAPACITY_SLOTS);
            self.crowded = CROWDED;
        }
        true
    }

    /// Whether a record was delivered and is not dealt with yet.
    #[must_use]
    pub fn is_open(&self, offset: i64) -> bool {
        let place = self.open.binary_search_by_key(&offset, |slot| slot.offset);
        place.is_ok_and(|place| !self.open[place].done)
    }

    /// How many records were delivered and are not done.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// How many offsets above the position are dealt with. Where the log has holes, some of those count as well.
    #[must_use]
    pub fn ahead(&self) -> u64 {
        self.ahead
    }

    /// Every record below is dealt with.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.open.front().map_or(self.reached, |slot| slot.offset)
    }

    /// The finished offsets from `base` on, which is at or below the position.
    #[must_use]
    pub fn handled_from(&self, base: i64) -> Handled {
        let mut handled = Handled::default();
        handled.push(base, self.get());
        let mut run: Option<(i64, i64)> = None;
        for slot in &self.open {
            if slot.done {
                // What lies between two finished neighbours does not exist.
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

    /// Everything below has been delivered.
    #[must_use]
    pub fn reached(&self) -> i64 {
        self.reached
    }

    /// How many places are kept in mind: records that are not done, and records or runs of them that are, above the position.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// In a log without holes the place follows from the offset; holes can only make it lower.
    fn find(&mut self, offset: i64) -> Option<&mut Slot> {
        let first = self.open.front()?.offset;
        let guess = usize::try_from(offset.checked_sub(first)?).ok()?;
        let found = match self.open.get(guess) {
            Some(slot) if slot.offset == offset => guess,
            // A run of finished records answers for its first only; for the others "not open" is right as well.
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
    fn the_position_steps_over_holes_but_not_over_open_records() {
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
    fn what_is_finished_out_of_turn_is_told_in_runs() {
        let mut position = Position::starting_at(10);
        for offset in [10, 12, 13, 15, 18] {
            assert!(position.deliver(offset));
        }
        for offset in [12, 13, 18] {
            assert!(position.complete(offset));
        }
        let handled = position.handled_from(10);
        let told: Vec<i64> = (0..30).filter(|offset| handled.contains(*offset)).collect();
        assert_eq!(told, [12, 13, 18]);
        assert!(position.complete(10));
        let told: Vec<i64> = (0..30).filter(|offset| position.handled_from(10).contains(*offset)).collect();
        assert_eq!(told, [10, 11, 12, 13, 14, 18], "from an older position on");
    }

    #[test]
    fn what_was_never_open_cannot_be_completed() {
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
    fn one_open_record_does_not_make_the_memory_grow() {
        let mut position = Position::starting_at(0);
        assert!(position.deliver(0));
        for offset in 1..1_000_000 {
            assert!(position.deliver(offset) && position.complete(offset));
        }
        assert!(position.open() <= CROWDED && position.get() == 0);
        assert!(position.handled_from(0).contains(999_999) && !position.handled_from(0).contains(0));
        assert!(position.complete(0));
        assert_eq!((position.get(), position.open()), (1_000_000, 0));
    }

    proptest! {
        /// Against a map that knows everything: the position is the lowest unfinished offset, or what was reached.
        #[test]
        fn it_agrees_with_a_simple_model(
            gaps in prop::collection::vec(1_i64..5, 1..80),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..160),
        ) {
            let mut position = Position { crowded: 3, ..Position::starting_at(0) };
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
