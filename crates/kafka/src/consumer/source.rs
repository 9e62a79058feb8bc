//! How records are read from a client.
//!
//! All sources read from the same kind of queue, into which the client's partitions deliver (see [`RecordQueue`]), so
//! that partition ends and errors arrive with topic and offset in every tier. rdkafka's own `StreamConsumer` and
//! `BaseConsumer::poll` make the same library calls, but drop the topic and the offset of a partition end: a run over
//! transactions or a compacted topic could not detect its end.

use std::time::Duration;

use kreplay_model::domain::TopicPartition;

use super::Fetched;
use crate::{client::ReadContext, native::RecordQueue};

/// Reads records from a client's queue.
pub(super) trait Source: Send {
    /// The queue, for forwarding partitions into it.
    fn queue(&mut self) -> &mut RecordQueue<ReadContext>;

    /// The queue, read-only.
    fn queue_ref(&self) -> &RecordQueue<ReadContext>;

    /// Passes up to `max` records and other events to `sink`, in offset order within a partition. Waits up to `timeout`
    /// for the first one. Returns the number of events.
    fn read(&mut self, timeout: Duration, max: usize, sink: &mut dyn FnMut(Fetched<'_>)) -> usize;
}

/// Holds partitions back in separate queues, or releases them.
pub(super) fn set_held(source: &dyn Source, partitions: &[TopicPartition], held: bool) {
    for id in partitions {
        // If no queue can be created, the partition continues as before, and the memory limit for records holds it
        // back.
        let _ = source.queue_ref().set_held(&id.topic, id.partition.0, held);
    }
}
