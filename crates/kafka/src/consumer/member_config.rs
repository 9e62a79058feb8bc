//! The configuration of a group member.

use std::time::Duration;

use kreplay_model::domain::Tier;
use rdkafka::ClientConfig;

use super::group_protocol::GroupProtocol;
use crate::client::{DEFAULT_CLIENT_ID, KafkaConfig, ReaderRole};

/// Configuration of a member.
#[derive(Clone, Debug)]
pub struct MemberConfig {
    /// The cluster.
    pub kafka: KafkaConfig,
    /// The group id.
    pub group: String,
    /// The topics to subscribe to.
    pub topics: Vec<String>,
    /// The group protocol.
    pub protocol: GroupProtocol,
    /// How records are read from the client.
    pub tier: Tier,
    /// The number of the member within this process, from 0.
    pub number: u32,
}

impl MemberConfig {
    /// Maximum time that giving partitions back may take: two thirds of `max.poll.interval.ms` (librdkafka's default:
    /// five minutes), after which the group considers the member dead.
    #[must_use]
    pub fn longest_wait(&self) -> Duration {
        let set = self.kafka.properties.get("max.poll.interval.ms").and_then(|value| value.parse().ok());
        Duration::from_millis(set.unwrap_or(300_000)) * 2 / 3
    }

    /// The properties of the member's client.
    pub(super) fn client_config(&self) -> ClientConfig {
        let connection = if self.number == 0 { ReaderRole::First } else { ReaderRole::Additional };
        let mut native = self.kafka.reading_at(connection);
        native.set("group.id", &self.group);
        // The range assignor sorts members by id, which begins with the client's: the first members of all processes
        // come before their second ones, so that each process gets partitions if there are enough for all processes.
        if !self.kafka.properties.contains_key("client.id") {
            native.set("client.id", format!("{DEFAULT_CLIENT_ID}-{}", self.number));
        }
        match self.protocol {
            GroupProtocol::Consumer => {
                native.set("group.protocol", "consumer");
                // With this protocol the broker controls these settings, and librdkafka rejects them.
                for name in ["session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"] {
                    native.remove(name);
                }
            }
            GroupProtocol::Classic => {
                native.set("group.protocol", "classic");
                // Members learn of a rebalance in heartbeat responses: frequent heartbeats make rebalances faster.
                for (name, value) in [
                    ("heartbeat.interval.ms", "200"),
                    ("session.timeout.ms", "6000"),
                    ("partition.assignment.strategy", "range"),
                ] {
                    if !self.kafka.properties.contains_key(name) {
                        native.set(name, value);
                    }
                }
            }
        }
        native
    }
}
