//! The positions that transactions commit: their owners, what is committed, and what is uncertain.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use kreplay_kafka::{
    GroupMember, GroupOffsets,
    producer::{BatchProducer, TransactionError},
};
use kreplay_model::domain::{AppendOnlyVec, Offset, Record, TopicPartition};
use parking_lot::{Mutex, MutexGuard};

use super::pool::Pool;
use crate::{Holder, Positions};

/// How long reading the group's offsets may take once none is pending.
const OFFSET_FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// The state of a partition's position in the group.
#[derive(Debug, Default)]
pub(super) struct PartitionState {
    /// The position known to be committed under this assignment.
    pub(super) committed: Option<i64>,
    /// Whether the run has claimed the partition and knows its first position.
    claimed: bool,
    /// The epoch of the assignment.
    epoch: u32,
    /// The pool slot of a producer whose transaction may or may not have been committed.
    uncertain: Option<usize>,
    /// The run's position at the last poll, and the number of polls in a row at which it was ahead of what is
    /// committed.
    last_poll: (i64, u32),
}

/// A position to commit in a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OffsetToCommit {
    /// The partition's index in the run.
    pub(super) partition: u32,
    /// The epoch under which its records were read.
    pub(super) epoch: u32,
    /// The position: every record below it is settled.
    pub(super) next: i64,
}

/// Why positions cannot be added to a transaction.
#[derive(Debug)]
pub(super) enum TransientError {
    /// A partition was revoked from this process.
    Revoked,
    Transaction(TransactionError),
}

/// The positions of a run in a consumer group.
pub(super) struct PositionLedger {
    group: String,
    offsets: GroupOffsets,
    /// Whether the group is the run's own, with members, or only stores positions.
    has_members: bool,
    ids: Arc<AppendOnlyVec<TopicPartition>>,
    states: AppendOnlyVec<Mutex<PartitionState>>,
    run: OnceLock<Arc<dyn Positions>>,
}

impl PositionLedger {
    pub(super) fn new(
        group: String,
        offsets: GroupOffsets,
        has_members: bool,
        ids: Arc<AppendOnlyVec<TopicPartition>>,
    ) -> Self {
        let states = ids.iter().map(|_| Mutex::default()).collect();
        Self { group, offsets, has_members, ids, states, run: OnceLock::new() }
    }

    pub(super) fn has_members(&self) -> bool {
        self.has_members
    }

    pub(super) fn group(&self) -> &str {
        &self.group
    }

    pub(super) fn joined(&self) {
        self.states.push(Mutex::default());
    }

    pub(super) fn watch(&self, run: Arc<dyn Positions>) {
        // Called once per run.
        drop(self.run.set(run));
    }

