//! A consumer of given partitions, without a group.

use std::{sync::Arc, time::Duration};

use kreplay_model::domain::{Offset, Tier, TopicPartition};
use rdkafka::consumer::BaseConsumer;

use super::{
    Consumer, Fetched,
    source::{self, Source},
    tiers::open_source,
};
use crate::{
    client::{Client, ClientError, ClientHealth, KafkaConfig, ReadContext, ReaderRole, drop_in_background},
    native::RecordQueue,
};

/// Timeout for a new client's first metadata request. If it fails, the client learns the metadata later.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads given partitions. It never commits, and it is not part of any group.
pub struct Reader {
    source: Box<dyn Source>,
    client: Client,
}

impl Reader {
    /// Reads through an existing client. If the plan was made with that client, it already knows the topics, and the
    /// first records arrive within milliseconds.
    ///
    /// # Errors
    /// [`ClientError::Queue`].
    pub fn new(client: Client, tier: Tier) -> Result<Self, ClientError> {
        let queue = RecordQueue::new(&client.consumer).ok_or(ClientError::Queue)?;
        Ok(Self { source: open_source(tier, queue)?, client })
    }

    /// Reads through a new client, and requests metadata of the topics first: a partition started without metadata
    /// waits for librdkafka's next periodic refresh.
    ///
    /// # Errors
    /// [`ClientError::Queue`], or [`ClientError::Configuration`].
    pub fn connect(
        config: &KafkaConfig,
        health: &Arc<ClientHealth>,
        tier: Tier,
        topics: &[String],
    ) -> Result<Self, ClientError> {
        let client = Client::with_target(ReaderRole::Additional, config, health)?;
        let one = if let [one] = topics { Some(one.as_str()) } else { None };
        // If this fails, starting a partition requests the metadata again.
        drop(rdkafka::consumer::Consumer::fetch_metadata(client.consumer.as_ref(), one, METADATA_TIMEOUT));
        Self::new(client, tier)
    }

    /// Starts reading a partition at an offset.
    ///
    /// # Errors
    /// librdkafka's message.
    pub fn start(&mut self, id: &TopicPartition, from: Offset) -> Result<(), ClientError> {
        let started = self.source.queue().start(&id.topic, id.partition.0, from.get());
        started.map_err(|code| ClientError::Refused(code.to_string()))
    }

    /// Stops reading a partition: none of its records arrive after this call. Returns whether it was being read.
    pub fn stop(&mut self, id: &TopicPartition) -> bool {
        self.source.queue().stop(&id.topic, id.partition.0)
    }

    /// Serves callbacks without reading.
    pub fn serve(&self) {
        self.client.serve();
    }

    /// Stops reading and closes the client in the background.
    pub fn close(self) {
        let Self { source, client } = self;
        drop(source);
        drop_in_background(client.consumer);
    }
}

impl Consumer for Reader {
    fn native(&self) -> &BaseConsumer<ReadContext> {
        &self.client.consumer
    }

    fn read(&mut self, timeout: Duration, max: usize, sink: &mut dyn FnMut(Fetched<'_>)) -> usize {
        self.client.serve();
        self.source.read(timeout, max, sink)
    }

    fn ended(&self, id: &TopicPartition) -> Option<Offset> {
        Offset::new(self.source.queue_ref().ended(&id.topic, id.partition.0)?)
    }

    fn set_held(&self, partitions: &[TopicPartition], held: bool) {
        source::set_held(self.source.as_ref(), partitions, held);
    }

    fn assignment(&self) -> Vec<TopicPartition> {
        let started = self.source.queue_ref().started();
        started.into_iter().map(|(topic, partition)| TopicPartition::new(topic, partition)).collect()
    }
}
