//! Quarantine: the records of a key that failed for good are kept apart from its lane, in order, until a decision is
//! made.
//!
//! The failed record and all later records of its key go into their own lane, which no worker takes from. The key is
//! then *released* (retried, in order) or *discarded*: its waiting records, and all that follow in this run, go to the
//! dead letters, which so contain them in order.
//!
//! Pure, as the lanes are (the times are only displayed).

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    time::Instant,
};

use kreplay_model::domain::Record;
use xxhash_rust::xxh3::Xxh3Builder;

use super::{LaneState, Lanes};
use crate::{handler::LaneRun, journal::DiscardedKey};

/// Maximum number of records of a discarded key that are sent to the dead letters at once.
const MAX_DEAD_LETTERED_RECORDS: usize = 1000;
/// Maximum length of an error in the journal, in characters: there may be thousands of keys.
const MAX_JOURNAL_ERROR_CHARS: usize = 300;

/// Why a key is in quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineReason {
    /// The hash of the key.
    pub hash: u64,
    /// The failed record: its partition's index in the plan, and its offset.
    pub failed: (u32, i64),
    /// The handler's error.
    pub error: String,
    /// Number of failed attempts.
    pub attempts: u32,
    /// When the record failed.
    pub since: Instant,
    /// Sequence number of the quarantined key: the oldest key has the lowest.
    pub number: u64,
}

impl QuarantineReason {
    /// For a record that has just failed. The hash and the number are set when its key enters quarantine.
    #[must_use]
    pub fn new(record: &Record, error: String, attempts: u32) -> Self {
        let failed = (record.partition, record.offset);
        Self { hash: 0, failed, error, attempts, since: Instant::now(), number: 0 }
    }

    /// Converts to the journal's format.
    #[must_use]
    pub fn to_journal(&self) -> DiscardedKey {
        let (partition, offset) = self.failed;
        let error = self.error.chars().take(MAX_JOURNAL_ERROR_CHARS).collect();
        DiscardedKey { hash: self.hash, partition, offset, attempts: self.attempts, error }
    }

    /// Converts from the journal's format.
    #[must_use]
    pub fn from_journal(key: DiscardedKey) -> Self {
        let DiscardedKey { hash, partition, offset, attempts, error } = key;
        Self { hash, failed: (partition, offset), error, attempts, since: Instant::now(), number: 0 }
    }

    /// The error and the number of attempts of a record of the key: the failed record, or one that waited behind it.
    #[must_use]
    pub fn of(&self, record: &Record) -> (Cow<'_, str>, u32) {
        if (record.partition, record.offset) == self.failed {
            return (self.error.as_str().into(), self.attempts);
        }
        (format!("waited behind a record of its key that failed: {}", self.error).into(), 0)
    }
}

/// The quarantined and discarded keys, and the totals of their records.
#[derive(Debug, Default)]
pub struct QuarantinedKeys {
    lanes: HashMap<u64, u32, Xxh3Builder>,
    records: u64,
    bytes: u64,
    next_number: u64,
    /// Number of keys that wait for a decision.
    keys: usize,
    /// Lanes of discarded keys with records to send to the dead letters.
    to_dead_letter: Vec<u32>,
    /// Number of discarded keys.
    discarded: usize,
}

impl QuarantinedKeys {
    /// The lane of a record's key, if the key is quarantined or discarded.
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

    pub(super) fn add(&mut self, record: &Record) {
        self.records += 1;
        self.bytes += record.footprint();
    }

    pub(super) fn remove(&mut self, record: &Record) {
        self.records -= 1;
        self.bytes -= record.footprint();
    }
}

/// A key that waits for a decision.
#[derive(Clone, Debug)]
pub struct QuarantineEntry {
    /// Why it is in quarantine.
    pub reason: QuarantineReason,
    /// The failed record.
    pub first: Record,
    /// Number of waiting records, including the failed one.
    pub records: usize,
    /// The memory that they use, in bytes.
    pub bytes: u64,
}

/// Totals of the quarantine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuarantineLoad {
    /// Number of keys that wait for a decision.
    pub keys: usize,
    /// Number of quarantined records, including those of discarded keys that are not sent yet.
    pub records: u64,
    /// The memory that they use, in bytes.
    pub bytes: u64,
}