    /// The number of partitions.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.states.len()).unwrap_or(u32::MAX)
    }

    /// The committed positions, in the order of `partitions`. Waits up to `within` for pending transactions.
    pub(super) fn committed(
        &self,
        partitions: &[TopicPartition],
        within: Duration,
    ) -> Result<Vec<Option<Offset>>, String> {
        let found = self.offsets.committed(partitions, within).map_err(|error| error.to_string())?;
        Ok(found.into_iter().map(|found| found.map(|(offset, _)| offset)).collect())
    }

    /// Records the committed position of a claimed partition.
    pub(super) fn set_committed(&self, partition: u32, committed: Option<Offset>) {
        let mut state = self.states[partition as usize].lock();
        (state.claimed, state.committed) = (true, committed.map(Offset::get));
    }

    /// The owner that may commit a partition now; `None` if no member of this process may.
    fn holder(&self, partition: u32) -> Option<Holder> {
        if !self.has_members {
            return Some(Holder::default());
        }
        self.run.get()?.holder(partition)
    }

    /// Whether a record was read under a revoked assignment.
    pub(super) fn is_stale(&self, record: &Record) -> bool {
        self.has_members && self.holder(record.partition).is_none_or(|holder| holder.epoch != record.epoch)
    }

    /// Locks the states of these partitions, so that no other transaction commits their positions.
    pub(super) fn lock(&self, mut partitions: Vec<u32>) -> LockedPositions<'_> {
        // Always locked in ascending order, to prevent deadlocks.
        partitions.sort_unstable();
        partitions.dedup();
        LockedPositions(partitions.into_iter().map(|index| (index, self.states[index as usize].lock())).collect())
    }

    /// Resolves uncertain positions: recreating the producer of a possibly committed transaction ends that transaction,
    /// and then the group's offsets show the result.
    pub(super) fn resolve_uncertain(&self, locked: &mut LockedPositions<'_>, pool: &Pool) -> Result<(), String> {
        let uncertain_slots: Vec<(u32, usize)> =
            locked.0.iter().filter_map(|(index, state)| Some((*index, state.uncertain?))).collect();
        if uncertain_slots.is_empty() {
            return Ok(());
        }
        for (_, slot) in &uncertain_slots {
            pool.recreate(*slot).map_err(|error| error.to_string())?;
        }
        let ids: Vec<_> = uncertain_slots.iter().map(|(index, _)| self.ids[*index as usize].clone()).collect();
        let committed = self.committed(&ids, OFFSET_FETCH_TIMEOUT)?;
        for ((index, _), committed) in uncertain_slots.iter().zip(committed) {
            if let Some(state) = locked.state(*index) {
                state.uncertain = None;
                state.committed = committed.map(Offset::get).max(state.committed);
            }
        }
        Ok(())
    }

    /// Adds positions to a transaction, separately for each member that owns partitions.
    pub(super) fn add_to_transaction(
        &self,
        producer: &BatchProducer,
        offsets_to_commit: &[OffsetToCommit],
        within: Duration,
    ) -> Result<(), TransientError> {
        if !self.has_members {
            return self.send(producer, offsets_to_commit.iter(), self.offsets.metadata(), within);
        }
        let current_holder =
            |offset: &OffsetToCommit| self.holder(offset.partition).filter(|holder| holder.epoch == offset.epoch);
        let mut members: Vec<(GroupMember, Vec<OffsetToCommit>)> = Vec::new();
        for offset in offsets_to_commit {
            let member = current_holder(offset).and_then(|holder| holder.member).ok_or(TransientError::Revoked)?;
            match members.iter_mut().find(|(known, _)| known.is(&member)) {
                Some((_, offsets_to_commit)) => offsets_to_commit.push(*offset),
                None => members.push((member, vec![*offset])),
            }
        }
        for (member, offsets_to_commit) in &members {
            let metadata = member.metadata().ok_or(TransientError::Revoked)?;
            // Checked after reading the metadata: if the partition is revoked after this check, the broker rejects the
            // metadata's generation.
            if offsets_to_commit.iter().any(|offset| current_holder(offset).is_none()) {
                return Err(TransientError::Revoked);
            }
            self.send(producer, offsets_to_commit.iter(), Some(metadata), within)?;
        }
        Ok(())
    }

    fn send<'a>(
        &self,
        producer: &BatchProducer,
        offsets_to_commit: impl Iterator<Item = &'a OffsetToCommit>,
        by: Option<kreplay_kafka::GroupMetadata>,
        within: Duration,
    ) -> Result<(), TransientError> {
        let by = by.ok_or(TransientError::Revoked)?;
        let position =
            |offset: &OffsetToCommit| Some((self.ids[offset.partition as usize].clone(), Offset::new(offset.next)?));
        let positions: Vec<_> = offsets_to_commit.filter_map(position).collect();
        producer.send_offsets(&positions, &by, within).map_err(TransientError::Transaction)
    }

    /// The run's positions that are ahead of what is committed, for partitions not locked by a transaction. With
    /// `include_all` all of them; otherwise only those that batches are not expected to commit.
    pub(super) fn uncommitted(
        &self,
        partitions: impl Iterator<Item = u32>,
        include_all: bool,
    ) -> (LockedPositions<'_>, Vec<OffsetToCommit>) {
        let (mut locked, mut offsets_to_commit) = (LockedPositions(Vec::new()), Vec::new());
        let Some(run) = self.run.get() else { return (locked, offsets_to_commit) };
        for index in partitions {
            let Some(state) = self.states.get(index as usize) else { continue };
            let state = if include_all { Some(state.lock()) } else { state.try_lock() };
            let (Some(mut state), Some(holder)) = (state, self.holder(index)) else { continue };
            if !self.has_members && !state.claimed {
                // Its position is not known yet.
                continue;
            }
            let position = run.position(index);
            if state.epoch != holder.epoch {
                // Another owner may have committed in the meantime.
                *state = PartitionState {
                    epoch: holder.epoch,
                    claimed: state.claimed,
                    uncertain: state.uncertain,
                    ..PartitionState::default()
                };
            }
            if state.uncertain.is_some() || state.committed.is_some_and(|committed| committed >= position) {
                state.last_poll = (position, 0);
                continue;
            }
            let (before, polls) = state.last_poll;
            state.last_poll = (position, polls + 1);
            if include_all || polls > 0 && before == position || polls >= MAX_POLLS_AHEAD {
                state.last_poll.1 = 0;
                offsets_to_commit.push(OffsetToCommit { partition: index, epoch: holder.epoch, next: position });
                locked.0.push((index, state));
            }
        }
        (locked, offsets_to_commit)
    }
}

/// The number of polls in a row at which a moving position may be ahead before it is committed without a batch.
const MAX_POLLS_AHEAD: u32 = 10;

/// The locked states of some partitions, in ascending order.
pub(super) struct LockedPositions<'a>(Vec<(u32, MutexGuard<'a, PartitionState>)>);

impl LockedPositions<'_> {
    pub(super) fn state(&mut self, partition: u32) -> Option<&mut PartitionState> {
        let at = self.0.binary_search_by_key(&partition, |(index, _)| *index).ok()?;
        Some(&mut self.0[at].1)
    }

    /// Records that these positions are committed.
    pub(super) fn committed(&mut self, offsets_to_commit: &[OffsetToCommit]) {
        for offset in offsets_to_commit {
            if let Some(state) = self.state(offset.partition) {
                state.committed = Some(offset.next);
                state.epoch = offset.epoch;
            }
        }
    }

    /// Records that these positions may or may not be committed, by the producer of this slot.
    pub(super) fn mark_uncertain(&mut self, offsets_to_commit: &[OffsetToCommit], slot: usize) {
        for offset in offsets_to_commit {
            if let Some(state) = self.state(offset.partition) {
                state.uncertain = Some(slot);
            }
        }
    }
}
