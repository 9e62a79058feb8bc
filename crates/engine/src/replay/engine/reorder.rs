//! Records that pass through the reorder buffer before they go into their lanes.

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
        let new_partition = self.partitions.count();
        let older: Vec<(u32, i64)> = (0..new_partition)
            .filter(|index| self.partitions.id(*index).topic == id.topic)
            // A partition that this process does not read is not waited for.
            .map(|index| (index, self.partitions.lock(index).reached().unwrap_or(i64::MAX)))
            .collect();
        if self.settings.ordering == Ordering::Key && !older.is_empty() {
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

    /// Passes on how far a partition has been read.
    pub(super) fn note_read_to(&self, buffer: &mut ReorderState, partition: u32, at_end_of_log: bool) {
        let (reached, is_finished) = {
            let state = self.partitions.lock(partition);
            let Some(reached) = state.reached() else { return };
            (reached, !state.follows && reached >= state.end)
        };
        let end =
            if is_finished { Some(PartitionEnd::Finished) } else { at_end_of_log.then_some(PartitionEnd::CaughtUp) };
        buffer.note_read_to(partition, reached, end);
    }

    /// Whether records wait in the reorder buffer.
    #[must_use]
    pub fn is_reordering(&self) -> bool {
        let all: Vec<u32> = (0..self.partitions.count()).collect();
        self.ingress.reorder_buffer.bytes_of(&all).is_some_and(|bytes| bytes.iter().any(|bytes| *bytes > 0))
    }

    /// Starts a partition under an assignment, at offset `start`.
    pub fn reorder_begin(&self, partition: u32, epoch: u32, start: i64) {
        self.update_reorder_buffer(|buffer| buffer.begin(partition, epoch, start));
    }

    /// Stops waiting for a partition: this process reads no more of it for now.
    pub fn reorder_gone(&self, partition: u32) {
        self.update_reorder_buffer(|buffer| buffer.gone(partition));
    }

    /// Takes in the end offsets for a request of the reorder buffer.
    pub fn reorder_end_offsets(&self, request: &EndOffsetsRequest, ends: impl IntoIterator<Item = (u32, i64)>) {
        self.update_reorder_buffer(|buffer| buffer.answer(request, ends));
    }

    /// Releases records that waited only for time to pass.
    pub fn reorder_tick(&self) {
        self.update_reorder_buffer(|_| {});
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
