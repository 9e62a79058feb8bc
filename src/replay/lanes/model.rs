//! What the lanes must agree with: a queue for each lane, and whose hands it is in.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use super::{Exclusion, Lanes};
use crate::{
    domain::{Record, RecordBufferBuilder, Route},
    handler::LaneRun,
};

/// How many lanes, partitions and ready queues there are.
pub const LANES: u32 = 5;
pub const PARTITIONS: u32 = 3;
pub const QUEUES: u32 = 3;

/// One lane.
#[derive(Default)]
pub struct ModelLane {
    pub records: VecDeque<Record>,
    pub is_busy: bool,
    pub rests_until: Option<Instant>,
    failures: u32,
    pub queue: u32,
}

/// A record without an order that waits apart for its next attempt.
struct Apart {
    record: Record,
    pub rests_until: Option<Instant>,
    failures: u32,
}

/// What the lanes must agree with.
pub struct Model {
    pub exclusion: Exclusion,
    pub lanes: Vec<ModelLane>,
    apart: Vec<Apart>,
    pub hands: Vec<LaneRun>,
    pub epochs: Vec<u32>,
    pub now: Instant,
    next_offset: i64,
}

fn offsets<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<i64> {
    records.into_iter().map(|record| record.offset).collect()
}

impl Model {
    pub fn new(exclusion: Exclusion) -> Self {
        Self {
            exclusion,
            lanes: (0..LANES).map(|_| ModelLane::default()).collect(),
            apart: Vec::new(),
            hands: Vec::new(),
            epochs: vec![1; PARTITIONS as usize],
            now: Instant::now(),
            next_offset: 0,
        }
    }

    fn is_fresh(&self, record: &Record) -> bool {
        record.epoch == self.epochs[record.partition as usize]
    }

    pub fn record(&mut self, partition: u32, is_stale: bool) -> Record {
        let mut builder = RecordBufferBuilder::default();
        let epoch = self.epochs[partition as usize] - u32::from(is_stale);
        builder.push(partition, epoch, self.next_offset, -1, Route::default(), None, Some(b"seven b"));
        self.next_offset += 1;
        let mut records = Vec::new();
        builder.finish(&Arc::default(), &mut records);
        records.remove(0)
    }

    /// Checks what was taken, and takes it from the model too.
    pub fn take(&mut self, queue: u32, max: usize, taken: usize, out: Vec<LaneRun>) {
        assert_eq!(taken, out.iter().map(|run| run.records.len()).sum::<usize>());
        assert!(taken <= max);
        let mut room = max;
        for run in out {
            assert!(!run.records.is_empty());
            if run.lane >= LANES {
                assert_eq!((self.exclusion, queue, run.records.len()), (Exclusion::Shared, 0, 1));
                let offset = run.records[0].offset;
                let place = self.apart.iter().position(|one| one.record.offset == offset).expect("it waits apart");
                let apart = &self.apart[place];
                assert!(apart.rests_until.is_none() && self.is_fresh(&apart.record));
                room -= 1;
                self.hands.push(run);
                continue;
            }
            let lane = &mut self.lanes[run.lane as usize];
            assert!(!lane.is_busy, "lane {} is in two hands", run.lane);
            assert!(lane.rests_until.is_none(), "lane {} rests", run.lane);
            assert_eq!(lane.queue, queue);
            let mut expected = Vec::new();
            while room > 0
                && let Some(record) = lane.records.pop_front()
            {
                if record.epoch == self.epochs[record.partition as usize] {
                    room -= 1;
                    expected.push(record.offset);
                } else if expected.is_empty() {
                    lane.failures = 0;
                }
            }
            assert_eq!(offsets(&run.records), expected, "lane {}", run.lane);
            lane.is_busy = self.exclusion == Exclusion::Exclusive;
            self.hands.push(run);
        }
        if room == 0 {
            return;
        }
        // There was room for more: nothing that can be taken has been left, and what is stale is gone.
        let (epochs, held) = (&self.epochs, &self.hands);
        for lane in self.lanes.iter_mut().filter(|lane| lane.queue == queue && !lane.is_busy) {
            if lane.rests_until.is_none() {
                let left = lane.records.iter().find(|one| one.epoch == epochs[one.partition as usize]);
                assert!(left.is_none(), "{left:?} was left behind");
                lane.records.clear();
                lane.failures = 0;
            }
        }
        if queue == 0 {
            for one in self.apart.iter().filter(|one| one.rests_until.is_none()) {
                let is_held = held.iter().any(|run| run.lane >= LANES && run.records[0].offset == one.record.offset);
                assert!(is_held || one.record.epoch != epochs[one.record.partition as usize]);
            }
            self.apart.retain(|one| {
                one.rests_until.is_some()
                    || held.iter().any(|run| run.lane >= LANES && run.records[0].offset == one.record.offset)
            });
        }
    }

