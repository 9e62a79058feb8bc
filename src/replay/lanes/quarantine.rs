//! Quarantine: a key whose record has failed for good waits apart from its lane, in order, for a decision.
//!
//! Its failed record and all that come after it go into a lane of their own, which no worker takes from. Then it is
//! *released* (tried again, in order), or *condemned*: what waits goes to the dead letters, and so does what comes later
//! of the key in this run, so that the dead letters hold it in its order.
//!
//! Pure, as the lanes are (the time is only for show).

use std::{borrow::Cow, collections::HashMap, time::Instant};

use xxhash_rust::xxh3::Xxh3Builder;

use super::{LaneState, Lanes};
use crate::{domain::Record, handler::LaneRun, journal::CondemnedKey};

/// So many records of a condemned key leave at once.
const MOST_LEAVING: usize = 1000;
/// A journal keeps so many characters of an error: there may be thousands of keys.
const LONGEST_ERROR: usize = 300;

/// Why a key was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The hash that stands for the key.
    pub hash: u64,
    /// Which record has failed: its partition's place in the plan, and its offset.
    pub place: (u32, i64),
    /// What the handler said of it.
    pub error: String,
    /// How often that was tried.
    pub attempts: u32,
    /// Since when it waits.
    pub since: Instant,
    /// Counts up with every key put aside: who came first.
    pub number: u64,
}

impl Trouble {
    /// Of a record that failed just now; the rest is found out when its key is put aside.
    #[must_use]
    pub fn new(record: &Record, error: String, attempts: u32) -> Self {
        let place = (record.partition, record.offset);
        Self { hash: 0, place, error, attempts, since: Instant::now(), number: 0 }
    }

    /// As a journal keeps it.
    #[must_use]
    pub fn to_journal(&self) -> CondemnedKey {
        let (partition, offset) = self.place;
        let error = self.error.chars().take(LONGEST_ERROR).collect();
        CondemnedKey { hash: self.hash, partition, offset, attempts: self.attempts, error }
    }

    /// As a journal has kept it.
    #[must_use]
    pub fn from_journal(key: CondemnedKey) -> Self {
        let CondemnedKey { hash, partition, offset, attempts, error } = key;
        Self { hash, place: (partition, offset), error, attempts, since: Instant::now(), number: 0 }
    }

    /// What there is to say of a record of the key, and how often it was tried: the one that failed, or one behind it.
    #[must_use]
    pub fn of(&self, record: &Record) -> (Cow<'_, str>, u32) {
        if (record.partition, record.offset) == self.place {
            return (self.error.as_str().into(), self.attempts);
        }
        (format!("waited behind a record of its key that failed: {}", self.error).into(), 0)
    }
}

/// The keys that were put aside, and how much of them waits.
#[derive(Debug, Default)]
pub struct PutAside {
    lanes: HashMap<u64, u32, Xxh3Builder>,
    records: u64,
    bytes: u64,
    numbered: u64,
    /// How many keys wait for a decision.
    keys: usize,
    /// Lanes of condemned keys that have something that must leave.
    leaving: Vec<u32>,
    /// How many keys have been given up.
    condemned: usize,
}

impl PutAside {
    /// The lane of a record's key, where that was put aside.
    pub(super) fn lane_of(&self, record: &Record) -> Option<u32> {
        if self.lanes.is_empty() {
            return None;
        }
        self.lanes.get(&record.lane_hash()?).copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    pub(super) fn forget(&mut self, hash: u64) {
        self.lanes.remove(&hash);
    }

    pub(super) fn note(&mut self, record: &Record) {
        self.records += 1;
        self.bytes += record.footprint();
    }

    pub(super) fn note_gone(&mut self, record: &Record) {
        self.records -= 1;
        self.bytes -= record.footprint();
    }
}

/// A key that waits for a decision.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Why.
    pub trouble: Trouble,
    /// The record that failed.
    pub first: Record,
    /// How many records wait, with that one.
    pub records: usize,
    /// The memory they take.
    pub bytes: u64,
}

/// How much waits for a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuarantineLoad {
    /// Keys.
    pub keys: usize,
    /// Their records, also those of condemned keys that have not left yet.
    pub records: u64,
    /// The memory they take.
    pub bytes: u64,
}

