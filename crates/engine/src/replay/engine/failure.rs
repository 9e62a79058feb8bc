//! Failures of a partition, a topic, or the whole run.

use kreplay_kafka::Gone;
use kreplay_model::{domain::Classified, feed::PartitionState};

use super::Engine;

/// Why a topic that was deleted and created again is not read any further.
const RECREATED: &str =
    "the topic was deleted and created again; start a new run to read the new topic from its beginning";

impl Engine {
    /// Fails the run. The first reason is kept.
    pub fn fail(&self, reason: String) {
        if self.status.note_failure(reason) {
            self.scheduler.stop();
        }
    }

    /// Fails the run with an error of its handler.
    pub fn refuse(&self, error: &impl Classified) {
        if !self.status.has_failed() {
            self.status.note_class(error.class());
        }
        self.fail(error.to_string());
    }

    /// Fails a partition that cannot be read any more. The run continues with the others.
    pub fn fail_partition(&self, partition: u32, reason: &str) {
        // First: a run whose last open partition has failed ends with this reason.
        self.status.note_unreadable(format!("{} cannot be read: {reason}", self.partitions.id(partition)));
        self.partitions.with(partition, |partition| partition.state = PartitionState::Failed);
        self.reorder_gone(partition);
    }

    /// Fails the open partitions of a topic that was deleted, or that may no longer be read.
    pub fn fail_topic(&self, topic: &str, gone: Gone) {
        for (planned, index) in self.partitions.all_planned().zip(0_u32..) {
            let open = {
                let partition = self.partitions.lock(index);
                !partition.is_complete() && !partition.has_failed()
            };
            if *planned.id.topic == *topic && open {
                self.fail_partition(index, &gone.to_string());
            }
        }
    }

    /// Fails a topic that was deleted and created again. Its new records belong to another log, and the waiting ones
    /// may. Its open partitions fail, no more of its records are handed out, and none of its positions is committed.
    pub fn fail_recreated_topic(&self, topic: &str) {
        for (_, index) in self.partitions.all_planned().zip(0_u32..).filter(|(planned, _)| *planned.id.topic == *topic)
        {
            let (was_known, is_open, epoch) = self.partitions.with(index, |partition| {
                let is_open = !partition.is_complete() && !partition.has_failed();
                (partition.mark_log_gone(), is_open, partition.epoch)
            });
            if was_known {
                continue;
            }
            self.scheduler.fence(std::iter::once((index, epoch + 1)));
            if is_open {
                self.fail_partition(index, RECREATED);
            } else {
                self.reorder_gone(index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::Ordering;

    use crate::replay::engine::fixture::Fixture;

    /// A run whose last open partition has failed ends with its reason, at any moment after that.
    #[test]
    fn the_reason_is_known_and_reported_before_a_partition_counts_as_failed() {
        let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 9]]);
        let engine = &fixture.engine;
        std::thread::scope(|scope| {
            scope.spawn(|| engine.fail_partition(0, "gone"));
            while !engine.partitions.lock(0).has_failed() {
                std::thread::yield_now();
            }
            let reason = "t-0 cannot be read: gone";
            assert_eq!(engine.status.unreadable().as_deref(), Some(reason));
            let events = engine.events.since(0);
            assert_eq!(events.iter().map(|event| event.kind.to_string()).collect::<Vec<_>>(), [reason]);
        });
    }
}
