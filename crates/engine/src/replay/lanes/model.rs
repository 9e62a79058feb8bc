//! A simple model of the lanes: a queue for each lane, and the batches in flight.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use kreplay_model::domain::{Record, RecordBufferBuilder, Route};

use super::{Exclusion, Lanes};
use crate::handler::LaneRun;

/// Numbers of lanes, partitions and ready queues.
pub const LANES: u32 = 5;
pub const PARTITIONS: u32 = 3;
pub const QUEUES: u32 = 3;

/// One lane.
#[derive(Default)]
pub struct ModelLane {
    pub records: VecDeque<Record>,
    pub is_busy: bool,
    pub backs_off_until: Option<Instant>,
    failures: u32,
    pub queue: u32,
}

/// A failed record of a shared lane, waiting for its next attempt.
struct FailedRecord {
    record: Record,
    pub backs_off_until: Option<Instant>,
    failures: u32,
}

/// The state that the lanes must agree with.
pub struct Model {
    pub exclusion: Exclusion,
    pub lanes: Vec<ModelLane>,
    failed: Vec<FailedRecord>,
    pub in_flight: Vec<LaneRun>,
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
            failed: Vec::new(),
            in_flight: Vec::new(),
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

    /// Checks the taken records, and takes them from the model as well.
    pub fn take(&mut self, queue: u32, max: usize, taken: usize, out: Vec<LaneRun>) {
        assert_eq!(taken, out.iter().map(|run| run.records.len()).sum::<usize>());
        assert!(taken <= max);
        let mut remaining = max;
        for run in out {
            assert!(!run.records.is_empty());
            if run.lane >= LANES {
                assert_eq!((self.exclusion, queue, run.records.len()), (Exclusion::Shared, 0, 1));
                let offset = run.records[0].offset;
                let place =
                    self.failed.iter().position(|one| one.record.offset == offset).expect("it waits for a retry");
                let failed = &self.failed[place];
                assert!(failed.backs_off_until.is_none() && self.is_fresh(&failed.record));
                remaining -= 1;
                self.in_flight.push(run);
                continue;
            }
            let lane = &mut self.lanes[run.lane as usize];
            assert!(!lane.is_busy, "lane {} has two owners", run.lane);
            assert!(lane.backs_off_until.is_none(), "lane {} is backing off", run.lane);
            assert_eq!(lane.queue, queue);
            let mut expected = Vec::new();
            while remaining > 0
                && let Some(record) = lane.records.pop_front()
            {
                if record.epoch == self.epochs[record.partition as usize] {
                    remaining -= 1;
                    expected.push(record.offset);
                } else if expected.is_empty() {
                    lane.failures = 0;
                }
            }
            assert_eq!(offsets(&run.records), expected, "lane {}", run.lane);
            lane.is_busy = self.exclusion == Exclusion::Exclusive;
            self.in_flight.push(run);
        }
        if remaining == 0 {
            return;
        }
        // Fewer records than allowed were taken, so no ready record is left, and the stale ones were dropped.
        let (epochs, held) = (&self.epochs, &self.in_flight);
        for lane in self.lanes.iter_mut().filter(|lane| lane.queue == queue && !lane.is_busy) {
            if lane.backs_off_until.is_none() {
                let left = lane.records.iter().find(|one| one.epoch == epochs[one.partition as usize]);
                assert!(left.is_none(), "{left:?} was not taken");
                lane.records.clear();
                lane.failures = 0;
            }
        }
        if queue == 0 {
            for one in self.failed.iter().filter(|one| one.backs_off_until.is_none()) {
                let is_held = held.iter().any(|run| run.lane >= LANES && run.records[0].offset == one.record.offset);
                assert!(is_held || one.record.epoch != epochs[one.record.partition as usize]);
            }
            self.failed.retain(|one| {
                one.backs_off_until.is_some()
                    || held.iter().any(|run| run.lane >= LANES && run.records[0].offset == one.record.offset)
            });
        }
    }

    /// The records that wait for another attempt, and whose time has not come.
    pub fn backing_off(&self) -> Vec<Record> {
        let lanes = self.lanes.iter().filter(|lane| lane.backs_off_until.is_some());
        let failed = self.failed.iter().filter(|one| one.backs_off_until.is_some());
        lanes.filter_map(|lane| lane.records.front()).chain(failed.map(|one| &one.record)).cloned().collect()
    }

