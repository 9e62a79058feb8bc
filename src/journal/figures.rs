//! What a journal holds.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{domain::Offset, feed::RunState};

/// What does not change while a run lives, but for the number of the attempt.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The run's id.
    pub run_id: String,
    /// Which process works on it: 1 for the first, one more for each that went on.
    pub attempt: u32,
    /// When the run was started first.
    pub created: DateTime<Utc>,
    /// The cluster's id, where it told one.
    pub cluster_id: Option<String>,
    /// How the cluster is reached, as a configuration file says it; without secrets.
    pub connection: String,
    /// How the run goes, as a configuration file says it.
    pub settings: String,
    /// Settings that it was started with and that are not among those, because they hold secrets.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// The group that keeps the positions; then the journal keeps none.
    pub group: Option<String>,
    /// The handler's target keeps the positions; then the journal keeps none either.
    #[serde(default)]
    pub kept_by_target: bool,
    /// Whether the run follows the log instead of coming to an end.
    pub follow: bool,
    /// The plan's topics.
    pub topics: Vec<TopicPlan>,
    /// The plan's partitions, in its order, and behind them those that joined later.
    pub partitions: Vec<PartitionPlan>,
    /// How many of them there were when the plan was made, which sets the number of key groups.
    pub planned: usize,
}

impl Head {
    /// Whether the journal keeps the positions; otherwise a group does, or the handler's target.
    #[must_use]
    pub fn keeps_positions(&self) -> bool {
        self.group.is_none() && !self.kept_by_target
    }
}

/// A topic of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPlan {
    /// Its name.
    pub name: String,
    /// What tells it apart from another topic of that name, where the cluster said it.
    pub id: Option<String>,
    /// How many partitions it had.
    pub partitions: i32,
}

/// A partition of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionPlan {
    /// Its topic.
    pub topic: String,
    /// Its number.
    pub partition: i32,
    /// The first offset.
    pub first: Offset,
    /// The first offset that is not read any more.
    pub end: Offset,
}

/// Where a run stands as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// When this was written.
    pub updated: DateTime<Utc>,
    /// Its state then; one that is over says how the attempt ended.
    pub state: RunState,
    /// What ended it, where it failed.
    pub error: Option<String>,
    /// Seconds of all attempts.
    pub elapsed_s: f64,
    /// Seconds from an attempt's first record handed to a worker to its last one handled, of all attempts.
    pub handling_s: f64,
    /// Seconds that workers spent in their handlers.
    pub busy_s: f64,
    /// Seconds of all workers together.
    pub worker_s: f64,
    /// How often a record was tried again.
    pub retried: u64,
    /// Records passed over.
    pub skipped: u64,
    /// Records that a dead-letter topic has.
    #[serde(default)]
    pub dead_lettered: u64,
    /// Records that a rule could not judge and that did not fail for it.
    #[serde(default)]
    pub unjudged: u64,
    /// Those of them that were left out.
    #[serde(default)]
    pub unjudged_dropped: u64,
    /// Records handled.
    pub handled: u64,
    /// Their bytes.
    #[serde(default)]
    pub bytes: u64,
    /// Records that the filter left out.
    #[serde(default)]
    pub filtered: u64,
    /// Records that were read and had been handled before.
    #[serde(default)]
    pub already_handled: u64,
    /// Records that were handled again, or may have been.
    #[serde(default)]
    pub repeated: u64,
    /// Offsets that retention took before they were read.
    #[serde(default)]
    pub lost: u64,
    /// Offsets that are left, for lists.
    pub lag: Option<u64>,
    /// How many of them are dealt with already.
    #[serde(default)]
    pub ahead: u64,
    /// The keys that were given up: what comes of them goes to the dead letters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub condemned: Vec<CondemnedKey>,
}

/// A key that was given up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CondemnedKey {
    /// The hash that stands for the key.
    pub hash: u64,
    /// The place of the partition in the plan whose record failed.
    pub partition: u32,
    /// That record's offset.
    pub offset: i64,
    /// How often it was tried.
    pub attempts: u32,
    /// What the handler said, its beginning.
    pub error: String,
}

impl Figures {
    /// Sets the counts of records to zero that a journal keeps for each partition as well.
    pub fn forget_counts(&mut self) {
        (self.handled, self.bytes, self.filtered) = (0, 0, 0);
        (self.already_handled, self.repeated, self.lost) = (0, 0, 0);
    }

    /// Records are counted as skipped or dead a moment before their partition's state says so, and these figures are written
    /// after the partitions: only what the partitions have passed over is sure, and the rest comes again.
    #[must_use]
    pub fn bounded_by(self, passed_over: u64) -> Self {
        let skipped = self.skipped.min(passed_over);
        Self { skipped, dead_lettered: self.dead_lettered.min(passed_over - skipped), ..self }
    }
}

/// A partition's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records handled.
    pub handled: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records that were handled more than once, or may have been.
    pub duplicates: u64,
    /// Records that the filter left out.
    pub filtered: u64,
    /// Records dealt with in another way than by handling.
    pub passed_over: u64,
    /// Offsets that retention took before they were read.
    pub lost: u64,
}

/// Where a partition stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionState {
    /// Every record below it is dealt with.
    pub position: i64,
    /// The runs of offsets above it that are dealt with: from the first to before the second, rising.
    pub above: Vec<(i64, i64)>,
    /// The counters.
    pub counters: Counters,
    /// The digest of its key groups.
    pub digest: u64,
}

/// A key group of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupEntry {
    /// The group's number.
    pub group: u32,
    /// The hash of what was handled, in its order.
    pub chain: u64,
    /// How many records were handled.
    pub count: u64,
}

/// The key groups of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupsChange {
    /// Those that changed since the last one.
    Some(Vec<GroupEntry>),
    /// All of them: what was written before can be forgotten.
    All(Vec<GroupEntry>),
}

/// What a checkpoint says of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionChange {
    /// Its place in the plan.
    pub index: u32,
    /// Where it stands.
    pub state: PartitionState,
    /// Its key groups.
    pub groups: GroupsChange,
}
