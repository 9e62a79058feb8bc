//! Which positions a member commits, and whether the coordinator has acknowledged them.

use std::{sync::atomic::Ordering::Relaxed, time::Instant};

use kreplay_kafka::Membership as _;
use kreplay_model::domain::{Offset, TopicPartition};

use super::RunMembership;
use crate::handler::PositionStore;

impl RunMembership {
    /// Positions that have moved since the last commit. They count as committed from now on.
    #[must_use]
    pub fn positions_to_commit(&self) -> Vec<(TopicPartition, Offset)> {
        let again = self.recommit.swap(false, Relaxed);
        let assigned_epochs = self.assigned_epochs.lock().clone();
        assigned_epochs.into_iter().filter_map(|(index, epoch)| self.position_to_commit(index, epoch, again)).collect()
    }

    pub(super) fn position_to_commit(&self, index: u32, epoch: u32, again: bool) -> Option<(TopicPartition, Offset)> {
        if self.engine.position_store() == PositionStore::TargetGroup {
            // The target's transactions commit the group's offsets. A second commit would interfere.
            return None;
        }
        let (own_end, now) = (self.engine.group.own_end(), Instant::now());
        self.engine.partitions.with(index, |partition| {
            // A position in a recreated log is meaningless.
            let is_ours = partition.epoch == epoch && !partition.log_is_gone();
            let position = partition.position().filter(|_| is_ours)?;
            if partition.filtered > 0 && self.engine.matches.is_open() {
                // The filter may be a mistake. Nothing is committed past filtered records until that was reported.
                return None;
            }
            // Records handled above an unchanged position are also committed: the commit note lists them.
            let unchanged = partition.committed == Some(position) && partition.committed_handled == partition.handled;
            if unchanged && !again && !partition.must_announce(own_end, now) {
                return None;
            }
            partition.announce(own_end, now);
            partition.committed = Some(position);
            partition.committed_handled = partition.handled;
            Some((partition.id.clone(), Offset::new(position)?))
        })
    }

    /// Commits every position at the end of a run, moved or not. `commit` also acknowledges what it has committed.
    /// After a success, revoking commits only what has moved since. Returns whether the commit succeeded. A failure is
    /// reported and can be retried.
    #[must_use]
    pub fn commit_all(&self, commit: impl FnOnce(&[(TopicPartition, Offset)]) -> Result<(), String>) -> bool {
        let is_repeated = self.is_committing_final.swap(true, Relaxed);
        let assigned_epochs = self.assigned_epochs.lock().clone();
        let positions: Vec<_> = assigned_epochs
            .into_iter()
            // A failed partition may be the reason for a refused commit: nothing can be committed for a deleted topic.
            .filter(|(index, _)| !(is_repeated && self.engine.partitions.lock(*index).has_failed()))
            .filter_map(|(index, epoch)| self.position_to_commit(index, epoch, true))
            .collect();
        let result = commit(&positions);
        if let Err(reason) = &result {
            self.commit_failed(reason);
        }
        self.is_confirmed.store(result.is_ok(), Relaxed);
        result.is_ok()
    }

    /// Stops committing, also for later assignments.
    pub fn stop_committing(&self) {
        self.is_committing_final.store(false, Relaxed);
    }

    /// Whether the coordinator has acknowledged the positions of all the member's partitions.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        if self.engine.position_store() == PositionStore::TargetGroup {
            return true;
        }
        let assigned_epochs = self.assigned_epochs.lock().clone();
        assigned_epochs.into_iter().all(|(index, epoch)| {
            let partition = self.engine.partitions.lock(index);
            // Positions past filtered records may not be committed yet.
            let is_withheld = partition.filtered > 0 && self.engine.matches.is_open();
            partition.epoch != epoch || is_withheld || partition.is_acknowledged()
        })
    }
}
