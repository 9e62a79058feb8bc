//! What can go wrong with dead letters.

use crate::{
    domain::TopicPartition,
    kafka::{CatalogError, ClientError, producer::ProducerError},
};

/// Dead letters could not be read or driven back.
#[derive(Debug, thiserror::Error)]
pub enum DlqError {
    /// The cluster could not be asked.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The cluster could not be read.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The producer could not be made.
    #[error(transparent)]
    Producer(#[from] ProducerError),
    /// There is nothing to read.
    #[error("no dead-letter topic is there by the name {0}; name others with --topics or --topics-regex")]
    NoTopics(String),
    /// Nobody answers.
    #[error("{id} gives no records up to offset {end} within {seconds} s; is the broker up?")]
    Silent {
        /// The partition.
        id: TopicPartition,
        /// The end that was to be reached.
        end: i64,
        /// How long was waited.
        seconds: u64,
    },
    /// A partition cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// A letter could not be driven back.
    #[error(
        "{id} at offset {offset} could not be sent to {target}: {reason}; what was sent before is remembered, run the command \
         again to go on"
    )]
    NotSent {
        /// The dead letter's partition.
        id: TopicPartition,
        /// Its offset there.
        offset: i64,
        /// Where it was to go.
        target: String,
        /// Why not.
        reason: String,
    },
    /// The topic that letters came from cannot take them back.
    #[error("dead letters of topic {topic} cannot be driven back: {reason}")]
    Target {
        /// The topic.
        topic: String,
        /// Why not.
        reason: String,
    },
    /// Too many gaps.
    #[error(
        "{0}: group {1} cannot remember all the separate letters that were driven back (the brokers' offset.metadata.max.bytes \
         bounds that), so another command would send some of them again; choose letters with fewer filters"
    )]
    Memory(TopicPartition, String),
    /// A result could not be written as JSON.
    #[error("the result cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}
