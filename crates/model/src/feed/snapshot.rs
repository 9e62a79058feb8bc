//! The state of a session at one moment, with all data that views show.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Bottleneck, ClusterView, NextRun, PlanningView, RunState, RunView, TopicView};
use crate::domain::Ordering;

/// The state of a session at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken; `None` only in the placeholder before the first snapshot.
    pub at: Option<DateTime<Utc>>,
    /// The cluster of the session.
    pub cluster: ClusterView,
    /// The current run, or the last one; `None` until the first is planned.
    pub run: Option<RunView>,
    /// The finished runs of this session, oldest first.
    pub finished: Vec<RunSummary>,
    /// Why no run can be started, in one sentence; `None` if one can.
    pub problem: Option<String>,
    /// The cluster's topics by name, without Kafka's internal ones; `None` until requested and received.
    #[serde(default)]
    pub catalog: Option<Arc<[TopicView]>>,
    /// Whether a request for topics or their sizes is pending.
    #[serde(default)]
    pub listing: bool,
    /// The settings of the next run.
    #[serde(default)]
    pub next: NextRun,
    /// Forecasts requested by the user.
    #[serde(default)]
    pub planning: PlanningView,
}

/// A finished run, for the comparison of a session's runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The run's id.
    pub id: String,
    /// Its final state.
    pub state: RunState,
    /// The ordering.
    pub ordering: Ordering,
    /// The initial number of workers.
    pub concurrency: u32,
    /// Whether the number of workers changed during the run.
    pub concurrency_changed: bool,
    /// Records handled.
    pub handled: u64,
    /// Seconds from start to end.
    pub elapsed_s: f64,
    /// Seconds from the first record handed to a worker to the last one handled.
    pub handling_s: f64,
    /// Records handled per second of handling time.
    pub records_per_s: f64,
    /// Ideal time ÷ handling time.
    pub efficiency: Option<f64>,
    /// The bottleneck that determines the ideal time.
    pub limit: Option<Bottleneck>,
    /// Its digest, in hex.
    pub digest: String,
}
