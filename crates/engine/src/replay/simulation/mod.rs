//! Simulates readers, members and workers of an engine, one step at a time, and checks its invariants.

mod checks;
mod simulation_test;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use kreplay_kafka::{Membership, StartAt};
use kreplay_model::domain::{Offset, Ordering, TopicPartition};
use parking_lot::Mutex;

use crate::{
    handler::{Advice, LaneFailure, LaneRun},
    replay::{
        engine::fixture::{Fixture, HOLE, Log},
        group::{membership::RunMembership, rebalance::Rebalances},
    },
};

/// A partition as seen by the broker and the reader.
#[derive(Default)]
pub(super) struct Part {
    pub(super) holder: Option<usize>,
    epoch: u32,
    /// The next offset to read.
    next: i64,
    pub(super) reached: i64,
    pub(super) committed: i64,
    pub(super) open: BTreeSet<i64>,
    pub(super) handled: BTreeSet<i64>,
    /// Handled while no member had the partition.
    handled_late: BTreeSet<i64>,
    start: i64,
    pub(super) skipped: BTreeSet<i64>,
    newest: HashMap<Option<u8>, i64>,
    pub(super) counted: u64,
    pub(super) late: u64,
    pub(super) duplicates: u64,
    /// Ended assignments, with the offset that their reader had reached.
    former: Vec<(u32, i64)>,
}

impl Part {
    fn count(&mut self, offset: i64, key: Option<u8>, ordering: Ordering) {
        let before = self.newest.insert(key, offset);
        if ordering != Ordering::None {
            assert!(before.is_none_or(|before| before < offset), "{offset} after {before:?}");
        }
        assert!(self.handled.insert(offset), "{offset} counts twice");
        self.counted += 1;
    }

    /// A result of an ended assignment: it counts if the partition is assigned again and the record is not settled.
    fn complete_late(&mut self, offset: i64, key: Option<u8>, ordering: Ordering) {
        let is_settled = self.handled.contains(&offset) || self.skipped.contains(&offset);
        if self.holder.is_some() && !is_settled && offset >= self.start && !self.handled_late.contains(&offset) {
            self.count(offset, key, ordering);
            return;
        }
        self.late += 1;
        if self.holder.is_none() && !is_settled {
            self.handled_late.insert(offset);
        }
    }
}

/// The simulation.
pub struct Sim {
    pub fixture: Fixture,
    pub(super) ordering: Ordering,
    pub(super) parts: Vec<Part>,
    members: [RunMembership; 2],
    pub(super) in_flight: Vec<(u32, Vec<LaneRun>)>,
    /// Members that have lost a partition and have not learned of it yet.
    pub(super) unaware: Vec<(usize, u32)>,
    attempts: HashMap<(u32, i64, u32), u32>,
    is_paused: bool,
}

/// Records that fail on every attempt.
pub(super) fn is_broken(partition: u32, offset: i64) -> bool {
    (offset + i64::from(partition)) % 13 == 5
}

/// Records that fail on the first attempt.
fn fails_first_time(partition: u32, offset: i64) -> bool {
    (offset + 2 * i64::from(partition)) % 7 == 3
}

impl Sim {
    pub fn new(ordering: Ordering, log: &Log) -> Self {
        let fixture = Fixture::new(ordering, log);
        let rebalances = Arc::new(Mutex::new(Rebalances::new(log.len())));
        let members =
            [0, 1].map(|number| RunMembership::new(Arc::clone(&fixture.engine), number, Arc::clone(&rebalances)));
        let _ = fixture.engine.scheduler.set_workers(2);
        let parts = log.iter().map(|_| Part::default()).collect();
        let attempts = HashMap::new();
        Self {
            fixture,
            ordering,
            parts,
            members,
            in_flight: Vec::new(),
            unaware: Vec::new(),
            attempts,
            is_paused: false,
        }
    }

    fn id(&self, partition: u32) -> TopicPartition {
        self.fixture.engine.partitions.id(partition).clone()
    }

