//! Records that pass through the reorder buffer before they go into their lanes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kreplay_model::domain::{Ordering, Record, TopicPartition};

use super::Engine;
use crate::replay::reorder::{
    buffer::{PartitionEnd, ReorderState},
    new_partitions::EndOffsetsRequest,
};

impl Engine {
    /// Adds a partition to a topic that is already being read. Keys move to it, so its records wait for those of the
    /// older partitions.
    pub(super) fn reorder_new_partition(&self, id: &TopicPartition) {
        // The keys of a topic that was just found have not moved.
        let is_known = self.topics.names().any(|topic| **topic == *id.topic);
        if self.settings.ordering != Ordering::Key || !is_known {
            return;
        }
        let (new_partition, quarantined) = (self.partitions.count(), self.quarantined_partitions());
        let older: Vec<(u32, Option<i64>)> = (0..new_partition)
            .filter(|index| self.partitions.id(*index).topic == id.topic)
            .map(|index| {
                // No more of a failed one is read, but its buffered records come first, and it may be assigned again.
                let has_failed = self.partitions.lock(index).has_failed();
                (index, if has_failed { None } else { self.safe_below(index, &quarantined) })
            })
            .collect();
        if !older.is_empty() {
            self.ingress.reorder_buffer.join(new_partition, older);
        }
    }

    /// Delivers records through the reorder buffer; `keep` says for each record whether it is to be handled.
    pub(super) fn deliver_reordered(&self, records: &mut Vec<Record>, keep: Vec<bool>) {
        let Some(mut buffer) = self.ingress.reorder_buffer.lock() else { return };
        let mut released = Vec::with_capacity(records.len());
        let mut seen: Vec<u32> = records.iter().map(|record| record.partition).collect();
        seen.dedup();
        for (record, keep) in records.drain(..).zip(keep) {
            if keep {
                buffer.put(record, &mut released);
            } else {
                buffer.note_excluded(&record);
            }
        }
        self.put_released(&mut released);
        for partition in seen {
            self.note_read_to(&mut buffer, partition, false);
        }
        buffer.release(&mut released);
        self.put_released(&mut released);
    }

    fn put_released(&self, released: &mut Vec<Record>) {
        self.scheduler.put(released.drain(..).map(|record| (self.ingress.lane_of(&record, &self.partitions), record)));
    }

    /// No record of the partition below this offset can still be handled after records of a new one; `None` while this
    /// process does not have the partition. Without a group, records keep their place once they are in a lane. In a
    /// group, the waiting records of a revoked partition are dropped, so only settled ones count. While the partition
    /// has records in quarantine, the offset read counts instead: they may hold the position back for hours.
    fn safe_below(&self, partition: u32, quarantined: &BTreeSet<u32>) -> Option<i64> {
        let may_be_revoked = self.settings.group.is_some() && !quarantined.contains(&partition);
        let partition = self.partitions.lock(partition);
        let reached = partition.reached()?;
        Some(if may_be_revoked { partition.own_position() } else { reached })
    }

    /// Whether no more of a partition is read because it has failed. One that is assigned again has no position until
    /// its target is claimed.
    #[must_use]
    pub fn is_unreadable(&self, partition: u32) -> bool {
        let partition = self.partitions.lock(partition);
        partition.has_failed() && partition.reached().is_some()
    }

    /// The partitions with records in quarantine; only in a group, where they matter here.
    fn quarantined_partitions(&self) -> BTreeSet<u32> {
        if self.settings.group.is_some() { self.scheduler.quarantined_partitions() } else { BTreeSet::new() }
    }

    /// Passes on how far a partition has been read.
    pub(super) fn note_read_to(&self, buffer: &mut ReorderState, partition: u32, at_end_of_log: bool) {
        // In a group, the tick passes on what is settled.
        if self.settings.group.is_none()
            && buffer.has_new_partitions()
            && let Some(offset) = self.safe_below(partition, &BTreeSet::new())
        {
            buffer.note_read_to(partition, offset);
        }
        let is_finished = {
            let state = self.partitions.lock(partition);
            let Some(reached) = state.reached() else { return };
            !state.follows && reached >= state.end
        };
        if is_finished {
            buffer.note_end(partition, PartitionEnd::Finished);
        } else if at_end_of_log {
            buffer.note_end(partition, PartitionEnd::CaughtUp);
        }
    }

    /// Whether records wait in the reorder buffer.
    #[must_use]
    pub fn is_reordering(&self) -> bool {
        if !self.ingress.reorder_buffer.is_on() {
            return false;
        }
        let all: Vec<u32> = (0..self.partitions.count()).collect();
        self.ingress.reorder_buffer.bytes_of(&all).is_some_and(|bytes| bytes.iter().any(|bytes| *bytes > 0))
    }

    /// Starts a partition under an assignment, at offset `start`.
    pub fn reorder_begin(&self, partition: u32, epoch: u32, start: i64) {
        self.update_reorder_buffer(|buffer| buffer.begin(partition, epoch, start));
    }

    /// A partition was revoked, and may be assigned to this process again. Has no effect if it has been assigned again.
    pub fn reorder_away(&self, partition: u32) {
        self.update_reorder_buffer(|buffer| {
            if self.partitions.lock(partition).reached().is_none() {
                buffer.away(partition);
            }
        });
    }

    /// The group is assigning partitions: those that are away may return in this round.
    pub fn reorder_assigned(&self) {
        self.update_reorder_buffer(ReorderState::extend_absences);
    }

    /// Stops waiting for a partition: this process reads no more of it.
    pub fn reorder_gone(&self, partition: u32) {
        self.update_reorder_buffer(|buffer| buffer.gone(partition));
    }

    /// Takes in the end offsets for requests of the reorder buffer, by partition.
    pub fn reorder_end_offsets(&self, requests: &[EndOffsetsRequest], ends: &Arc<BTreeMap<u32, i64>>) {
        self.update_reorder_buffer(|buffer| {
            for request in requests {
                buffer.answer(request, ends);
            }
        });
    }

    /// Releases records that waited for time to pass, or for records to be settled.
    pub fn reorder_tick(&self) {
        if !self.ingress.reorder_buffer.is_on() {
            return;
        }
        // In the middle of a batch, records count as read before they are in their lanes.
        let _between_batches = self.ingress.between_batches();
        let quarantined = self.quarantined_partitions();
        self.update_reorder_buffer(|buffer| {
            for partition in buffer.awaited_partitions() {
                if self.is_unreadable(partition) {
                    // It may have failed while it was added or assigned.
                    buffer.gone(partition);
                } else if let Some(offset) = self.safe_below(partition, &quarantined) {
                    buffer.note_read_to(partition, offset);
                }
            }
        });
    }

    pub(super) fn update_reorder_buffer(&self, change: impl FnOnce(&mut ReorderState)) {
        let Some(mut buffer) = self.ingress.reorder_buffer.lock() else { return };
        change(&mut buffer);
        let mut released = Vec::new();
        buffer.release(&mut released);
        self.put_released(&mut released);
    }

    /// Whether one of these partitions uses more than twice its share of the reorder buffer.
    #[must_use]
    pub fn reorder_buffer_is_full(&self, partitions: &[u32]) -> bool {
        let share = self.memory.reorder_share();
        self.ingress
            .reorder_buffer
            .bytes_of(partitions)
            .is_some_and(|bytes| bytes.iter().any(|bytes| *bytes > 2 * share))
    }
}
