//! The records of topics by time: what a view asks for, and the answers. Nothing is read for it.

use std::sync::Arc;

use crate::task::{TaskCommand, TaskControl, TaskJob, TaskProgress, TaskServer};

/// How many records topics have in each bucket of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TimeCounts {
    /// The borders of the buckets in milliseconds since 1970, in ascending order: one more than there are buckets, or
    /// none. A bucket has the time from its border up to the next one.
    pub borders_ms: Vec<i64>,
    /// The offsets of each bucket, an upper bound of its records: compaction and transaction markers leave offsets
    /// without records.
    pub counts: Vec<u64>,
}

impl TimeCounts {
    /// The records of all buckets.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// What a view asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeCountTask {
    /// A number that the view chooses, so that answers to an earlier task are recognised.
    pub number: u64,
    /// The names of the topics.
    pub topics: Arc<[String]>,
}

/// How far counting is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TimeCountStep {
    /// This number of times was looked up so far.
    LookingUp(u32),
    /// The counts. There are no buckets if the topics have no records.
    Done(Arc<TimeCounts>),
    /// Why there are no counts, in one sentence.
    Failed(String),
}

/// A view's command.
pub type TimeCountCommand = TaskCommand<TimeCountTask>;
/// How far the task with a number is.
pub type TimeCountProgress = TaskProgress<TimeCountStep>;
/// Sends commands, and receives the answers.
pub type TimeCountControl = TaskControl<TimeCountTask, TimeCountStep>;
/// The other end of a [`TimeCountControl`].
pub type TimeCountServer = TaskServer<TimeCountTask, TimeCountStep>;
/// A task, and whether counting is to end.
pub type TimeCountJob = TaskJob<TimeCountTask>;