impl Lanes {
    /// Hands a lane back whose record after the first `done` has failed for good: its key is put aside. A record that was
    /// fenced off meanwhile, or that has no key, just goes back.
    pub fn quarantine(&mut self, run: LaneRun, done: usize, mut trouble: Trouble) {
        let Some(hash) = run.records.get(done).filter(|one| !self.is_stale(one)).and_then(Record::lane_hash) else {
            return self.finish(run, done, None);
        };
        trouble.hash = hash;
        trouble.number = self.aside.numbered;
        self.aside.numbered += 1;
        let lane = run.lane;
        if self.is_extra(lane) {
            // It was released and has failed again: it keeps its place among the keys.
            if let Some(before) = &self.all[lane as usize].apart {
                trouble.number = before.number;
            }
            self.finish(run, done, None);
            self.move_to(lane, LaneState::Quarantined);
            self.all[lane as usize].apart = Some(Box::new(trouble));
            return;
        }
        self.finish(run, done, None);
        // Nobody else has the lane: all of the key's records are in it.
        let queued = std::mem::take(&mut self.all[lane as usize].records);
        let (apart, rest): (Vec<Record>, Vec<Record>) =
            queued.into_iter().partition(|record| record.lane_hash() == Some(hash));
        for record in &apart {
            self.note_gone(record);
        }
        let apart: Vec<Record> = apart.into_iter().filter(|record| !self.is_stale(record)).collect();
        for record in &apart {
            self.aside.note(record);
        }
        self.all[lane as usize].records = rest.into();
        self.refresh(lane);
        let extra = self.extra();
        let entry = &mut self.all[extra as usize];
        entry.state = LaneState::Quarantined;
        self.aside.keys += 1;
        entry.failures = 0;
        entry.records = apart.into_iter().map(Record::detached).collect();
        entry.apart = Some(Box::new(trouble));
        self.aside.lanes.insert(hash, extra);
    }

    /// Tries a key again that was put aside. Its queue is the first, which all workers of key order share.
    pub fn release(&mut self, hash: u64) -> bool {
        let Some(lane) = self.waiting_lane(hash) else { return false };
        self.move_to(lane, LaneState::Idle);
        self.all[lane as usize].failures = 0;
        self.refresh(lane);
        true
    }

    /// Gives a key up: what waits of it and what comes later goes to the dead letters.
    pub fn condemn(&mut self, hash: u64) -> bool {
        let Some(lane) = self.waiting_lane(hash) else { return false };
        self.move_to(lane, LaneState::Condemned);
        self.note_condemned(lane);
        self.aside.condemned += 1;
        true
    }

    /// Gives a key up that an earlier attempt of the run has given up, before any record has come.
    pub fn condemn_again(&mut self, mut trouble: Trouble) {
        let lane = self.extra();
        trouble.number = self.aside.numbered;
        self.aside.numbered += 1;
        self.aside.condemned += 1;
        self.aside.lanes.insert(trouble.hash, lane);
        let entry = &mut self.all[lane as usize];
        entry.state = LaneState::Condemned;
        entry.apart = Some(Box::new(trouble));
    }

    /// How many keys have been given up; there never are fewer.
    #[must_use]
    pub fn condemned_count(&self) -> usize {
        self.aside.condemned
    }

    /// The keys that have been given up, and why.
    #[must_use]
    pub fn condemned(&self) -> Vec<Trouble> {
        let is_condemned = |state| matches!(state, LaneState::Condemned | LaneState::Leaving);
        let lanes = self.aside.lanes.values().map(|lane| &self.all[*lane as usize]);
        lanes.filter(|lane| is_condemned(lane.state)).filter_map(|lane| lane.apart.as_deref().cloned()).collect()
    }

    /// Takes what has to leave of condemned keys, lane by lane, with what is known of its failure. The lanes belong to the
    /// caller until [`Lanes::finish_condemned`].
    pub fn take_condemned(&mut self) -> Vec<(LaneRun, Trouble)> {
        let mut out = Vec::new();
        for lane in std::mem::take(&mut self.aside.leaving) {
            let entry = &mut self.all[lane as usize];
            let Some(trouble) = entry.apart.as_deref().cloned().filter(|_| entry.state == LaneState::Condemned) else {
                continue;
            };
            let count = entry.records.len().min(MOST_LEAVING);
            let mut records: Vec<Record> = entry.records.drain(..count).collect();
            for record in &records {
                self.aside.note_gone(record);
            }
            records.retain(|record| !self.is_stale(record));
            for record in &records {
                self.partitions[record.partition as usize].in_hand += 1;
                self.in_hand += 1;
            }
            if records.is_empty() {
                self.note_condemned(lane);
            } else {
                // Others of the key wait behind these.
                self.move_to(lane, LaneState::Leaving);
                out.push((LaneRun { lane, records }, trouble));
            }
        }
        out
    }

