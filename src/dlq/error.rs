//! Errors of the dead-letter commands.

use kreplay_kafka::{CatalogError, ClientError, producer::ProducerError};
use kreplay_model::domain::{Classified, ErrorClass, TopicPartition};

/// Why dead letters could not be read or sent back.
#[derive(Debug, thiserror::Error)]
pub enum DlqError {
    /// A request to the cluster failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A client could not be created, or a partition could not be read.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The producer could not be created.
    #[error(transparent)]
    Producer(#[from] ProducerError),
    /// There is no dead-letter topic.
    #[error("there is no dead-letter topic named {0}; specify others with --topics or --topics-regex")]
    NoTopics(String),
    /// No records arrived.
    #[error("no records of {id} up to offset {end} arrived within {seconds} s; check the broker")]
    Silent {
        /// The partition.
        id: TopicPartition,
        /// The offset to read to (exclusive).
        end: i64,
        /// The timeout.
        seconds: u64,
    },
    /// A partition cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// A letter could not be sent back.
    #[error(
        "{id} at offset {offset} could not be sent to {target}: {reason}; the letters sent so far are recorded. Run \
         the same command again to continue"
    )]
    NotSent {
        /// The partition of the dead letter.
        id: TopicPartition,
        /// Its offset there.
        offset: i64,
        /// The source topic.
        target: String,
        /// The reason.
        reason: String,
    },
    /// The source topic cannot take letters back.
    #[error("dead letters of topic {topic} cannot be sent back: {reason}")]
    Target {
        /// The topic.
        topic: String,
        /// The reason.
        reason: String,
    },
    /// Too many gaps between the letters that were sent.
    #[error(
        "{0}: group {1} cannot record all letters that were sent, because they have too many gaps between them (the \
         limit is the brokers' offset.metadata.max.bytes). If you run the command again, it sends some of \
         them again; use fewer filters"
    )]
    NotesTooLong(TopicPartition, String),
    /// A result could not be written as JSON.
    #[error("the result cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

impl Classified for DlqError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Catalog(error) => error.class(),
            Self::NoTopics(_) => ErrorClass::Usage,
            Self::Client(_)
            | Self::Producer(_)
            | Self::Silent { .. }
            | Self::Unreadable(_)
            | Self::NotSent { .. }
            | Self::Target { .. }
            | Self::NotesTooLong(..)
            | Self::Json(_) => ErrorClass::Failed,
        }
    }
}
