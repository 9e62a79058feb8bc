//! Reads partitions it is told to, without any group.

use std::time::Duration;

use rdkafka::consumer::Consumer;

use super::{Fetched, list_of};
use crate::{
    domain::{Offset, TopicPartition},
    kafka::{
        client::{Client, ClientError, ReadContext, drop_aside, is_missing},
        native::RecordQueue,
    },
};

/// Reads partitions it is told to. It never commits, and no group knows of it.
pub struct Reader {
    queue: RecordQueue<ReadContext>,
    client: Client,
}

impl Reader {
    /// Reads through a client, which knows the topics already when the plan was made with it: then the first records are
    /// there within milliseconds.
    ///
    /// # Errors
    /// [`ClientError::Queue`].
    pub fn new(client: Client) -> Result<Self, ClientError> {
        let queue = RecordQueue::new(&client.consumer).ok_or(ClientError::Queue)?;
        Ok(Self { queue, client })
    }

    /// Starts reading a partition.
    ///
    /// # Errors
    /// librdkafka's words.
    pub fn start(&mut self, id: &TopicPartition, from: Offset) -> Result<(), ClientError> {
        self.queue.start(&id.topic, id.partition.0, from.get()).map_err(|code| ClientError::Refused(code.to_string()))
    }

    /// Goes on at another offset of a partition that was started. Records that are on their way may still arrive.
    pub fn seek(&mut self, id: &TopicPartition, to: Offset) {
        self.queue.seek(&id.topic, id.partition.0, to.get());
    }

    /// Passes up to `max` records and other events to `sink`; waits up to `timeout` for the first.
    pub fn read(&mut self, timeout: Duration, max: usize, sink: impl FnMut(Fetched<'_>)) -> usize {
        self.client.serve();
        self.queue.read(timeout, max, sink)
    }

    /// Stops or goes on fetching some partitions. Records that are on their way may still arrive.
    pub fn set_paused(&self, partitions: &[TopicPartition], paused: bool) {
        let list = list_of(partitions);
        // The only failure is a partition that is not being read, which needs no pausing.
        let _ = if paused { self.client.consumer.pause(&list) } else { self.client.consumer.resume(&list) };
    }

    /// Whether the cluster says that there is no such topic; `None` where nobody answers within `timeout`.
    #[must_use]
    pub fn is_missing(&self, topic: &str, timeout: Duration) -> Option<bool> {
        is_missing(&self.client.consumer, topic, timeout)
    }

    /// Asks for a sign of life by way of a topic it knows; waits at most for `timeout`.
    #[must_use]
    pub fn probe(&self, topic: &str, timeout: Duration) -> bool {
        self.client.consumer.fetch_metadata(Some(topic), timeout).is_ok()
    }

    /// Serves callbacks without reading.
    pub fn serve(&self) {
        self.client.serve();
    }

    /// Stops reading and lets go of the client aside.
    pub fn close(self) {
        let Self { queue, client } = self;
        drop(queue);
        drop_aside(client.consumer);
    }
}