    pub fn finish(&mut self, run: &LaneRun, done: usize, until: Option<Instant>) {
        let until = until.filter(|_| run.records.get(done).is_some_and(|failed| self.is_fresh(failed)));
        let mut left: VecDeque<Record> =
            run.records[done..].iter().filter(|record| self.is_fresh(record)).cloned().collect();
        if self.exclusion == Exclusion::Shared {
            let before =
                self.apart.iter().position(|one| run.lane >= LANES && one.record.offset == run.records[0].offset);
            let failures = before.map_or(0, |place| self.apart.remove(place).failures);
            if let Some(record) = left.pop_front_if(|_| until.is_some()) {
                self.apart.push(Apart { record, rests_until: until, failures: failures + 1 });
            } else if run.lane >= LANES {
                self.apart.extend(left.drain(..).map(|record| Apart { record, rests_until: None, failures: 0 }));
            }
            if run.lane < LANES {
                self.lanes[run.lane as usize].records.extend(left);
            }
            return;
        }
        let lane = &mut self.lanes[run.lane as usize];
        lane.is_busy = false;
        lane.failures = if until.is_none() {
            0
        } else if done > 0 {
            1
        } else {
            lane.failures + 1
        };
        lane.rests_until = until;
        left.append(&mut lane.records);
        lane.records = left;
    }

    pub fn pass(&mut self, now: Instant) {
        self.now = now;
        for until in self.lanes.iter_mut().map(|lane| &mut lane.rests_until) {
            *until = until.filter(|at| *at > now);
        }
        for until in self.apart.iter_mut().map(|one| &mut one.rests_until) {
            *until = until.filter(|at| *at > now);
        }
    }

    pub fn check(&self, lanes: &Lanes) {
        let in_hand: Vec<&Record> = self.hands.iter().flat_map(|run| &run.records).collect();
        assert_eq!(lanes.in_hand(), in_hand.len() as u64);
        let is_held = |one: &&Apart| self.hands.iter().any(|run| run.records[0].offset == one.record.offset);
        let apart = self.apart.iter().filter(|one| !is_held(one)).map(|one| &one.record);
        let waiting: Vec<&Record> = self.lanes.iter().flat_map(|lane| &lane.records).chain(apart).collect();
        let mut sum = 0;
        for partition in 0..PARTITIONS {
            let held = in_hand.iter().filter(|record| record.partition == partition).count() as u64;
            assert_eq!(lanes.in_hand_of(partition), held);
            let mine = || waiting.iter().filter(|record| record.partition == partition);
            let fresh = mine().filter(|record| self.is_fresh(record)).count() as u64;
            let (count, bytes) = lanes.waiting_of(partition);
            // When exactly stale records go is the lanes' business.
            assert!((fresh..=mine().count() as u64).contains(&count), "{fresh} {count} {}", mine().count());
            let each = waiting.first().map_or(0, |record| record.footprint());
            assert_eq!(bytes, count * each, "all records are of one size");
            sum += count;
        }
        assert_eq!(lanes.waiting(), sum);
        let rests = self.lanes.iter().filter_map(|lane| lane.rests_until);
        assert_eq!(lanes.next_wake(), rests.chain(self.apart.iter().filter_map(|one| one.rests_until)).min());
        for run in self.hands.iter().filter(|run| run.lane >= LANES) {
            let apart = self.apart.iter().find(|one| one.record.offset == run.records[0].offset);
            assert_eq!(Some(lanes.failures(run.lane)), apart.map(|one| one.failures));
        }
        for (lane, number) in self.lanes.iter().zip(0..) {
            assert_eq!(lanes.queue_of(number), lane.queue);
            if lane.is_busy || lane.records.front().is_some_and(|first| self.is_fresh(first)) {
                assert_eq!(lanes.failures(number), lane.failures, "lane {number}");
            }
        }
    }
}
