//! Errors of migrations.

use kreplay_engine::plan::PlanError;
use kreplay_kafka::{CatalogError, ClientError, producer::ProducerError};
use kreplay_model::domain::{Classified, ErrorClass, TopicPartition};

use super::key_digests::TooManyKeys;
use crate::StrategyError;

/// Why a migration cannot be planned, or cannot continue.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The user stopped it.
    #[error("stopped before completion; run the same command again to continue")]
    Stopped,
    /// The request is invalid.
    #[error("{0}")]
    Usage(String),
    /// Something prevents the migration; one sentence with the next step.
    #[error("{0}")]
    Refused(String),
    /// A channel has no topic.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    /// A request to the cluster failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The selection cannot be resolved.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A client could not be created, or a request was denied.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The producer could not be created.
    #[error(transparent)]
    Producer(#[from] ProducerError),
    /// There are too many keys.
    #[error(transparent)]
    Keys(#[from] TooManyKeys),
    /// No records arrived.
    #[error("no records arrived from {partition} within {seconds} s, although its log is not empty; check the broker")]
    Silent {
        /// A partition that was being read.
        partition: TopicPartition,
        /// The timeout.
        seconds: u64,
    },
    /// A partition cannot be read.
    #[error("{partition} cannot be read: {reason}")]
    Unreadable {
        /// The partition.
        partition: String,
        /// The broker's message.
        reason: String,
    },
    /// A topic was recreated.
    #[error(
        "topic {topic} was deleted and created again during the migration, so the copies no longer match its \
         records; check the new topics, delete them, and migrate again"
    )]
    Recreated {
        /// The name of the topic.
        topic: String,
    },
    /// A record could not be copied.
    #[error("{partition} at offset {offset} cannot be copied to {topic}: {reason}")]
    NotCopied {
        /// The old partition.
        partition: TopicPartition,
        /// The offset of the record.
        offset: i64,
        /// The new topic.
        topic: String,
        /// The message of the broker or of librdkafka.
        reason: String,
    },
    /// A transaction failed; none of it is visible.
    #[error("copying failed: {0}; run the same command again to continue")]
    Transaction(String),
}

impl Classified for MigrateError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Usage(_) | Self::Strategy(_) => ErrorClass::Usage,
            Self::Stopped => ErrorClass::Stopped,
            Self::Catalog(error) => error.class(),
            Self::Plan(error) => error.class(),
            Self::Refused(_)
            | Self::Client(_)
            | Self::Producer(_)
            | Self::Keys(_)
            | Self::Silent { .. }
            | Self::Unreadable { .. }
            | Self::Recreated { .. }
            | Self::NotCopied { .. }
            | Self::Transaction(_) => ErrorClass::Failed,
        }
    }
}
