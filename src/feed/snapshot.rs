//! The state of a session at one moment, with everything that a view may want to show.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Bound, ClusterView, NextRun, PlanningView, RunState, RunView, TopicView};
use crate::domain::Ordering;

/// The state of a session at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken; `None` only in the one that stands before the first.
    pub at: Option<DateTime<Utc>>,
    /// Which cluster the session talks to.
    pub cluster: ClusterView,
    /// The run under way, or the last one; `None` until the first is planned.
    pub run: Option<RunView>,
    /// The runs of this session that have ended, oldest first.
    pub finished: Vec<RunSummary>,
    /// Why no run can be started, in one sentence, where that is so.
    pub problem: Option<String>,
    /// The cluster's topics by name, without Kafka's own; `None` until they have been asked for and the cluster answered.
    #[serde(default)]
    pub catalog: Option<Arc<[TopicView]>>,
    /// Whether the cluster is being asked for its topics, or for their sizes.
    #[serde(default)]
    pub listing: bool,
    /// How the next run will go.
    #[serde(default)]
    pub next: NextRun,
    /// What is known of it beforehand, where somebody asked.
    #[serde(default)]
    pub planning: PlanningView,
}

/// A run that has ended, for the comparison of a session's runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The run's id.
    pub id: String,
    /// How it ended.
    pub state: RunState,
    /// What kept its order.
    pub ordering: Ordering,
    /// The workers at its start.
    pub concurrency: u32,
    /// Whether the number of workers was changed on the way.
    pub concurrency_changed: bool,
    /// Records handled.
    pub handled: u64,
    /// Seconds from start to end.
    pub elapsed_s: f64,
    /// Seconds from the first record handed to a worker to the last one handled.
    pub handling_s: f64,
    /// Records handled in a second of handling.
    pub records_per_s: f64,
    /// Predicted time ÷ handling time.
    pub efficiency: Option<f64>,
    /// What set the predicted time.
    pub limit: Option<Bound>,
    /// Its digest, in hex.
    pub digest: String,
}
