//! Errors of starting or changing a run.

use kreplay_model::domain::number::{by_count, counted};

use crate::handler::HandlerError;

/// Why a run cannot be started or changed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// More workers than partition order can use.
    #[error(
        "concurrency {wanted} is too high: --ordering partition uses at most one worker per partition, and there {} \
         {}; choose at most {partitions}, or use --ordering key",
        by_count(*partitions, "is", "are"),
        counted(*partitions, "partition")
    )]
    TooManyWorkers {
        /// The requested number.
        wanted: u32,
        /// The number of partitions.
        partitions: u32,
    },
    /// A single-threaded run cannot have more workers.
    #[error("this run is single-threaded: it has one worker; start it without --single-threaded for more")]
    SingleThreaded,
    /// Barriers cannot be used in a group.
    #[error(
        "barriers require one process to read all records, so they cannot be used with a consumer group; \
         drop --group or the barriers"
    )]
    GroupBarriers,
    /// Time order is impossible or has no effect.
    #[error("--time-order {0}")]
    TimeOrder(&'static str),
    /// The handler cannot be created.
    #[error(transparent)]
    Handler(#[from] HandlerError),
    /// The settings contradict each other.
    #[error("{0}")]
    Contradiction(String),
    /// The dead-letter topics cannot be used.
    #[error("{0}")]
    DeadLetters(String),
    /// The operating system cannot start a thread.
    #[error("the operating system cannot start another thread ({0}); choose a lower concurrency")]
    Thread(#[from] std::io::Error),
}
