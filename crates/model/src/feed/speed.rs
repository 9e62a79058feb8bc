//! The speed of a run, and what limits it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::number::record_time;

/// The speed of a run: over about the last second or, once it has ended, from its first record handled to its last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// Records handled per second.
    pub records_per_s: f64,
    /// Bytes handled per second.
    pub bytes_per_s: f64,
}

/// The handling time of one record, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyMs {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The maximum.
    pub max: f64,
}

/// What limits the speed of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bottleneck {
    /// The number of workers: more would help.
    Workers,
    /// The heaviest partition, or the assignment of partitions to workers.
    Partition,
    /// The heaviest key.
    Key,
    /// The handler itself.
    Handler,
    /// Reading from the brokers.
    Fetch,
    /// Committing positions.
    Commit,
    /// The throttle, or the lag guard.
    Rate,
}

impl fmt::Display for Bottleneck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Workers => "workers",
            Self::Partition => "partition",
            Self::Key => "key",
            Self::Handler => "handler",
            Self::Fetch => "fetch",
            Self::Commit => "commit",
            Self::Rate => "rate",
        })
    }
}

impl Bottleneck {
    /// The bottleneck with what it means.
    #[must_use]
    pub fn explained(self) -> &'static str {
        match self {
            Self::Workers => "workers: more of them would help",
            Self::Partition => "partition: the heaviest one, or how partitions are assigned to workers",
            Self::Key => "key: the heaviest one; more workers would not help",
            Self::Handler => "handler: the work itself",
            Self::Fetch => "fetch: reading from the brokers",
            Self::Commit => "commit: committing positions",
            Self::Rate => "rate: the configured rate, or the protected group",
        }
    }
}

/// The handling time of a record, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordTime {
    /// What the handler sets, if it does: the ideal is computed with it. Otherwise it is computed with the mean.
    pub expected_s: Option<f64>,
    /// The mean of the handled records.
    pub mean_s: f64,
}

impl RecordTime {
    /// What an ideal is computed with, in words.
    #[must_use]
    pub fn in_words(&self) -> String {
        let mean = record_time(self.mean_s);
        match self.expected_s {
            Some(expected) => {
                format!("assuming {} per record, as set by the handler; actual {mean}", record_time(expected))
            }
            None => format!("assuming {mean} per record, the measured mean"),
        }
    }
}

/// How long a run should take, computed from its records, their handling time, its lanes, and its workers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Handling time in seconds.
    pub elapsed_s: f64,
    /// The bottleneck that determines it.
    pub limit: Bottleneck,
}

/// What currently limits the speed of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrentLimit {
    /// The kind of bottleneck.
    #[serde(rename = "bound")]
    pub bottleneck: Bottleneck,
    /// The key or the partition concerned, if any. External data: views must escape it.
    #[serde(default)]
    pub name: Option<String>,
}

impl fmt::Display for CurrentLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{} {name}", self.bottleneck),
            None => write!(f, "{}", self.bottleneck),
        }
    }
}
