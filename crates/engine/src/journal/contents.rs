//! The contents of a journal.

use chrono::{DateTime, Utc};
use kreplay_model::{domain::Offset, feed::RunState};
use serde::{Deserialize, Serialize};

/// The part of a journal that does not change during a run, except for the attempt number and joined partitions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The run's id.
    pub run_id: String,
    /// The number of the attempt: 1 for the first process, one more for each resume.
    pub attempt: u32,
    /// When the run was first started.
    pub created: DateTime<Utc>,
    /// The cluster's id, if it has one.
    pub cluster_id: Option<String>,
    /// The connection to the cluster in the format of a configuration file, without secrets.
    pub connection: String,
    /// The settings in the format of a configuration file.
    pub settings: String,
    /// Settings of the run that are omitted from `settings`, because they hold secrets.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// The group that stores the positions; then the journal stores none.
    pub group: Option<String>,
    /// The handler's target stores the positions; then the journal stores none either.
    #[serde(default)]
    pub kept_by_target: bool,
    /// Whether the run follows the log.
    pub follow: bool,
    /// The plan's topics.
    pub topics: Vec<TopicPlan>,
    /// The plan's partitions in order, followed by those that joined later.
    pub partitions: Vec<PartitionPlan>,
    /// The number of partitions in the original plan. It determines the number of key groups.
    pub planned: usize,
}

impl Head {
    /// Whether the journal stores the positions; otherwise a group or the handler's target does.
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
    /// Its id, if the cluster returned one. It distinguishes the topic from a later one of the same name.
    pub id: Option<String>,
    /// The number of its partitions.
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
    /// The end offset (exclusive).
    pub end: Offset,
}

/// The totals of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JournalTotals {
    /// When this was written.
    pub updated: DateTime<Utc>,
    /// The run's state at that time. A final state tells how the attempt ended.
    pub state: RunState,
    /// The error, if it failed.
    pub error: Option<String>,
    /// Seconds, over all attempts.
    pub elapsed_s: f64,
    /// Seconds from an attempt's first record handed to a worker to its last record handled, over all attempts.
    pub handling_s: f64,
    /// Seconds that workers spent in their handlers.
    pub busy_s: f64,
    /// Seconds of all workers together, busy or not.
    pub worker_s: f64,
    /// The number of retries.
    pub retried: u64,
    /// Records skipped.
    pub skipped: u64,
    /// Records dead-lettered.
    #[serde(default)]
    pub dead_lettered: u64,
    /// Records that a rule could not judge and that did not fail because of it.
    #[serde(default)]
    pub unjudged: u64,
    /// Unjudged records that were filtered out.
    #[serde(default)]
    pub unjudged_dropped: u64,
    /// Records for which the key template gave no key.
    #[serde(default)]
    pub unkeyed: u64,
    /// Barriers handled.
    #[serde(default)]
    pub barriers: u64,
    /// Records handled.
    pub handled: u64,
    /// Bytes of the records handled.
    #[serde(default)]
    pub bytes: u64,
    /// Records filtered out.
    #[serde(default)]
    pub filtered: u64,
    /// Records that were read but had been handled before.
    #[serde(default)]
    pub already_handled: u64,
    /// Records that were handled again, or may have been.
    #[serde(default)]
    pub repeated: u64,
    /// Offsets deleted by retention before they were read.
    #[serde(default)]
    pub lost: u64,
    /// Offsets that are left, for lists of runs.
    pub lag: Option<u64>,
    /// How many of them are already settled.
    #[serde(default)]
    pub ahead: u64,
    /// The discarded keys: their further records are dead-lettered.
    #[serde(default, rename = "condemned", skip_serializing_if = "Vec::is_empty")]
    pub discarded: Vec<DiscardedKey>,
}

/// A discarded key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscardedKey {
    /// The hash of the key.
    pub hash: u64,
    /// The index of the partition whose record failed.
    pub partition: u32,
    /// The offset of that record.
    pub offset: i64,
    /// The number of attempts.
    pub attempts: u32,
    /// The beginning of the handler's error.
    pub error: String,
}

impl JournalTotals {
    /// Resets the record counts that the journal also stores for each partition.
    pub fn forget_counts(&mut self) {
        (self.handled, self.bytes, self.filtered) = (0, 0, 0);
        (self.already_handled, self.repeated, self.lost) = (0, 0, 0);
    }

    /// Limits the counts of skipped and dead-lettered records to what the partitions have passed over. Records are
    /// counted a moment before their partition's state includes them, and the totals are written after the partitions.
    /// The records beyond that are read again.
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
    /// Bytes of the records handled.
    pub bytes: u64,
    /// Records that were handled more than once, or may have been.
    pub duplicates: u64,
    /// Records filtered out.
    pub filtered: u64,
    /// Records settled without being handled.
    pub passed_over: u64,
    /// Offsets deleted by retention before they were read.
    pub lost: u64,
}

/// The state of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionState {
    /// Every record below it is settled.
    pub position: i64,
    /// The runs of settled offsets above the position, rising: first offset and end (exclusive).
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
    /// The chained hash of the records handled, in order.
    pub chain: u64,
    /// How many records were handled.
    pub count: u64,
}

/// The key groups in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupsChange {
    /// Those that changed since the last checkpoint.
    Some(Vec<GroupEntry>),
    /// All of them. They replace everything written before.
    All(Vec<GroupEntry>),
}

/// The changes of a partition in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionChange {
    /// Its index in the plan.
    pub index: u32,
    /// Its state.
    pub state: PartitionState,
    /// Its key groups.
    pub groups: GroupsChange,
}
