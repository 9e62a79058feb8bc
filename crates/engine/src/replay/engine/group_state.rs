//! What the members of the run's consumer group know of each other.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Instant,
};

use kreplay_kafka::GroupMember;
use kreplay_model::domain::TopicPartition;
use parking_lot::Mutex;

/// What the members of the run's consumer group share.
#[derive(Default)]
pub struct GroupState {
    /// For each partition: the epoch of its assignment, and the member that has it.
    holders: Mutex<HashMap<u32, (u32, GroupMember)>>,
    /// Partitions that the group assigned but the run does not read.
    unplanned: Mutex<HashSet<TopicPartition>>,
    /// Whether the broker has refused the notes committed with positions; no more are sent then.
    notes_refused: AtomicBool,
    /// When members made their final commit.
    committed: Mutex<Option<Instant>>,
    /// When the positions of other processes were last looked up.
    looked: Mutex<Option<Instant>>,
    /// When this process will be done, by its estimate; `None` while it is unknown or there are no other processes.
    own_end: Mutex<Option<Instant>>,
}

impl GroupState {
    /// Notes that a member has a partition under an assignment.
    pub fn hold(&self, partition: u32, epoch: u32, member: GroupMember) {
        self.holders.lock().insert(partition, (epoch, member));
    }

    /// Notes that these assignments, pairs of partition and epoch, have ended.
    pub fn release(&self, assignments: &[(u32, u32)]) {
        let mut holders = self.holders.lock();
        for (partition, epoch) in assignments {
            if holders.get(partition).is_some_and(|(holds, _)| holds == epoch) {
                holders.remove(partition);
            }
        }
    }

    /// The epoch of a partition's assignment, and the member that has it.
    #[must_use]
    pub fn holder(&self, partition: u32) -> Option<(u32, GroupMember)> {
        self.holders.lock().get(&partition).cloned()
    }

    /// Notes a partition that the group assigned but the run does not read. Returns whether it is new.
    pub fn note_unplanned(&self, id: &TopicPartition) -> bool {
        self.unplanned.lock().insert(id.clone())
    }

    /// Notes that the broker refuses notes. Returns whether that is new.
    pub fn note_refusal(&self) -> bool {
        !self.notes_refused.swap(true, Relaxed)
    }

    /// Whether the broker refuses the notes committed with positions.
    #[must_use]
    pub fn refuses_notes(&self) -> bool {
        self.notes_refused.load(Relaxed)
    }

    /// Notes a final commit.
    pub fn note_final_commit(&self, now: Instant) {
        *self.committed.lock() = Some(now);
    }

    /// When members made their final commit.
    #[must_use]
    pub fn final_commit(&self) -> Option<Instant> {
        *self.committed.lock()
    }

    /// Notes that the group has answered where other processes are.
    pub fn note_look(&self, now: Instant) {
        *self.looked.lock() = Some(now);
    }

    /// Sets when this process will be done, for the other processes.
    pub fn set_own_end(&self, at: Option<Instant>) {
        *self.own_end.lock() = at;
    }

    /// When this process will be done, as the other processes are told; `None` also if the broker refuses notes.
    #[must_use]
    pub fn own_end(&self) -> Option<Instant> {
        if self.refuses_notes() { None } else { *self.own_end.lock() }
    }

    /// When the group last answered where other processes are.
    #[must_use]
    pub fn last_look(&self) -> Option<Instant> {
        *self.looked.lock()
    }
}
