//! Why records could not be scanned.

use kreplay_kafka::ClientError;
use kreplay_model::domain::TopicPartition;

/// Why the records of a plan could not be scanned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Planning was cancelled.
    #[error("stopped before the plan was made; nothing was changed")]
    Cancelled,
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
    /// A record could not be decoded because the schema registry does not answer.
    #[error("{0}")]
    Undecodable(String),
    /// No client could be created, or it cannot connect.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The histogram of record sizes could not be created.
    #[error("record sizes cannot be counted: {0}")]
    Sizes(String),
}
