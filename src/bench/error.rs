//! Errors of benchmarks.

use kreplay_handlers::HandlerError;
use kreplay_kafka::{ClientError, embedded::EmbeddedError, producer::ProducerError};
use kreplay_model::domain::{Classified, ErrorClass};

/// Why a benchmark failed.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The embedded broker failed.
    #[error(transparent)]
    Embedded(#[from] EmbeddedError),
    /// Records could not be produced.
    #[error(transparent)]
    Producer(#[from] ProducerError),
    /// A client could not be created, or a topic could not be created or deleted.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The database cannot be used.
    #[error(transparent)]
    Handler(#[from] HandlerError),
    /// The topic does not hold what was produced.
    #[error("{topic} holds {held} of {produced} records; check the broker's default retention")]
    Held {
        /// The topic.
        topic: String,
        /// The number of records in the topic.
        held: u64,
        /// The number of records produced.
        produced: u64,
    },
    /// The process of a measurement could not be started, or its pipes failed.
    #[error("the process of a measurement cannot be started: {0}")]
    Process(#[from] std::io::Error),
    /// A measurement failed.
    #[error("{case}: {reason}")]
    Case {
        /// The case.
        case: String,
        /// One sentence.
        reason: String,
    },
    /// Measurements of the same topic have different digests.
    #[error(
        "{case} did not handle the same records as earlier measurements (digest {digest} instead of {expected}); \
         another client may have written to the topic"
    )]
    Digest {
        /// The case.
        case: String,
        /// Its digest.
        digest: String,
        /// The digest of the other measurements.
        expected: String,
    },
    /// The user stopped it.
    #[error("stopped early")]
    Stopped,
}

impl Classified for BenchError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Handler(error) => error.class(),
            Self::Stopped => ErrorClass::Stopped,
            Self::Embedded(_)
            | Self::Producer(_)
            | Self::Client(_)
            | Self::Held { .. }
            | Self::Process(_)
            | Self::Case { .. }
            | Self::Digest { .. } => ErrorClass::Failed,
        }
    }
}