    /// Takes a record that waits for another attempt, unless it has been fenced.
    pub fn take_failed(&mut self, record: &Record, taken: Option<LaneRun>) {
        let Some(run) = taken else { return assert!(!self.is_fresh(record)) };
        assert!(self.is_fresh(record));
        assert_eq!(offsets(&run.records), [record.offset]);
        if run.lane < LANES {
            let lane = &mut self.lanes[run.lane as usize];
            assert!(!std::mem::replace(&mut lane.is_busy, true) && lane.backs_off_until.take().is_some());
            assert_eq!(lane.records.pop_front().map(|first| first.offset), Some(record.offset));
        } else {
            let failed = self.failed.iter_mut().find(|one| one.record.offset == record.offset);
            assert!(failed.and_then(|one| one.backs_off_until.take()).is_some());
        }
        self.in_flight.push(run);
    }

    pub fn finish(&mut self, run: &LaneRun, done: usize, until: Option<Instant>) {
        let until = until.filter(|_| run.records.get(done).is_some_and(|failed| self.is_fresh(failed)));
        let mut left: VecDeque<Record> =
            run.records[done..].iter().filter(|record| self.is_fresh(record)).cloned().collect();
        if self.exclusion == Exclusion::Shared {
            let before =
                self.failed.iter().position(|one| run.lane >= LANES && one.record.offset == run.records[0].offset);
            let failures = before.map_or(0, |place| self.failed.remove(place).failures);
            if let Some(record) = left.pop_front_if(|_| until.is_some()) {
                self.failed.push(FailedRecord { record, backs_off_until: until, failures: failures + 1 });
            } else if run.lane >= LANES {
                self.failed.extend(left.drain(..).map(|record| FailedRecord {
                    record,
                    backs_off_until: None,
                    failures: 0,
                }));
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
        lane.backs_off_until = until;
        left.append(&mut lane.records);
        lane.records = left;
    }

    pub fn advance(&mut self, now: Instant) {
        self.now = now;
        for until in self.lanes.iter_mut().map(|lane| &mut lane.backs_off_until) {
            *until = until.filter(|at| *at > now);
        }
        for until in self.failed.iter_mut().map(|one| &mut one.backs_off_until) {
            *until = until.filter(|at| *at > now);
        }
    }

    pub fn check(&self, lanes: &Lanes) {
        let records: Vec<&Record> = self.in_flight.iter().flat_map(|run| &run.records).collect();
        assert_eq!(lanes.in_flight(), records.len() as u64);
        let is_held = |one: &&FailedRecord| self.in_flight.iter().any(|run| run.records[0].offset == one.record.offset);
        let failed = self.failed.iter().filter(|one| !is_held(one)).map(|one| &one.record);
        let waiting: Vec<&Record> = self.lanes.iter().flat_map(|lane| &lane.records).chain(failed).collect();
        let mut sum = 0;
        for partition in 0..PARTITIONS {
            let held = records.iter().filter(|record| record.partition == partition).count() as u64;
            assert_eq!(lanes.in_flight_of(partition), held);
            let mine = || waiting.iter().filter(|record| record.partition == partition);
            let fresh = mine().filter(|record| self.is_fresh(record)).count() as u64;
            let (count, bytes) = lanes.waiting_of(partition);
            // When exactly stale records are dropped is up to the lanes.
            assert!((fresh..=mine().count() as u64).contains(&count), "{fresh} {count} {}", mine().count());
            let each = waiting.first().map_or(0, |record| record.footprint());
            assert_eq!(bytes, count * each, "all records are of one size");
            sum += count;
        }
        assert_eq!(lanes.waiting(), sum);
        let backoffs = self.lanes.iter().filter_map(|lane| lane.backs_off_until);
        assert_eq!(
            lanes.next_backoff_end(),
            backoffs.chain(self.failed.iter().filter_map(|one| one.backs_off_until)).min()
        );
        for run in self.in_flight.iter().filter(|run| run.lane >= LANES) {
            let failed = self.failed.iter().find(|one| one.record.offset == run.records[0].offset);
            assert_eq!(Some(lanes.failures(run.lane)), failed.map(|one| one.failures));
        }
        for (lane, number) in self.lanes.iter().zip(0..) {
            assert_eq!(lanes.queue_of(number), lane.queue);
            if lane.is_busy || lane.records.front().is_some_and(|first| self.is_fresh(first)) {
                assert_eq!(lanes.failures(number), lane.failures, "lane {number}");
            }
        }
    }
}
