//! Why there are no figures.

use crate::{
    handler::HandlerError,
    kafka::{ClientError, embedded::EmbeddedError, producer::ProducerError},
};

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The embedded broker failed.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// Records could not be produced.
    #[error(transparent)]
    Producer(#[from] ProducerError),
    /// A client could not be made, or a topic not created or deleted.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The database cannot be used.
    #[error(transparent)]
    Handler(#[from] HandlerError),
    /// What was produced is not what the topic holds.
    #[error("{topic} holds {held} of {produced} records; is its retention very short?")]
    Held {
        /// The topic.
        topic: String,
        /// What it holds.
        held: u64,
        /// What was produced.
        produced: u64,
    },
    /// A measurement's process could not be started or spoken to.
    #[error("a measurement cannot be started in a process of its own: {0}")]
    Process(#[from] std::io::Error),
    /// A measurement failed.
    #[error("{case}: {reason}")]
    Case {
        /// What was measured.
        case: String,
        /// In one sentence.
        reason: String,
    },
    /// Measurements of the same records disagree about them.
    #[error(
        "{case} handled other records than the measurements before it (digest {digest} instead of {expected}); was the topic written to?"
    )]
    Digest {
        /// What was measured.
        case: String,
        /// What it found.
        digest: String,
        /// What the others found.
        expected: String,
    },
    /// The user stopped it.
    #[error("stopped before the end")]
    Stopped,
}

impl BenchError {
    /// Whether what was asked for is wrong, rather than what happened.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Handler(error) if error.is_usage())
    }
}
