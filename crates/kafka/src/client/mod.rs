//! A connection to a cluster, its configuration and health, and its errors.

mod config;
mod context;
mod error;
mod error_codes;
mod health;
mod presence;

pub use config::KafkaConfig;
pub use error::ClientError;
pub use error_codes::{is_final, is_not_authorized, is_out_of_range};
pub use health::ClientHealth;
pub use presence::{Gone, Presence};

pub(crate) use config::{DEFAULT_CLIENT_ID, ReaderRole};
pub(crate) use context::{ContextRef, GroupCallbacks, ReadContext, create_consumer, drop_in_background};
pub(crate) use error_codes::{ends_membership, is_coordinator_away, is_final_for_group, is_of_topic, is_outage};
pub(crate) use presence::presence;

use std::{sync::Arc, time::Duration};

use rdkafka::{ClientConfig, consumer::BaseConsumer};

/// A connection to a cluster, outside any group. Clones share the connection.
#[derive(Clone)]
pub struct Client {
    pub(crate) consumer: Arc<BaseConsumer<ReadContext>>,
    config: KafkaConfig,
}

impl Client {
    /// Creates a client. Nothing is sent before its first use.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] with librdkafka's message.
    pub fn new(config: &KafkaConfig, health: &Arc<ClientHealth>) -> Result<Self, ClientError> {
        Self::with_target(ReaderRole::First, config, health)
    }

    /// Like [`Client::new`], for the given reading connection.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] with librdkafka's message.
    pub(crate) fn with_target(
        target: ReaderRole,
        config: &KafkaConfig,
        health: &Arc<ClientHealth>,
    ) -> Result<Self, ClientError> {
        let mut native = config.reading_at(target);
        native.remove("group.id");
        Self::without_membership(native, config, health)
    }

    /// Like [`Client::new`], for requests about a group that the client does not join.
    ///
    /// The client is configured with the group's id, because librdkafka looks a moved coordinator up again through the
    /// client's own group; without one, librdkafka 2.12 dereferences a null pointer (`rd_kafka_handle_OffsetFetch`).
    /// Without a subscription the client does not join the group, and it commits nothing unless asked to.
    ///
    /// # Errors
    /// [`ClientError::Configuration`] with librdkafka's message.
    pub fn for_group(group: &str, config: &KafkaConfig, health: &Arc<ClientHealth>) -> Result<Self, ClientError> {
        let mut native = config.reading();
        native.set("group.id", group);
        Self::without_membership(native, config, health)
    }

    /// This client joins no group. librdkafka still validates the member settings against each other, and user values
    /// would be checked against defaults that no member uses, so they are removed.
    fn without_membership(
        mut native: ClientConfig,
        config: &KafkaConfig,
        health: &Arc<ClientHealth>,
    ) -> Result<Self, ClientError> {
        for name in ["session.timeout.ms", "heartbeat.interval.ms", "max.poll.interval.ms"] {
            native.remove(name);
        }
        Ok(Self { consumer: Arc::new(create_consumer(&native, health, None)?), config: config.clone() })
    }

    /// The configuration of this client.
    #[must_use]
    pub fn config(&self) -> &KafkaConfig {
        &self.config
    }

    /// The connection state.
    #[must_use]
    pub fn health(&self) -> &Arc<ClientHealth> {
        self.consumer.context_ref().health()
    }

    /// Serves librdkafka's pending callbacks without waiting.
    pub fn serve(&self) {
        while let Some(result) = self.consumer.poll(Duration::ZERO) {
            drop(result);
        }
    }

    /// Closes the connection in the background: librdkafka may need a while to close its sockets.
    pub fn close(self) {
        drop_in_background(self.consumer);
    }

    pub(crate) fn unreachable(&self, waited: Duration) -> ClientError {
        self.serve();
        ClientError::Unreachable {
            bootstrap: self.config.bootstrap_servers.clone(),
            seconds: waited.as_secs(),
            problem: self.health().last_problem(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_property_is_named_without_its_value() {
        let config = KafkaConfig {
            bootstrap_servers: "127.0.0.1:1".into(),
            properties: [("fetch.min.bytes".to_owned(), "hunter2".to_owned())].into(),
        };
        let error = Client::new(&config, &Arc::default()).err().unwrap().to_string();
        assert!(error.contains("fetch.min.bytes") && !error.contains("hunter2"), "{error}");
    }
}
