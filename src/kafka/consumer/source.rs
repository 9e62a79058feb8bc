//! The ways to get records out of a client: one trait, and the factory that chooses by [`Tier`].
//!
//! All of them take from the same kind of queue, which the client's partitions deliver into (see `native`), so that ends and
//! errors of partitions arrive with topic and offset whatever the tier. rdkafka's own `StreamConsumer` and
//! `BaseConsumer::poll` make the same calls, but drop the topic and the offset of a partition's end: a run over transactions
//! or a compacted topic could not see where it ends.

use std::time::Duration;

use super::{Fetched, buffered::Buffered, standard::Standard, stream::Stream};
use crate::{
    domain::{Tier, TopicPartition},
    kafka::{
        client::{ClientError, ReadContext},
        native::RecordQueue,
    },
};

/// A way to get records out of a client's queue.
pub(super) trait Source: Send {
    /// The queue, to lead partitions into it.
    fn queue(&mut self) -> &mut RecordQueue<ReadContext>;

    /// The same, to look at.
    fn queue_ref(&self) -> &RecordQueue<ReadContext>;

    /// Passes up to `max` records and other events to `sink`, in the order of their offsets within a partition; waits up to
    /// `timeout` for the first. Returns how many there were.
    fn read(&mut self, timeout: Duration, max: usize, sink: &mut dyn FnMut(Fetched<'_>)) -> usize;
}

/// The way of a tier. What is special about `dedicated` is the number of clients (see [`super::share_out`]); each of them reads
/// in batches.
///
/// # Errors
/// [`ClientError::Queue`] where the system gives the stream no timer.
pub(super) fn open(tier: Tier, queue: RecordQueue<ReadContext>) -> Result<Box<dyn Source>, ClientError> {
    Ok(match tier {
        Tier::Stream => Box::new(Stream::new(queue).map_err(|_| ClientError::Queue)?),
        Tier::Standard => Box::new(Standard::new(queue)),
        Tier::Auto | Tier::Buffered | Tier::Dedicated => Box::new(Buffered::new(queue)),
    })
}

/// Holds partitions back in queues of their own, or lets them go on.
pub(super) fn set_held(source: &dyn Source, partitions: &[TopicPartition], held: bool) {
    for id in partitions {
        // Where there is no memory for a queue, the partition goes on as it was, and the bound on records in memory holds it back.
        let _ = source.queue_ref().set_held(&id.topic, id.partition.0, held);
    }
}
