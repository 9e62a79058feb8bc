//! The configuration of reading clients.

use std::{collections::BTreeMap, fmt};

use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

/// `client.id` of a client, unless the properties set it.
pub(crate) const DEFAULT_CLIENT_ID: &str = "kreplay";

/// The cluster's address and client properties. `Debug` prints property names without their values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KafkaConfig {
    /// Comma-separated `host:port` list.
    pub bootstrap_servers: String,
    /// librdkafka properties, passed through unchanged.
    pub properties: BTreeMap<String, String>,
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .finish()
    }
}

/// Which of a run's reading connections a client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReaderRole {
    /// The first connection. It may read all partitions.
    #[default]
    First,
    /// One of several connections that share the partitions, so each needs a smaller queue: with a fifth of the queue,
    /// a client used half the memory, and all clients together were as fast.
    Additional,
}

impl ReaderRole {
    /// `queued.min.messages`: the client keeps fetching while its queue holds fewer records than this, over all its
    /// partitions.
    fn queued_messages(self) -> &'static str {
        match self {
            Self::First => "10000",
            Self::Additional => "2000",
        }
    }
}

impl KafkaConfig {
    /// A cluster by its bootstrap servers, a comma-separated `host:port` list, with librdkafka's default properties.
    #[must_use]
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        Self { bootstrap_servers: bootstrap_servers.into(), properties: BTreeMap::new() }
    }

    /// The configuration of a reading client. User properties override the defaults set before them; the properties set
    /// after them cannot be overridden, because correctness depends on them.
    pub(crate) fn reading(&self) -> ClientConfig {
        self.reading_at(ReaderRole::First)
    }

    /// Like [`KafkaConfig::reading`], for the given connection.
    pub(crate) fn reading_at(&self, target: ReaderRole) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", DEFAULT_CLIENT_ID);
        // With librdkafka's default of 1000, a reader whose queue was full sleeps for a second.
        config.set("fetch.queue.backoff.ms", "2");
        // As fast as the far larger defaults, with a tenth of the memory.
        config.set("queued.min.messages", target.queued_messages());
        config.set("queued.max.messages.kbytes", "4096");
        config.set("isolation.level", "read_committed");
        config.set("check.crcs", "true");
        // Maximum wait of an empty fetch. It bounds the time to detect the end of a log and to hand a partition over.
        config.set("fetch.wait.max.ms", "50");
        config.set("reconnect.backoff.max.ms", "2000");
        config.set("topic.metadata.refresh.interval.ms", "30000");
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config.set("bootstrap.servers", &self.bootstrap_servers);
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("enable.partition.eof", "true");
        // A position outside the log must be reported as an error; a silent reset would skip or repeat records.
        config.set("auto.offset.reset", "error");
        config.set_log_level(RDKafkaLogLevel::Warning);
        config
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_contains_no_property_values() {
        let config = KafkaConfig {
            bootstrap_servers: "broker:9092".into(),
            properties: [("sasl.password".to_owned(), "hunter2".to_owned())].into(),
        };
        let shown = format!("{config:?}");
        assert!(shown.contains("sasl.password") && !shown.contains("hunter2"), "{shown}");
    }
}