impl Lanes {
    /// Returns a lane whose record after the first `done` has failed for good: its key goes into quarantine. A record
    /// that has been fenced, or that has no key, just goes back to its lane.
    pub fn quarantine(&mut self, run: LaneRun, done: usize, mut reason: QuarantineReason) {
        let Some(hash) = run.records.get(done).filter(|one| !self.is_stale(one)).and_then(Record::lane_hash) else {
            return self.finish(run, done, None);
        };
        reason.hash = hash;
        reason.number = self.quarantined_keys.next_number;
        self.quarantined_keys.next_number += 1;
        let lane = run.lane;
        if self.is_extra(lane) {
            // It was released and has failed again: the key keeps its sequence number.
            if let Some(previous) = &self.all[lane as usize].quarantine {
                reason.number = previous.number;
            }
            self.finish(run, done, None);
            self.move_to(lane, LaneState::Quarantined);
            self.all[lane as usize].quarantine = Some(Box::new(reason));
            return;
        }
        self.finish(run, done, None);
        // The lane has no other owner, so all of the key's records are in it.
        let queued = std::mem::take(&mut self.all[lane as usize].records);
        let (of_key, rest): (Vec<Record>, Vec<Record>) =
            queued.into_iter().partition(|record| record.lane_hash() == Some(hash));
        for record in &of_key {
            self.uncount_waiting(record);
        }
        let of_key: Vec<Record> = of_key.into_iter().filter(|record| !self.is_stale(record)).collect();
        for record in &of_key {
            self.quarantined_keys.add(record);
        }
        self.all[lane as usize].records = rest.into();
        self.refresh(lane);
        let extra = self.take_extra();
        let entry = &mut self.all[extra as usize];
        entry.state = LaneState::Quarantined;
        self.quarantined_keys.keys += 1;
        entry.failures = 0;
        entry.records = of_key.into_iter().map(Record::detached).collect();
        entry.quarantine = Some(Box::new(reason));
        self.quarantined_keys.lanes.insert(hash, extra);
    }

    /// Retries a quarantined key; returns `false` if it is not in quarantine. Its lane is in ready queue 0, which all
    /// workers share with key order.
    pub fn release(&mut self, hash: u64) -> bool {
        let Some(lane) = self.quarantined_lane(hash) else { return false };
        self.move_to(lane, LaneState::Idle);
        self.all[lane as usize].failures = 0;
        self.refresh(lane);
        true
    }

    /// Discards a quarantined key: its waiting records and all that follow go to the dead letters. Returns `false` if
    /// it is not in quarantine.
    pub fn discard(&mut self, hash: u64) -> bool {
        let Some(lane) = self.quarantined_lane(hash) else { return false };
        self.move_to(lane, LaneState::Discarded);
        self.queue_dead_letters(lane);
        self.quarantined_keys.discarded += 1;
        true
    }

    /// Discards a key that an earlier attempt of the run has discarded, before any record arrives.
    pub fn restore_discarded(&mut self, mut reason: QuarantineReason) {
        let lane = self.take_extra();
        reason.number = self.quarantined_keys.next_number;
        self.quarantined_keys.next_number += 1;
        self.quarantined_keys.discarded += 1;
        self.quarantined_keys.lanes.insert(reason.hash, lane);
        let entry = &mut self.all[lane as usize];
        entry.state = LaneState::Discarded;
        entry.quarantine = Some(Box::new(reason));
    }

    /// Number of discarded keys. It never decreases.
    #[must_use]
    pub fn discarded_count(&self) -> usize {
        self.quarantined_keys.discarded
    }

    /// The discarded keys, and why each was quarantined.
    #[must_use]
    pub fn discarded(&self) -> Vec<QuarantineReason> {
        let is_discarded = |state| matches!(state, LaneState::Discarded | LaneState::DeadLettering);
        let lanes = self.quarantined_keys.lanes.values().map(|lane| &self.all[*lane as usize]);
        lanes.filter(|lane| is_discarded(lane.state)).filter_map(|lane| lane.quarantine.as_deref().cloned()).collect()
    }

    /// Takes the records to send to the dead letters, lane by lane, with the reason for their quarantine. The lanes
    /// belong to the caller until [`Lanes::finish_discarded`].
    pub fn take_discarded(&mut self) -> Vec<(LaneRun, QuarantineReason)> {
        let mut out = Vec::new();
        for lane in std::mem::take(&mut self.quarantined_keys.to_dead_letter) {
            let entry = &mut self.all[lane as usize];
            let Some(reason) = entry.quarantine.as_deref().cloned().filter(|_| entry.state == LaneState::Discarded)
            else {
                continue;
            };
            let count = entry.records.len().min(MAX_DEAD_LETTERED_RECORDS);
            let mut records: Vec<Record> = entry.records.drain(..count).collect();
            for record in &records {
                self.quarantined_keys.remove(record);
            }
            records.retain(|record| !self.is_stale(record));
            for record in &records {
                self.partitions[record.partition as usize].in_flight += 1;
                self.in_flight += 1;
            }
            if records.is_empty() {
                self.queue_dead_letters(lane);
            } else {
                // Further records of the key wait behind these.
                self.move_to(lane, LaneState::DeadLettering);
                out.push((LaneRun { lane, records }, reason));
            }
        }
        out
    }

    /// Returns the lane of a discarded key after its first `done` records were sent.
    pub fn finish_discarded(&mut self, run: LaneRun, done: usize) {
        for record in &run.records {
            self.partitions[record.partition as usize].in_flight -= 1;
            self.in_flight -= 1;
        }
        let lane = run.lane;
        for record in run.records.into_iter().skip(done).rev() {
            if !self.is_stale(&record) {
                self.quarantined_keys.add(&record);
                self.all[lane as usize].records.push_front(record);
            }
        }
        self.move_to(lane, LaneState::Discarded);
        self.queue_dead_letters(lane);
    }

