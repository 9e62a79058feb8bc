//! The plan of a migration, for text and JSON output.

use serde::Serialize;

use super::{carry_offsets::Carried, preflight::Load, verify::Verified};
use crate::create::TopicState;

/// The progress of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Nothing is copied, and the new topics are empty.
    NotBegun,
    /// Some records are copied.
    Begun,
    /// The new topics equal the old ones, record for record.
    Complete,
    /// The new topics hold records that this migration has not written.
    Foreign,
}

/// The plan of a migration.
#[derive(Clone, Debug, Serialize)]
pub struct MigrationPlan {
    /// The version of the report format.
    pub schema: u32,
    /// The group of the migration's positions, and the id of its transactions.
    pub id: String,
    /// The progress so far.
    pub progress: Progress,
    /// What prevents the migration. With any obstacle, nothing is executed.
    pub obstacles: Vec<String>,
    /// What may be unintended, such as records that a new topic does not keep, or changes.
    pub warnings: Vec<String>,
    /// The old topics.
    pub old: OldTopics,
    /// The new topics.
    pub new: Vec<NewTopic>,
    /// What happens to the order of keys.
    pub order: Order,
    /// The groups whose offsets are carried over.
    pub groups: Vec<PlannedGroup>,
    /// Offsets of the old topics that open transactions hold back. They are not copied.
    pub held_back: u64,
    /// The held-back offsets as text; empty if there are none.
    #[serde(skip)]
    pub held_back_text: String,
    /// The alternatives to a migration.
    pub other_options: OtherOptions,
    /// Whether the new topics equal the old ones, if everything is copied.
    pub verified: Option<Verified>,
    /// Where groups would start, if everything is copied.
    pub carried: Vec<Carried>,
}

/// The old topics.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OldTopics {
    /// The number of topics.
    pub topics: usize,
    /// The number of partitions.
    pub partitions: usize,
    /// Their contents.
    #[serde(flatten)]
    pub load: Load,
    /// The number of offsets already copied.
    pub copied_offsets: u64,
    /// The number of offsets.
    pub offsets: u64,
}

/// A new topic.
#[derive(Clone, Debug, Serialize)]
pub struct NewTopic {
    /// The name of the topic.
    pub topic: String,
    /// The number of partitions.
    pub partitions: u32,
    /// Whether it exists.
    #[serde(flatten)]
    pub state: TopicState,
    /// The number of old topics whose records go there.
    pub from_topics: usize,
    /// The number of keys.
    pub keys: u64,
    /// The records that go there.
    #[serde(flatten)]
    pub load: Load,
    /// The load of each partition.
    pub loads: Vec<Load>,
    /// The fullest partition divided by the mean, by records and by bytes; 1 is even.
    pub unevenness: Unevenness,
}

/// The fullest partition divided by the mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Unevenness {
    /// By records.
    pub records: f64,
    /// By bytes.
    pub bytes: f64,
    /// The number of empty partitions.
    pub empty: usize,
}

/// What happens to the order of keys.
#[derive(Clone, Debug, Serialize)]
pub struct Order {
    /// The number of keys in the new topics.
    pub keys: u64,
    /// Keys in several old partitions. The order within each old partition is kept, but none is defined between them.
    pub spread_keys: u64,
    /// Some of these keys.
    pub spread_named: Vec<String>,
    /// Keys whose partition number changes.
    pub renumbered_keys: u64,
    /// Records without a key.
    pub keyless_records: u64,
    /// Records whose own key is replaced by the channel.
    pub replaced_keys_records: u64,
    /// Records without a channel.
    pub without_channel_records: u64,
}

/// A group whose offsets are carried over.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedGroup {
    /// The id of the group.
    pub group: String,
    /// Whether it has members.
    pub active: bool,
    /// Offsets below its committed offsets.
    pub read_offsets: u64,
    /// Offsets at and above its committed offsets.
    pub unread_offsets: u64,
    /// The maximum number of records that it reads again because its offsets are not ordered with those of another
    /// group.
    pub reads_again_at_most: u64,
    /// Old partitions that go to its new topics and for which it has no committed offset. It will read all of them.
    pub partitions_without_offsets: usize,
}

/// The alternatives to a migration.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OtherOptions {
    /// Old topics with fewer partitions than their new topics.
    pub raise_topics: usize,
    /// The number of the records' own keys, counted per old topic.
    pub own_keys: u64,
    /// Keys among `own_keys` that would move if the partitions of the old topics were raised.
    pub raise_moves_keys: u64,
    /// The records of these keys. Their order relative to new records would be lost.
    pub raise_moves_records: u64,
    /// Old topics with one partition, which one consumer of a group reads at a time.
    pub single_partition_topics: usize,
}
