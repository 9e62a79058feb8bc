//! Why a run cannot be started, or a change not be made.

use crate::handler::HandlerError;

/// A run that cannot be started, or a change that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// More workers than partition order can use.
    #[error(
        "concurrency {wanted} is more than the {partitions} partitions that partition order can keep busy; \
         choose at most {partitions}, or --ordering key"
    )]
    TooManyWorkers {
        /// What was asked for.
        wanted: u32,
        /// How many there can be.
        partitions: u32,
    },
    /// Another number of workers than one.
    #[error("this run is single-threaded: it has one worker; start it without --single-threaded for more")]
    SingleThreaded,
    /// Barriers, where others may have a part of the records.
    #[error(
        "a barrier comes after everything before it, which one process cannot know of what others in its group have in hand; \
         run it without a group, or without barriers"
    )]
    GroupBarriers,
    /// An order by time that cannot be kept, or has no effect.
    #[error("--time-order {0}")]
    TimeOrder(&'static str),
    /// The handler cannot be made.
    #[error(transparent)]
    Handler(#[from] HandlerError),
    /// The settings contradict each other.
    #[error("{0}")]
    Contradiction(String),
    /// There is no way to the dead letters.
    #[error("{0}")]
    DeadLetters(String),
    /// The operating system gives no thread.
    #[error("the system gives no further thread ({0}); choose a lower concurrency")]
    Thread(#[from] std::io::Error),
}
