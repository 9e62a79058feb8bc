//! Partitions and workers at one moment: where they stand, and who has what.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::{Lag, Offset, TopicPartition};

/// Where a partition stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionState {
    /// Nobody owns it yet, or its owner has not begun.
    #[default]
    Waiting,
    /// It is being read and handled.
    Active,
    /// Every record up to the log's present end is handled; more may come.
    CaughtUp,
    /// Every record up to its end is handled.
    Done,
    /// It cannot be read; the event log says why.
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

/// Who handles a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// Nobody at present.
    #[default]
    Nobody,
    /// All workers together, lane by lane.
    Shared,
    /// One worker, by number.
    Worker(u32),
    /// One member of the group, by name.
    Member(String),
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.pad("-"),
            Self::Shared => f.pad("all"),
            Self::Worker(number) => f.pad(&format!("worker-{number}")),
            Self::Member(name) => f.pad(name),
        }
    }
}

/// A partition at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartitionView {
    /// Which one.
    #[serde(flatten)]
    pub id: TopicPartition,
    /// Where it stands.
    pub state: PartitionState,
    /// The plan's first offset.
    pub first: Offset,
    /// The plan's end: the first offset that is not read.
    pub end: Offset,
    /// Every record below is handled.
    pub position: Offset,
    /// What is left above the position.
    pub lag: Lag,
    /// How many offsets of that are dealt with already: their turn came before that of a record below them.
    #[serde(default)]
    pub ahead: u64,
    /// Records handled.
    pub handled: u64,
    /// Who handles it.
    pub owner: Owner,
    /// Records handled in a second, over the last second or so.
    pub records_per_s: f64,
    /// 95 % of its records took at most so many milliseconds; `None` before the first.
    pub p95_ms: Option<f64>,
}

impl PartitionView {
    /// The part of its plan that is dealt with, 0 to 1. Complete is only what its position says is complete.
    #[must_use]
    pub fn progress(&self) -> f64 {
        super::progress_of(self.lag, self.ahead, self.end.since(self.first))
    }
}

/// What a worker does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// It waits for records.
    #[default]
    Idle,
    /// It handles a batch.
    Busy,
    /// It finishes its batch and then goes.
    Leaving,
}

/// A worker at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkerView {
    /// Its number, from 0.
    pub id: u32,
    /// What it does.
    pub state: WorkerState,
    /// Records it has handled.
    pub handled: u64,
    /// Records it handles in a second, over the last second or so.
    pub records_per_s: f64,
    /// The part of its time spent in the handler, over the last second or so, 0 to 1.
    pub busy: f64,
    /// The partitions that are its own; empty where lanes are shared.
    pub partitions: Vec<TopicPartition>,
}