    /// The group assigns a partition to a member. A previous holder learns of it later.
    pub fn assign(&mut self, partition: u32, member: usize) {
        let part = &mut self.parts[partition as usize];
        if part.holder == Some(member) || self.unaware.contains(&(member, partition)) {
            return;
        }
        if let Some(before) = part.holder {
            self.unaware.push((before, partition));
            part.former.push((part.epoch, part.next));
        }
        let committed = part.committed;
        let starts = self.members[member].assigned(&[(self.id(partition), Ok(Offset::new(committed)))]);
        let [StartAt::Offset(start)] = starts[..] else { panic!("{starts:?}") };
        let news = self.members[member].take_new_assignments();
        let part = &mut self.parts[partition as usize];
        assert!(news.len() == 1 && news[0].0 == partition && news[0].1 > part.epoch);
        for offset in std::mem::take(&mut part.handled_late).split_off(&committed) {
            part.count(offset, self.fixture.key(partition, offset), self.ordering);
        }
        for offset in committed..start.get() {
            let is_there = self.fixture.key(partition, offset) != HOLE;
            assert!(!is_there || part.handled.contains(&offset) || part.skipped.contains(&offset), "{offset}");
        }
        assert!(!part.handled.contains(&start.get()), "{start} is handled");
        (part.holder, part.epoch, part.start) = (Some(member), news[0].1, start.get());
        (part.next, part.reached) = (start.get(), start.get());
        part.open.clear();
    }

    /// A member learns that it has lost a partition, in one of two ways.
    pub fn learn(&mut self, index: usize, is_lost: bool) {
        if self.unaware.is_empty() {
            return;
        }
        let (member, partition) = self.unaware.remove(index % self.unaware.len());
        let ids = [self.id(partition)];
        if is_lost {
            self.members[member].lost(&ids);
        } else {
            assert_eq!(self.members[member].revoking(&ids), [], "the positions belong to another member");
            self.members[member].revoked(&ids, None);
        }
    }

    /// The holder gives a partition back properly. `drains`: its records in flight are settled in time.
    pub fn revoke(&mut self, partition: u32, drains: bool) {
        let Some(member) = self.parts[partition as usize].holder else { return };
        if drains {
            while let Some(index) = self.in_flight.iter().position(|(_, batch)| holds(batch, partition)) {
                self.settle(index);
            }
        }
        let ids = [self.id(partition)];
        let is_in_flight = self.in_flight.iter().any(|(_, batch)| holds(batch, partition));
        assert_eq!(self.fixture.engine.scheduler.wait_drained(&[partition], Duration::ZERO), !is_in_flight);
        let positions = self.members[member].revoking(&ids);
        self.note_commits(member, &positions);
        self.members[member].revoked(&ids, None);
        let part = &mut self.parts[partition as usize];
        part.former.push((part.epoch, part.next));
        part.holder = None;
    }

    pub fn commit(&mut self, member: usize) {
        let positions = self.members[member].positions_to_commit();
        self.note_commits(member, &positions);
    }

    fn note_commits(&mut self, member: usize, positions: &[(TopicPartition, Offset)]) {
        for (id, offset) in positions {
            let part = &mut self.parts[self.fixture.engine.partitions.index_of(id).unwrap() as usize];
            assert_eq!(part.holder, Some(member), "{id} is committed by a member that does not hold it");
            part.committed = offset.get();
        }
        self.members[member].committed(positions);
    }

    /// The holder's reader reads more records.
    pub fn read(&mut self, partition: u32, count: i64) {
        let end = self.fixture.end(partition);
        let part = &mut self.parts[partition as usize];
        if part.holder.is_none() {
            return;
        }
        let range = part.next..(part.next + count).min(end);
        part.next = range.end;
        for offset in range.clone() {
            let key = self.fixture.key(partition, offset);
            if key == HOLE {
                continue;
            }
            part.reached = offset + 1;
            if part.handled.contains(&offset) || part.skipped.contains(&offset) {
                part.duplicates += 1;
            } else {
                part.open.insert(offset);
            }
        }
        let (epoch, at_end) = (part.epoch, range.end == end);
        self.fixture.deliver(partition, epoch, range);
        if at_end {
            self.parts[partition as usize].reached = end;
            self.fixture.engine.partitions.with(partition, |one| one.reach(epoch, end + 7));
        }
    }

