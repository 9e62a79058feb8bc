//! Creating and deleting topics.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult},
    client::DefaultClientContext,
};

use super::KafkaConfig;
use crate::domain::PartitionCount;

/// A topic that could not be created or deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdminError {
    /// The client could not be made or used, or nobody answers.
    #[error("topics cannot be changed: {0}; check the address and the permissions (CREATE and DELETE on topics)")]
    Client(String),
    /// The broker refused.
    #[error("topic `{topic}`: the broker refused: {reason}")]
    Topic {
        /// Its name.
        topic: String,
        /// The broker's words.
        reason: String,
    },
}

/// Creates and deletes topics. Every call waits at most twice the given time for the brokers.
pub struct Admin {
    client: AdminClient<DefaultClientContext>,
    timeout: Duration,
}

impl Admin {
    /// # Errors
    /// librdkafka's words about the configuration.
    pub fn new(config: &KafkaConfig, timeout: Duration) -> Result<Self, AdminError> {
        let mut native = ClientConfig::new();
        for (name, value) in &config.properties {
            native.set(name, value);
        }
        native.set("bootstrap.servers", &config.bootstrap_servers);
        native.set_log_level(rdkafka::config::RDKafkaLogLevel::Critical);
        let client = native.create().map_err(|error| AdminError::Client(error.to_string()))?;
        Ok(Self { client, timeout })
    }

    /// Creates a topic with the broker's default replication.
    ///
    /// # Errors
    /// The broker's words, for example that the topic is there.
    pub fn create(&self, name: &str, partitions: PartitionCount) -> Result<(), AdminError> {
        let count = i32::try_from(partitions.get()).unwrap_or(i32::MAX);
        // -1 asks for the broker's default (Kafka 2.4 and later).
        let topic = NewTopic::new(name, count, TopicReplication::Fixed(-1));
        let answers = waiting(self.client.create_topics([&topic], &self.options()))?;
        all_well(answers.map_err(|error| AdminError::Client(error.to_string()))?)
    }

    /// Deletes topics.
    ///
    /// # Errors
    /// The broker's words about the first that could not be deleted.
    pub fn delete(&self, names: &[&str]) -> Result<(), AdminError> {
        if names.is_empty() {
            return Ok(());
        }
        let answers = waiting(self.client.delete_topics(names, &self.options()))?;
        all_well(answers.map_err(|error| AdminError::Client(error.to_string()))?)
    }

    fn options(&self) -> AdminOptions {
        AdminOptions::new().request_timeout(Some(self.timeout)).operation_timeout(Some(self.timeout))
    }
}

fn waiting<T>(future: impl Future<Output = T>) -> Result<T, AdminError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    Ok(runtime.map_err(|error| AdminError::Client(error.to_string()))?.block_on(future))
}

/// The first topic that something is wrong with.
fn all_well(answers: Vec<TopicResult>) -> Result<(), AdminError> {
    answers.into_iter().try_for_each(|answer| {
        answer.map(drop).map_err(|(topic, code)| AdminError::Topic { topic, reason: code.to_string() })
    })
}
