//! The lag of a consumer group, queried without joining the group or changing anything.

use std::{collections::BTreeSet, time::Duration};

use kreplay_model::domain::TopicPartition;
use rdkafka::error::RDKafkaErrorCode;

use super::{
    catalog::{Catalog, CatalogError},
    client::{ClientError, KafkaConfig, is_outage},
    group_client::GroupClient,
    native::committed_by,
};

/// The lag could not be determined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupLagError {
    /// The client could not be created.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The group has no committed offsets, so it has no lag.
    #[error("group `{group}` has no committed offsets on this cluster, so its lag is unknown; check the group name")]
    Nothing {
        /// Its id.
        group: String,
    },
    /// The group has committed offsets, but for none of the protected topics.
    #[error(
        "group `{group}` has committed offsets for {topics}, but for none of the protected topics; check \
         --protect-topics (run.protect_topics)"
    )]
    NoTopic {
        /// Its id.
        group: String,
        /// Some of the topics that the group has committed offsets for.
        topics: String,
    },
    /// The coordinator denied access.
    #[error("cannot look up group `{group}`: {reason}; DESCRIBE on the group and its topics is required")]
    Refused {
        /// Its id.
        group: String,
        /// The broker's message.
        reason: String,
    },
    /// No broker answers, or the error is temporary.
    #[error("the lag of group `{group}` is temporarily unavailable: {reason}")]
    Later {
        /// Its id.
        group: String,
        /// The cause.
        reason: String,
    },
}

/// The observed lag of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedLag {
    /// Total lag over all protected partitions, in records.
    pub total: u64,
    /// The partition with the largest lag, if any partition lags.
    pub worst: Option<(TopicPartition, u64)>,
}

/// Maximum number of topics named in [`GroupLagError::NoTopic`].
const MAX_NAMED_TOPICS: usize = 5;

/// Looks up the lag of a group with a separate client.
pub struct GroupLag {
    client: GroupClient,
    group: String,
}

impl GroupLag {
    /// Creates the client. Nothing is sent before the first lookup.
    ///
    /// # Errors
    /// librdkafka rejected the configuration.
    pub fn new(config: &KafkaConfig, group: &str) -> Result<Self, GroupLagError> {
        let mut config = config.clone();
        // Like Kafka's own tools, this counts records of open transactions: the group has yet to read them.
        config.properties.insert("isolation.level".into(), "read_uncommitted".into());
        Ok(Self { client: GroupClient::new(group, &config)?, group: group.to_owned() })
    }

    /// Adds up the distance between committed offsets and log ends, over all partitions that have a committed offset
    /// and whose topic `counts`. Each of its three requests waits at most for `timeout`.
    ///
    /// # Errors
    /// Why the lag is unknown.
    pub fn look(&mut self, timeout: Duration, counts: impl Fn(&str) -> bool) -> Result<ObservedLag, GroupLagError> {
        self.client.client().serve();
        let committed = match committed_by(&self.client.client().consumer, &self.group, timeout) {
            Ok(committed) => committed,
            Err(code) => {
                let error = self.failure(code, timeout);
                self.client.renew_after(code);
                return Err(error);
            }
        };
        if committed.is_empty() {
            return Err(GroupLagError::Nothing { group: self.group.clone() });
        }
        let (committed, left_out): (Vec<_>, Vec<_>) = committed.into_iter().partition(|(id, _)| counts(&id.topic));
        if committed.is_empty() {
            let names: BTreeSet<String> = left_out.iter().map(|(id, _)| format!("`{}`", id.topic)).collect();
            let topics: Vec<String> = names.into_iter().take(MAX_NAMED_TOPICS).collect();
            return Err(GroupLagError::NoTopic { group: self.group.clone(), topics: topics.join(", ") });
        }
        let ids: Vec<TopicPartition> = committed.iter().map(|(id, _)| id.clone()).collect();
        let ends = Catalog::new(self.client.client(), timeout).log_ends(&ids).map_err(|error| match error {
            CatalogError::NotAuthorized(topic) => GroupLagError::Refused {
                group: self.group.clone(),
                reason: format!("not authorized to describe topic `{topic}`"),
            },
            other => self.later(other.to_string()),
        })?;
        // Records deleted by retention do not count.
        let mut observed = ObservedLag { total: 0, worst: None };
        for ((id, offset), ends) in committed.into_iter().zip(ends) {
            let lag = ends.end.since(offset.max(ends.low));
            observed.total += lag;
            if lag > observed.worst.as_ref().map_or(0, |(_, most)| *most) {
                observed.worst = Some((id, lag));
            }
        }
        Ok(observed)
    }

    /// Closes the connection in the background.
    pub fn close(self) {
        self.client.close();
    }

    fn failure(&self, code: RDKafkaErrorCode, timeout: Duration) -> GroupLagError {
        let refused = matches!(
            code,
            RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::InvalidGroupId
        );
        if refused {
            GroupLagError::Refused { group: self.group.clone(), reason: code.to_string() }
        } else if is_outage(code) {
            self.later(self.client.client().unreachable(timeout).to_string())
        } else {
            self.later(code.to_string())
        }
    }

    fn later(&self, reason: String) -> GroupLagError {
        GroupLagError::Later { group: self.group.clone(), reason }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rdkafka::{
        mocking::MockCluster,
        types::{RDKafkaApiKey, RDKafkaRespErr},
    };

    use super::*;

    /// A coordinator that has just moved returns this error; librdkafka must survive it. It would go on asking the same
    /// broker, so the next lookup needs another client.
    #[test]
    fn moved_coordinator_is_a_temporary_error() {
        let cluster = MockCluster::new(1).unwrap();
        let config = KafkaConfig { bootstrap_servers: cluster.bootstrap_servers(), ..KafkaConfig::default() };
        let mut lookup = GroupLag::new(&config, "billing").unwrap();
        let former = Arc::clone(&lookup.client.client().consumer);
        let moved = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
        cluster.request_errors(RDKafkaApiKey::OffsetFetch, &[moved; 8]);
        let answer = lookup.look(Duration::from_secs(10), |_| true);
        assert!(matches!(answer, Err(GroupLagError::Later { .. })), "{answer:?}");
        assert!(!Arc::ptr_eq(&former, &lookup.client.client().consumer), "the client was not replaced");
        cluster.clear_request_errors(RDKafkaApiKey::OffsetFetch);
        let answer = lookup.look(Duration::from_secs(10), |_| true);
        assert!(matches!(answer, Err(GroupLagError::Nothing { .. })), "{answer:?}");
    }
}