    /// A reader that has not learned that its assignment has ended reads more records.
    pub fn read_late(&mut self, partition: u32, index: usize, count: i64) {
        let end = self.fixture.end(partition);
        let former = &mut self.parts[partition as usize].former;
        if former.is_empty() {
            return;
        }
        let index = index % former.len();
        let (epoch, next) = former[index];
        former[index].1 = (next + count).min(end);
        let range = next..former[index].1;
        self.fixture.deliver(partition, epoch, range);
        self.fixture.engine.partitions.with(partition, |one| one.reach(epoch, end));
    }

    pub fn set_workers(&mut self, workers: u32) {
        let _ = self.fixture.engine.scheduler.set_workers(workers);
    }

    pub fn set_paused(&mut self, paused: bool) {
        self.is_paused = paused;
        self.fixture.engine.scheduler.set_paused(paused);
    }

    /// A worker takes records. No lane may have two owners.
    pub fn take(&mut self, worker: u32) -> bool {
        let mut batch = Vec::new();
        let is_busy = self.in_flight.iter().any(|(busy, _)| *busy == worker);
        if is_busy || !self.fixture.engine.scheduler.try_take(worker, &mut batch) {
            return false;
        }
        assert!(!self.is_paused);
        for record in batch.iter().flat_map(|run| &run.records) {
            let part = &self.parts[record.partition as usize];
            assert!(part.holder.is_some() && record.epoch == part.epoch, "{record:?} is fenced");
            assert!(part.open.contains(&record.offset), "{record:?} came twice");
            if self.ordering == Ordering::Partition {
                assert_eq!(part.holder, Some(worker as usize));
            }
            for other in self.in_flight.iter().flat_map(|(_, batch)| batch).flat_map(|run| &run.records) {
                let (same_key, same_partition) = (other.key() == record.key(), other.partition == record.partition);
                let excluded = match self.ordering {
                    Ordering::Key => same_key && (same_partition || record.key().is_some()),
                    Ordering::Partition => same_partition,
                    Ordering::None => same_partition && other.offset == record.offset && other.epoch == record.epoch,
                };
                assert!(!excluded, "{record:?} and {other:?} have two owners");
            }
        }
        self.in_flight.push((worker, batch));
        true
    }

    /// A worker finishes a batch.
    pub fn settle(&mut self, index: usize) {
        if self.in_flight.is_empty() {
            return;
        }
        let (_, batch) = self.in_flight.remove(index % self.in_flight.len());
        let mut failures = Vec::new();
        for (run, lane) in batch.iter().enumerate() {
            for (done, record) in lane.records.iter().enumerate() {
                if self.fixture.engine.partitions.was_handled_late(record) {
                    let part = &mut self.parts[record.partition as usize];
                    assert!(part.open.remove(&record.offset));
                    part.duplicates += 1;
                    continue;
                }
                let attempt = self.attempts.entry((record.partition, record.offset, record.epoch)).or_default();
                *attempt += 1;
                let broken = is_broken(record.partition, record.offset);
                let fails = broken || *attempt == 1 && fails_first_time(record.partition, record.offset);
                assert!(*attempt <= 2, "one attempt too many for {record:?}");
                let is_over = !fails || *attempt == 2;
                let part = &mut self.parts[record.partition as usize];
                if !is_over {
                } else if part.holder.is_none() || record.epoch != part.epoch {
                    // A failure is not a result: the record is left to the next owner, and nothing is fenced.
                    if !fails {
                        let key = self.fixture.key(record.partition, record.offset);
                        part.complete_late(record.offset, key, self.ordering);
                    }
                } else {
                    assert!(part.open.remove(&record.offset));
                    if fails {
                        part.skipped.insert(record.offset);
                    } else {
                        let key = self.fixture.key(record.partition, record.offset);
                        part.count(record.offset, key, self.ordering);
                    }
                }
                if fails {
                    failures.push(LaneFailure { run, done, error: "as planned".into(), advice: Advice::Retry });
                    break;
                }
            }
        }
        self.fixture.engine.settle(batch, &failures, Duration::ZERO);
    }
}

fn holds(batch: &[LaneRun], partition: u32) -> bool {
    batch.iter().flat_map(|run| &run.records).any(|record| record.partition == partition)
}
