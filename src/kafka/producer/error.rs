//! What can go wrong while producing.

use std::time::Duration;

use rdkafka::error::KafkaError;

use crate::domain::TopicPartition;

/// Producing failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProducerError {
    /// librdkafka does not know a property or its value.
    #[error("the client property `{name}` is not accepted: {reason}")]
    Property {
        /// The property's name; its value may be a secret and is not told.
        name: String,
        /// What librdkafka said.
        reason: String,
    },
    /// The client could not be made.
    #[error("the producer could not be made: {0}")]
    Create(String),
    /// The queue stayed full.
    #[error("the producer's queue stayed full for {} s: {reason}", waited.as_secs())]
    Full {
        /// How long there was no room.
        waited: Duration,
        /// The last trouble the client told of.
        reason: String,
    },
    /// librdkafka did not take a record.
    #[error("a record for topic {topic:?} was refused: {reason}")]
    Refused {
        /// The topic's name.
        topic: String,
        /// What librdkafka said.
        reason: String,
    },
    /// Records were queued but the broker did not take them.
    #[error("records that failed: {failed} (acknowledged: {acknowledged}); the first, for {partition}: {reason}")]
    Failed {
        /// How many failed.
        failed: u64,
        /// How many did not.
        acknowledged: u64,
        /// Where the first was to go; partition -1 if none was chosen yet.
        partition: TopicPartition,
        /// Why the first failed.
        reason: String,
    },
    /// Records were still on their way at the deadline.
    #[error("records not acknowledged after {:.1} s: {count}; {reason}", waited.as_secs_f64())]
    Unacknowledged {
        /// How many.
        count: u64,
        /// How long was waited.
        waited: Duration,
        /// The last trouble the client told of.
        reason: String,
    },
    /// A partition's watermarks are not known.
    #[error("the watermarks of {partition} could not be read: {reason}")]
    Watermarks {
        /// The partition.
        partition: TopicPartition,
        /// What librdkafka said.
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