    /// Hands a condemned lane back after its first `done` records have left.
    pub fn finish_condemned(&mut self, run: LaneRun, done: usize) {
        for record in &run.records {
            self.partitions[record.partition as usize].in_hand -= 1;
            self.in_hand -= 1;
        }
        let lane = run.lane;
        for record in run.records.into_iter().skip(done).rev() {
            if !self.is_stale(&record) {
                self.aside.note(&record);
                self.all[lane as usize].records.push_front(record);
            }
        }
        self.move_to(lane, LaneState::Condemned);
        self.note_condemned(lane);
    }

    /// Takes note that a lane has something that must leave, if so.
    pub(super) fn note_condemned(&mut self, lane: u32) {
        let entry = &self.all[lane as usize];
        if entry.state == LaneState::Condemned && !entry.records.is_empty() && !self.aside.leaving.contains(&lane) {
            self.aside.leaving.push(lane);
        }
    }

    /// Drops what was fenced off of the keys that were put aside: no worker comes to it.
    pub fn drop_stale_aside(&mut self) {
        let lanes: Vec<u32> = self.aside.lanes.values().copied().collect();
        for lane in lanes {
            let first = self.all[lane as usize].records.front().map(|record| (record.partition, record.offset));
            self.drop_stale(lane);
            let entry = &self.all[lane as usize];
            let is_other = entry.records.front().map(|record| (record.partition, record.offset)) != first;
            if entry.state == LaneState::Quarantined && is_other {
                // What had failed is gone; nothing is known against the others.
                self.move_to(lane, LaneState::Idle);
                self.retire(lane);
                self.refresh(lane);
            }
        }
    }

    /// The keys that wait for a decision, the oldest first.
    #[must_use]
    pub fn quarantined(&self) -> Vec<Waiting> {
        let mut all: Vec<Waiting> = self
            .aside
            .lanes
            .values()
            .filter_map(|lane| {
                let entry = &self.all[*lane as usize];
                let trouble = entry.apart.as_deref().filter(|_| entry.state == LaneState::Quarantined)?;
                let first = entry.records.front()?.clone();
                let bytes = entry.records.iter().map(Record::footprint).sum();
                Some(Waiting { trouble: trouble.clone(), first, records: entry.records.len(), bytes })
            })
            .collect();
        all.sort_unstable_by_key(|waiting| waiting.trouble.number);
        all
    }

    /// How much waits.
    #[must_use]
    pub fn quarantine_load(&self) -> QuarantineLoad {
        QuarantineLoad { keys: self.aside.keys, records: self.aside.records, bytes: self.aside.bytes }
    }

    /// Whether what comes into a lane waits apart from everything that workers take.
    pub(super) fn rests_aside(&self, lane: u32) -> bool {
        matches!(self.all[lane as usize].state, LaneState::Quarantined | LaneState::Condemned | LaneState::Leaving)
    }

    fn waiting_lane(&self, hash: u64) -> Option<u32> {
        let lane = *self.aside.lanes.get(&hash)?;
        (self.all[lane as usize].state == LaneState::Quarantined).then_some(lane)
    }

    /// Changes a lane's state, and where its records are counted.
    fn move_to(&mut self, lane: u32, state: LaneState) {
        let before = self.rests_aside(lane);
        let was_waiting = self.all[lane as usize].state == LaneState::Quarantined;
        self.all[lane as usize].state = state;
        self.aside.keys += usize::from(state == LaneState::Quarantined);
        self.aside.keys -= usize::from(was_waiting);
        let after = self.rests_aside(lane);
        if before == after {
            return;
        }
        let records = std::mem::take(&mut self.all[lane as usize].records);
        for record in &records {
            if after {
                self.note_gone(record);
                self.aside.note(record);
            } else {
                self.aside.note_gone(record);
                self.note_waiting(record);
            }
        }
        self.all[lane as usize].records = records;
        self.refresh(lane);
    }
}
