//! Why a migration cannot be planned, or cannot go on.

use crate::{
    domain::TopicPartition,
    kafka::{CatalogError, ClientError, producer::ProducerError},
    plan::PlanError,
    topics::StrategyError,
};

use super::ledger::TooManyKeys;

/// Why a migration cannot be planned, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// It was told to stop.
    #[error("stopped before the end; the same command goes on from here")]
    Stopped,
    /// What was asked for cannot be done.
    #[error("{0}")]
    Usage(String),
    /// Something is in the way; one sentence with the next step.
    #[error("{0}")]
    Refused(String),
    /// A channel belongs nowhere.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    /// The cluster said no, or nothing.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The selection cannot be resolved.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// No connection, or no permission.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The producer's configuration.
    #[error(transparent)]
    Producer(#[from] ProducerError),
    /// More keys than are followed.
    #[error(transparent)]
    Keys(#[from] TooManyKeys),
    /// Nothing came.
    #[error("no records of {partition} came within {seconds} s, although there should be some; check the broker")]
    Silent {
        /// A partition that was waited for.
        partition: TopicPartition,
        /// How long was waited.
        seconds: u64,
    },
    /// A partition cannot be read.
    #[error("{partition} cannot be read: {reason}")]
    Unreadable {
        /// Which one.
        partition: String,
        /// The broker's words.
        reason: String,
    },
    /// A topic is another one of the same name.
    #[error(
        "topic {topic} was deleted and created again meanwhile: what is there now is of another log; look at what stands in the \
         new topics, delete them, and migrate again"
    )]
    Recreated {
        /// Its name.
        topic: String,
    },
    /// A record did not arrive.
    #[error("{partition} at offset {offset} cannot be copied to {topic}: {reason}")]
    NotCopied {
        /// Where it stands.
        partition: TopicPartition,
        /// Where in it.
        offset: i64,
        /// Where it was to go.
        topic: String,
        /// The broker's or the library's words.
        reason: String,
    },
    /// A transaction failed; nothing of it can be seen.
    #[error("copying failed: {0}; the same command goes on from where it was")]
    Transaction(String),
}

impl MigrateError {
    /// Whether what was asked for is wrong, rather than what happened.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Usage(_) | Self::Strategy(_) | Self::Catalog(CatalogError::UnknownTopic(_)) => true,
            Self::Plan(error) => error.is_usage(),
            _ => false,
        }
    }
}
