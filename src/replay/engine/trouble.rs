//! What stops a partition, a topic or the whole run.

use std::sync::atomic::Ordering::Relaxed;

use super::Engine;
use crate::{
    feed::{EventKind, PartitionState},
    kafka::Gone,
};

/// Why a topic is given up that is another one of the same name.
const RECREATED: &str =
    "the topic was deleted and created again meanwhile; run again to read the new one from its beginning";

impl Engine {
    /// The run cannot go on, by what its handler says; `usage` where something wrong was asked for.
    pub fn refuse(&self, reason: String, usage: bool) {
        if self.failure().is_none() {
            self.note_usage(usage);
        }
        self.fail(reason);
    }

    /// Takes note whether what fails the run is that something wrong was asked for.
    pub fn note_usage(&self, usage: bool) {
        self.wrong_usage.store(usage, Relaxed);
    }

    /// Whether the run has failed because something wrong was asked for.
    #[must_use]
    pub fn is_wrong_usage(&self) -> bool {
        self.wrong_usage.load(Relaxed)
    }

    /// The run cannot go on. The first reason stays.
    pub fn fail(&self, reason: String) {
        let mut failure = self.failure.lock();
        if failure.is_none() {
            self.events.push(EventKind::Error { text: reason.clone() });
            *failure = Some(reason);
            drop(failure);
            self.board.stop();
        }
    }

    /// A partition cannot be read and will not come back; the run goes on with the others.
    pub fn give_up(&self, partition: u32, reason: &str) {
        let id = self.with(partition, |partition| {
            partition.state = PartitionState::Failed;
            partition.id.clone()
        });
        self.stage_gone(partition);
        let text = format!("{id} cannot be read: {reason}");
        self.unreadable.lock().get_or_insert_with(|| text.clone());
        self.events.push(EventKind::Error { text });
    }

    /// A topic is gone, or may not be read any more: what is open of it is given up.
    pub fn give_up_topic(&self, topic: &str, gone: Gone) {
        for (planned, index) in self.planned.iter().zip(0_u32..) {
            let open = {
                let partition = self.partitions[index as usize].lock();
                !partition.is_complete() && !partition.has_failed()
            };
            if *planned.id.topic == *topic && open {
                self.give_up(index, &gone.to_string());
            }
        }
    }

    /// A topic was deleted and created again: what is read of it from now on is of another log, and what was read and waits may
    /// be. All that is open of it is given up, nothing of it is handed out any more, and no position of it is committed.
    pub fn give_up_recreated(&self, topic: &str) {
        for (_, index) in self.planned.iter().zip(0_u32..).filter(|(planned, _)| *planned.id.topic == *topic) {
            let (was_known, is_open, epoch) = self.with(index, |partition| {
                let is_open = !partition.is_complete() && !partition.has_failed();
                (partition.leave_log(), is_open, partition.epoch)
            });
            if was_known {
                continue;
            }
            self.board.fence(std::iter::once((index, epoch + 1)));
            if is_open {
                self.give_up(index, RECREATED);
            } else {
                self.stage_gone(index);
            }
        }
    }

    /// The first partition that was given up, and why.
    #[must_use]
    pub fn unreadable(&self) -> Option<String> {
        self.unreadable.lock().clone()
    }

    /// Why the run cannot go on, if so.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().clone()
    }
}
