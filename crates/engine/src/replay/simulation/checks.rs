//! Invariants of an engine, at any time and at the end of a run.

use kreplay_model::domain::Ordering;

use super::{Sim, is_broken};
use crate::replay::engine::fixture::HOLE;

impl Sim {
    /// Checks the invariants that hold at any time.
    pub fn check(&self) {
        let count: usize = self.in_flight.iter().flat_map(|(_, batch)| batch).map(|run| run.records.len()).sum();
        assert_eq!(self.fixture.engine.scheduler.load().1, count as u64);
        let mut open = 0;
        for (part, number) in self.parts.iter().zip(0_u32..) {
            let run = self.fixture.engine.partitions.lock(number);
            open += usize::from(!run.is_complete());
            assert_eq!((run.fenced, run.already_handled, run.handled), (part.late, part.duplicates, part.counted));
            assert_eq!(part.counted, part.handled.len() as u64, "a record counts twice");
            if part.holder.is_some() {
                assert_eq!(run.position(), Some(part.open.first().copied().unwrap_or(part.reached)), "{:?}", run.id);
            }
            for offset in 0..run.position().unwrap_or(0).max(part.committed) {
                let is_there = self.fixture.key(number, offset) != HOLE;
                assert!(!is_there || part.handled.contains(&offset) || part.skipped.contains(&offset), "{offset}");
            }
        }
        assert_eq!(self.fixture.engine.partitions.open(), open);
    }

    /// Delivers all pending news, and runs to the end.
    pub fn finish(&mut self) {
        while !self.unaware.is_empty() {
            self.learn(0, true);
        }
        self.set_paused(false);
        self.set_workers(2);
        for partition in 0..u32::try_from(self.parts.len()).unwrap() {
            if self.parts[partition as usize].holder.is_none() {
                self.assign(partition, 0);
            }
            self.read(partition, i64::from(u16::MAX));
        }
        while !self.in_flight.is_empty() || self.take(0) || self.take(1) {
            self.settle(0);
            self.check();
        }
        let engine = &self.fixture.engine;
        assert_eq!((engine.partitions.open(), engine.scheduler.load()), (0, (0, 0)), "records are left");
        assert!(engine.partitions.finished_at().is_some());
        assert_eq!(engine.memory.held_bytes(), 0, "memory was not freed");
        if self.ordering != Ordering::None {
            let expected = self.fixture.digest_without(is_broken);
            assert_eq!(self.fixture.digest(), expected);
        }
    }
}
