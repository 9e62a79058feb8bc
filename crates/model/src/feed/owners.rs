//! Partitions and workers in a snapshot: their state and who owns what.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Charges;
use super::HandlingTimes;
use crate::domain::{Lag, Offset, TopicPartition};

/// The state of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionState {
    /// It has no owner yet, or its owner has not started.
    #[default]
    Waiting,
    /// It is being read and handled.
    Active,
    /// Every record up to the log's current end is handled; more may arrive.
    CaughtUp,
    /// Every record up to its end is handled.
    Done,
    /// It cannot be read; the event log has the reason.
    Failed,
    /// Another process of the group owns it.
    Elsewhere,
}

impl fmt::Display for PartitionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::CaughtUp => "caught up",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Elsewhere => "elsewhere",
        })
    }
}

/// The owner of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// No owner.
    #[default]
    #[serde(rename = "nobody")]
    None,
    /// All workers, which share its lanes.
    Shared,
    /// One worker, by number.
    Worker(u32),
    /// One group member, by name.
    Member(String),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.pad("-"),
            Self::Shared => f.pad("all"),
            Self::Worker(number) => f.pad(&format!("worker-{number}")),
            Self::Member(name) => f.pad(name),
        }
    }
}

/// A partition in a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartitionView {
    /// The partition.
    #[serde(flatten)]
    pub id: TopicPartition,
    /// Its state.
    pub state: PartitionState,
    /// The plan's first offset.
    pub first: Offset,
    /// The plan's end offset, exclusive.
    pub end: Offset,
    /// Every record below this offset is settled.
    pub position: Offset,
    /// The offsets left above the position.
    pub lag: Lag,
    /// The offsets above the position that are already settled, ahead of a record below them.
    #[serde(default)]
    pub ahead: u64,
    /// Records handled.
    pub handled: u64,
    /// Its owner.
    pub owner: Owner,
    /// Records handled per second, over about the last second.
    pub records_per_s: f64,
    /// The 95th percentile of the handling time in milliseconds; `None` before the first record.
    pub p95_ms: Option<f64>,
    /// The handling times of the records that this process has handled, as counts.
    #[serde(default)]
    pub handling_times: HandlingTimes,
}

impl PartitionView {
    /// The settled share of its plan, 0 to 1. It is 1 only when the position has reached the end.
    #[must_use]
    pub fn progress(&self) -> f64 {
        super::progress_of(self.lag, self.ahead, self.end.since(self.first))
    }
}

/// The state of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// Waiting for records.
    #[default]
    Idle,
    /// Handling a batch.
    Busy,
    /// Finishing its last batch before it exits.
    Leaving,
}

/// A worker in a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerView {
    /// Its number, starting at 0.
    pub id: u32,
    /// Its state.
    pub state: WorkerState,
    /// Records handled.
    pub handled: u64,
    /// Records handled per second, over about the last second.
    pub records_per_s: f64,
    /// The share of its time spent in the handler, over about the last second, 0 to 1.
    pub busy: f64,
    /// The time spent in the handler since the start, in nanoseconds.
    #[serde(default)]
    pub busy_ns: u64,
    /// Its time by state since it started.
    #[serde(default)]
    pub charges: Charges,
    /// The partitions that it owns; empty if lanes are shared.
    pub partitions: Vec<TopicPartition>,
    /// Where it runs; `None` unless several processes are shown together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<WorkerOrigin>,
}

/// The process of a worker that is shown together with those of other processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerOrigin {
    /// The name of the process. External data: views must escape it.
    pub process: String,
    /// The number of the worker in its process, starting at 0.
    pub number: u32,
}

impl WorkerView {
    /// Its number or, if several processes are shown together, the name of its process and its number there.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.origin {
            Some(WorkerOrigin { process, number }) => format!("{process}/{number}"),
            None => self.id.to_string(),
        }
    }
}
