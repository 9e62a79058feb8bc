//! Failures of a partition, a topic, or the whole run.

use std::sync::atomic::Ordering::Relaxed;

use kreplay_kafka::Gone;
use kreplay_model::feed::{EventKind, PartitionState};

use super::Engine;

/// Why a topic that was deleted and created again is not read any further.
const RECREATED: &str =
    "the topic was deleted and created again; start a new run to read the new topic from its beginning";

impl Engine {
    /// Fails the run at the request of its handler. `usage`: the cause is a usage error.
    pub fn refuse(&self, reason: String, usage: bool) {
        if self.failure().is_none() {
            self.note_usage(usage);
        }
        self.fail(reason);
    }

    /// Sets whether the failure of the run is a usage error.
    pub fn note_usage(&self, usage: bool) {
        self.wrong_usage.store(usage, Relaxed);
    }

    /// Whether the run has failed with a usage error.
    #[must_use]
    pub fn is_wrong_usage(&self) -> bool {
        self.wrong_usage.load(Relaxed)
    }

    /// Fails the run. The first reason is kept.
    pub fn fail(&self, reason: String) {
        let mut failure = self.failure.lock();
        if failure.is_none() {
            self.events.push(EventKind::Error { text: reason.clone() });
            *failure = Some(reason);
            drop(failure);
            self.scheduler.stop();
        }
    }

    /// Fails a partition that cannot be read any more. The run continues with the others.
    pub fn fail_partition(&self, partition: u32, reason: &str) {
        let id = self.with(partition, |partition| {
            partition.state = PartitionState::Failed;
            partition.id.clone()
        });
        self.reorder_gone(partition);
        let text = format!("{id} cannot be read: {reason}");
        self.unreadable.lock().get_or_insert_with(|| text.clone());
        self.events.push(EventKind::Error { text });
    }

    /// Fails the open partitions of a topic that was deleted, or that may no longer be read.
    pub fn fail_topic(&self, topic: &str, gone: Gone) {
        for (planned, index) in self.planned.iter().zip(0_u32..) {
            let open = {
                let partition = self.partitions[index as usize].lock();
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
        for (_, index) in self.planned.iter().zip(0_u32..).filter(|(planned, _)| *planned.id.topic == *topic) {
            let (was_known, is_open, epoch) = self.with(index, |partition| {
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

    /// The first partition that failed, and why.
    #[must_use]
    pub fn unreadable(&self) -> Option<String> {
        self.unreadable.lock().clone()
    }

    /// Why the run has failed, if it has.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
    }
}
