//! Reads partitions it is told to, without any group.

use std::{sync::Arc, time::Duration};

use rdkafka::consumer::BaseConsumer;

use super::{
    Consumer, Fetched,
    source::{self, Source},
};
use crate::{
    domain::{Offset, Tier, TopicPartition},
    kafka::{
        client::{Client, ClientError, ClientHealth, KafkaConfig, Place, ReadContext, drop_aside},
        native::RecordQueue,
    },
};

/// How long a client of its own may take to learn where the partitions are. Without an answer it finds out later.
const PREPARE: Duration = Duration::from_secs(5);

/// Reads partitions it is told to. It never commits, and no group knows of it.
pub struct Reader {
    source: Box<dyn Source>,
    client: Client,
}

impl Reader {
    /// Reads through a client, which knows the topics already when the plan was made with it: then the first records are
    /// there within milliseconds.
    ///
    /// # Errors
    /// [`ClientError::Queue`].
    pub fn new(client: Client, tier: Tier) -> Result<Self, ClientError> {
        let queue = RecordQueue::new(&client.consumer).ok_or(ClientError::Queue)?;
        Ok(Self { source: source::open(tier, queue)?, client })
    }

    /// Reads through a client of its own, which first asks where the topics are: a partition that is started before waits for
    /// the next time that librdkafka asks by itself.
    ///
    /// # Errors
    /// [`ClientError::Queue`], or a configuration that librdkafka refuses.
    pub fn further(
        config: &KafkaConfig,
        health: &Arc<ClientHealth>,
        tier: Tier,
        topics: &[String],
    ) -> Result<Self, ClientError> {
        let client = Client::at(Place::Further, config, health)?;
        let one = if let [one] = topics { Some(one.as_str()) } else { None };
        // An answer that does not come is no failure: starting a partition asks again.
        drop(rdkafka::consumer::Consumer::fetch_metadata(client.consumer.as_ref(), one, PREPARE));
        Self::new(client, tier)
    }

    /// Starts reading a partition.
    ///
    /// # Errors
    /// librdkafka's words.
    pub fn start(&mut self, id: &TopicPartition, from: Offset) -> Result<(), ClientError> {
        let started = self.source.queue().start(&id.topic, id.partition.0, from.get());
        started.map_err(|code| ClientError::Refused(code.to_string()))
    }

    /// Stops reading a partition: nothing of it arrives any more. Returns whether it was being read.
    pub fn stop(&mut self, id: &TopicPartition) -> bool {
        self.source.queue().stop(&id.topic, id.partition.0)
    }

    /// Serves callbacks without reading.
    pub fn serve(&self) {
        self.client.serve();
    }

    /// Stops reading and lets go of the client aside.
    pub fn close(self) {
        let Self { source, client } = self;
        drop(source);
        drop_aside(client.consumer);
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
