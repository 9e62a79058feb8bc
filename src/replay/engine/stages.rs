//! Records that wait for others before they go into their lanes.

use std::sync::atomic::Ordering::Relaxed;

use super::Engine;
use crate::{
    domain::{Ordering, Record, TopicPartition},
    replay::order::{
        staging::{End, PART_OF_BUFFER, Stages},
        young::Question,
    },
};

impl Engine {
    /// A further partition of a topic that is being read: keys move to it, so its records wait for those of the old ones.
    pub(super) fn stage_young(&self, id: &TopicPartition) {
        let young = u32::try_from(self.partitions.len()).unwrap_or(u32::MAX);
        let older: Vec<(u32, i64)> = (0..young)
            .filter(|index| self.id(*index).topic == id.topic)
            // What nobody here reads is not waited for.
            .map(|index| (index, self.partitions[index as usize].lock().reached().unwrap_or(i64::MAX)))
            .collect();
        if self.settings.ordering == Ordering::Key && !older.is_empty() {
            self.staging.join(young, older);
        }
    }

    pub(super) fn deliver_staged(&self, records: &mut Vec<Record>, keep: Vec<bool>) {
        let Some(mut stages) = self.staging.lock() else { return };
        let mut through = Vec::with_capacity(records.len());
        let mut seen: Vec<u32> = records.iter().map(|record| record.partition).collect();
        seen.dedup();
        for (record, keep) in records.drain(..).zip(keep) {
            if keep {
                stages.put(record, &mut through);
            } else {
                stages.left_out(&record);
            }
        }
        self.put_through(&mut through);
        for partition in seen {
            self.note_passed(&mut stages, partition, false);
        }
        stages.release(&mut through);
        self.put_through(&mut through);
    }

    fn put_through(&self, through: &mut Vec<Record>) {
        self.board.put(through.drain(..).map(|record| (self.lane_of(&record), record)));
    }

    pub(super) fn note_passed(&self, stages: &mut Stages, partition: u32, at_end_of_log: bool) {
        let (reached, over) = {
            let state = self.partitions[partition as usize].lock();
            let Some(reached) = state.reached() else { return };
            (reached, !state.follows && reached >= state.end)
        };
        let end = if over { Some(End::Over) } else { at_end_of_log.then_some(End::Quiet) };
        stages.passed(partition, reached, end);
    }

    /// Whether records that were read wait for others before they go into their lanes.
    #[must_use]
    pub fn is_staging(&self) -> bool {
        let all: Vec<u32> = (0..u32::try_from(self.partitions.len()).unwrap_or(u32::MAX)).collect();
        self.staging.bytes_of(&all).is_some_and(|bytes| bytes.iter().any(|bytes| *bytes > 0))
    }

    /// A partition begins under an assignment, at an offset.
    pub fn stage_begin(&self, partition: u32, epoch: u32, start: i64) {
        self.stage(|stages| stages.begin(partition, epoch, start));
    }

    /// Nothing more comes of a partition for the time being.
    pub fn stage_gone(&self, partition: u32) {
        self.stage(|stages| stages.gone(partition));
    }

    /// The ends that a question about new partitions was about.
    pub fn stage_answer(&self, question: &Question, ends: impl IntoIterator<Item = (u32, i64)>) {
        self.stage(|stages| stages.answer(question, ends));
    }

    /// Lets records go on that waited only for time to pass.
    pub fn stage_tick(&self) {
        self.stage(|_| {});
    }

    pub(super) fn stage(&self, change: impl FnOnce(&mut Stages)) {
        let Some(mut stages) = self.staging.lock() else { return };
        change(&mut stages);
        let mut through = Vec::new();
        stages.release(&mut through);
        self.put_through(&mut through);
    }

    /// Whether one of these partitions has far more waiting for earlier records than it should.
    #[must_use]
    pub fn staging_is_full(&self, partitions: &[u32]) -> bool {
        let share = self.staging_share();
        self.staging.bytes_of(partitions).is_some_and(|bytes| bytes.iter().any(|bytes| *bytes > 2 * share))
    }

    /// The memory that records of one partition may take while they wait for earlier ones.
    #[must_use]
    pub fn staging_share(&self) -> u64 {
        self.settings.buffer_bytes / PART_OF_BUFFER / (self.unfinished.0.load(Relaxed) as u64).max(1)
    }
}
