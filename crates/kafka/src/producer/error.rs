//! Errors of producing.

use std::time::Duration;

use kreplay_model::domain::TopicPartition;
use rdkafka::error::KafkaError;

/// Producing failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProducerError {
    /// librdkafka rejected a property or its value.
    #[error("the client property `{name}` is not accepted: {reason}")]
    Property {
        /// The property's name. Its value may be a secret and is not included.
        name: String,
        /// librdkafka's message.
        reason: String,
    },
    /// The client could not be created.
    #[error("the producer could not be created: {0}")]
    Create(String),
    /// The queue stayed full.
    #[error("the producer's queue stayed full for {} s: {reason}", waited.as_secs())]
    Full {
        /// The time waited for space.
        waited: Duration,
        /// The client's last error.
        reason: String,
    },
    /// librdkafka rejected a record.
    #[error("a record for topic {topic:?} was rejected: {reason}")]
    Refused {
        /// The topic's name.
        topic: String,
        /// librdkafka's message.
        reason: String,
    },
    /// Queued records were rejected by the broker.
    #[error("failed records: {failed} (acknowledged: {acknowledged}); first failure, for {partition}: {reason}")]
    Failed {
        /// The number of failed records.
        failed: u64,
        /// The number of acknowledged records.
        acknowledged: u64,
        /// The target of the first failed record; partition -1 if none was chosen yet.
        partition: TopicPartition,
        /// Why the first record failed.
        reason: String,
    },
    /// Records were still in flight at the deadline.
    #[error("records not acknowledged after {:.1} s: {count}; {reason}", waited.as_secs_f64())]
    Unacknowledged {
        /// The number of records.
        count: u64,
        /// The time waited.
        waited: Duration,
        /// The client's last error.
        reason: String,
    },
    /// A partition's watermarks could not be read.
    #[error("the watermarks of {partition} could not be read: {reason}")]
    Watermarks {
        /// The partition.
        partition: TopicPartition,
        /// librdkafka's message.
        reason: String,
    },
}

impl ProducerError {
    pub(super) fn from_create(error: &KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(_, reason, name, _) => {
                Self::Property { name: name.clone(), reason: reason.clone() }
            }
            KafkaError::ClientCreation(reason) => Self::Create(reason.clone()),
            other => Self::Create(other.to_string()),
        }
    }
}
