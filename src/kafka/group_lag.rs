//! How far a consumer group is behind, seen from outside: it is asked for, never joined, and nothing is changed.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rdkafka::error::RDKafkaErrorCode;

use super::{
    catalog::{Catalog, CatalogError},
    client::{Client, ClientError, ClientHealth, KafkaConfig, is_outage},
    native::committed_by,
};
use crate::domain::TopicPartition;

/// A lag that could not be found out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GroupLagError {
    /// The client could not be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The group has no committed offsets, so there is nothing that it could lag behind.
    #[error("group `{group}` has no committed offsets on this cluster, so its lag is not known; check its name")]
    Nothing {
        /// Its id.
        group: String,
    },
    /// It has some, and none for a topic that counts.
    #[error(
        "group `{group}` has committed offsets for {topics}, and none of these topics is among those that count; check \
         --protect-topics (run.protect_topics)"
    )]
    NoTopic {
        /// Its id.
        group: String,
        /// Some of the topics that it has committed offsets for.
        topics: String,
    },
    /// The coordinator says no.
    #[error("group `{group}` cannot be looked up: {reason}; DESCRIBE on the group and on its topics is needed")]
    Refused {
        /// Its id.
        group: String,
        /// The broker's words.
        reason: String,
    },
    /// Nobody answers, or not for now.
    #[error("the lag of group `{group}` cannot be found out for now: {reason}")]
    Later {
        /// Its id.
        group: String,
        /// What is in the way.
        reason: String,
    },
}

/// The lag of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenLag {
    /// Over all partitions that count, in records.
    pub total: u64,
    /// The partition with the largest part of it, where there is any.
    pub worst: Option<(TopicPartition, u64)>,
}

/// So many topics are named where none counts.
const NAMED_TOPICS: usize = 5;

/// Looks up the lag of a group, with a client of its own.
pub struct GroupLag {
    client: Client,
    group: String,
}

impl GroupLag {
    /// Nothing is sent before the first look.
    ///
    /// # Errors
    /// librdkafka refuses the configuration.
    pub fn new(config: &KafkaConfig, group: &str) -> Result<Self, GroupLagError> {
        let mut config = config.clone();
        // As Kafka's own tools count: what a transaction holds back is still to come for the group.
        config.properties.insert("isolation.level".into(), "read_uncommitted".into());
        let client = Client::about_group(group, &config, &Arc::<ClientHealth>::default())?;
        Ok(Self { client, group: group.to_owned() })
    }

    /// What is between the committed offsets and the ends of the logs, over all partitions for which the group has any and
    /// whose topic `counts`. Each of its three questions waits at most for `timeout`.
    ///
    /// # Errors
    /// Why it is not known.
    pub fn look(&self, timeout: Duration, counts: impl Fn(&str) -> bool) -> Result<SeenLag, GroupLagError> {
        self.client.serve();
        let later = |reason: String| GroupLagError::Later { group: self.group.clone(), reason };
        let committed = committed_by(&self.client.consumer, &self.group, timeout).map_err(|code| {
            let reason = code.to_string();
            let refused = matches!(
                code,
                RDKafkaErrorCode::GroupAuthorizationFailed
                    | RDKafkaErrorCode::TopicAuthorizationFailed
                    | RDKafkaErrorCode::InvalidGroupId
            );
            if refused {
                GroupLagError::Refused { group: self.group.clone(), reason }
            } else if is_outage(code) {
                later(self.client.unreachable(timeout).to_string())
            } else {
                later(reason)
            }
        })?;
        if committed.is_empty() {
            return Err(GroupLagError::Nothing { group: self.group.clone() });
        }
        let (committed, left_out): (Vec<_>, Vec<_>) = committed.into_iter().partition(|(id, _)| counts(&id.topic));
        if committed.is_empty() {
            let names: BTreeSet<String> = left_out.iter().map(|(id, _)| format!("`{}`", id.topic)).collect();
            let topics: Vec<String> = names.into_iter().take(NAMED_TOPICS).collect();
            return Err(GroupLagError::NoTopic { group: self.group.clone(), topics: topics.join(", ") });
        }
        let ids: Vec<TopicPartition> = committed.iter().map(|(id, _)| id.clone()).collect();
        let ends = Catalog::new(&self.client, timeout).log_ends(&ids).map_err(|error| match error {
            CatalogError::NotAuthorized(topic) => GroupLagError::Refused {
                group: self.group.clone(),
                reason: format!("no permission for topic `{topic}`"),
            },
            other => later(other.to_string()),
        })?;
        // A record that retention has removed is no longer to come.
        let mut seen = SeenLag { total: 0, worst: None };
        for ((id, offset), ends) in committed.into_iter().zip(ends) {
            let lag = ends.end.since(offset.max(ends.low));
            seen.total += lag;
            if lag > seen.worst.as_ref().map_or(0, |(_, most)| *most) {
                seen.worst = Some((id, lag));
            }
        }
        Ok(seen)
    }

    /// Lets go of the connection without making the caller wait.
    pub fn close(self) {
        self.client.close();
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::{
        mocking::MockCluster,
        types::{RDKafkaApiKey, RDKafkaRespErr},
    };

    use super::*;

    /// A coordinator that has just moved answers so; librdkafka must survive it.
    #[test]
    fn a_coordinator_that_has_moved_is_asked_again_later() {
        let cluster = MockCluster::new(1).unwrap();
        let config = KafkaConfig { bootstrap_servers: cluster.bootstrap_servers(), ..KafkaConfig::default() };
        let lookup = GroupLag::new(&config, "billing").unwrap();
        let moved = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR;
        cluster.request_errors(RDKafkaApiKey::OffsetFetch, &[moved; 8]);
        let answer = lookup.look(Duration::from_secs(10), |_| true);
        assert!(matches!(answer, Err(GroupLagError::Later { .. })), "{answer:?}");
        cluster.clear_request_errors(RDKafkaApiKey::OffsetFetch);
        let answer = lookup.look(Duration::from_secs(10), |_| true);
        assert!(matches!(answer, Err(GroupLagError::Nothing { .. })), "{answer:?}");
    }
}