    /// Queues the lane of a discarded key if it has records to send.
    pub(super) fn queue_dead_letters(&mut self, lane: u32) {
        let entry = &self.all[lane as usize];
        if entry.state == LaneState::Discarded
            && !entry.records.is_empty()
            && !self.quarantined_keys.to_dead_letter.contains(&lane)
        {
            self.quarantined_keys.to_dead_letter.push(lane);
        }
    }

    /// Drops the fenced records of quarantined and discarded keys, which no worker reaches.
    pub fn drop_stale_quarantined(&mut self) {
        let lanes: Vec<u32> = self.quarantined_keys.lanes.values().copied().collect();
        for lane in lanes {
            let first = self.all[lane as usize].records.front().map(|record| (record.partition, record.offset));
            self.drop_stale(lane);
            let entry = &self.all[lane as usize];
            let is_other = entry.records.front().map(|record| (record.partition, record.offset)) != first;
            if entry.state == LaneState::Quarantined && is_other {
                // The failed record was dropped; the others have not failed.
                self.move_to(lane, LaneState::Idle);
                self.release_extra(lane);
                self.refresh(lane);
            }
        }
    }

    /// The keys that wait for a decision, the oldest first.
    #[must_use]
    pub fn quarantined(&self) -> Vec<QuarantineEntry> {
        let mut all: Vec<QuarantineEntry> = self
            .quarantined_keys
            .lanes
            .values()
            .filter_map(|lane| {
                let entry = &self.all[*lane as usize];
                let reason = entry.quarantine.as_deref().filter(|_| entry.state == LaneState::Quarantined)?;
                let first = entry.records.front()?.clone();
                let bytes = entry.records.iter().map(Record::footprint).sum();
                Some(QuarantineEntry { reason: reason.clone(), first, records: entry.records.len(), bytes })
            })
            .collect();
        all.sort_unstable_by_key(|waiting| waiting.reason.number);
        all
    }

    /// The keys that wait for a decision and hold records of a partition, and the number of these records.
    #[must_use]
    pub fn quarantined_of(&self, partition: u32) -> (Vec<u64>, u64) {
        let (mut keys, mut all) = (Vec::new(), 0);
        for (hash, lane) in &self.quarantined_keys.lanes {
            let entry = &self.all[*lane as usize];
            let records = entry.records.iter().filter(|record| record.partition == partition).count() as u64;
            if records > 0 && entry.state == LaneState::Quarantined {
                keys.push(*hash);
                all += records;
            }
        }
        (keys, all)
    }

    /// The partitions with records of keys that wait for a decision.
    #[must_use]
    pub fn quarantined_partitions(&self) -> BTreeSet<u32> {
        if self.quarantined_keys.keys == 0 {
            return BTreeSet::new();
        }
        let lanes = self.quarantined_keys.lanes.values().map(|lane| &self.all[*lane as usize]);
        let waiting = lanes.filter(|lane| lane.state == LaneState::Quarantined);
        waiting.flat_map(|lane| &lane.records).map(|record| record.partition).collect()
    }

    /// Totals of the quarantine.
    #[must_use]
    pub fn quarantine_load(&self) -> QuarantineLoad {
        QuarantineLoad {
            keys: self.quarantined_keys.keys,
            records: self.quarantined_keys.records,
            bytes: self.quarantined_keys.bytes,
        }
    }

    /// Whether the records of a lane are withheld from workers.
    pub(super) fn is_withheld(&self, lane: u32) -> bool {
        matches!(
            self.all[lane as usize].state,
            LaneState::Quarantined | LaneState::Discarded | LaneState::DeadLettering
        )
    }

    fn quarantined_lane(&self, hash: u64) -> Option<u32> {
        let lane = *self.quarantined_keys.lanes.get(&hash)?;
        (self.all[lane as usize].state == LaneState::Quarantined).then_some(lane)
    }

    /// Changes a lane's state, and where its records are counted.
    fn move_to(&mut self, lane: u32, state: LaneState) {
        let before = self.is_withheld(lane);
        let was_waiting = self.all[lane as usize].state == LaneState::Quarantined;
        self.all[lane as usize].state = state;
        self.quarantined_keys.keys += usize::from(state == LaneState::Quarantined);
        self.quarantined_keys.keys -= usize::from(was_waiting);
        let after = self.is_withheld(lane);
        if before == after {
            return;
        }
        let records = std::mem::take(&mut self.all[lane as usize].records);
        for record in &records {
            if after {
                self.uncount_waiting(record);
                self.quarantined_keys.add(record);
            } else {
                self.quarantined_keys.remove(record);
                self.count_waiting(record);
            }
        }
        self.all[lane as usize].records = records;
        self.refresh(lane);
    }
}
