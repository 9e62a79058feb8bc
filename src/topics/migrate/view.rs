//! What a migration would do, for people and programs.

use serde::Serialize;

use super::{carry::Carried, survey::Load, verify::Verified};
use crate::topics::create::TopicState;

/// How far a migration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Nothing is copied, and nothing stands in the new topics.
    NotBegun,
    /// A part is copied.
    Begun,
    /// The new topics hold what the old ones hold, record for record.
    Complete,
    /// The new topics hold what this migration has not written.
    Foreign,
}

/// What a migration would do.
#[derive(Clone, Debug, Serialize)]
pub struct MigrationPlan {
    /// Its version.
    pub schema: u32,
    /// The group of its positions, and its transactions.
    pub id: String,
    /// How far it is.
    pub progress: Progress,
    /// What is in the way; with any of it, nothing is executed.
    pub obstacles: Vec<String>,
    /// What may not be wanted: records that a new topic does not keep, or not as they are.
    pub warnings: Vec<String>,
    /// The old topics.
    pub old: OldTopics,
    /// The new ones.
    pub new: Vec<NewTopic>,
    /// What becomes of the order of keys.
    pub order: Order,
    /// The groups whose offsets are carried over.
    pub groups: Vec<PlannedGroup>,
    /// Offsets of the old topics that open transactions hold back: they are not copied.
    pub held_back: u64,
    /// Which those are, in words; empty where there are none.
    #[serde(skip)]
    pub held_back_in_words: String,
    /// What else could be done.
    pub other_options: OtherOptions,
    /// Whether the new topics hold the same, where everything is copied.
    pub verified: Option<Verified>,
    /// Where groups would begin, where everything is copied.
    pub carried: Vec<Carried>,
}

/// The old topics.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OldTopics {
    /// How many.
    pub topics: usize,
    /// How many partitions they have.
    pub partitions: usize,
    /// What they hold.
    #[serde(flatten)]
    pub load: Load,
    /// How many offsets are copied already.
    pub copied_offsets: u64,
    /// How many offsets there are.
    pub offsets: u64,
}

/// A new topic.
#[derive(Clone, Debug, Serialize)]
pub struct NewTopic {
    /// Its name.
    pub topic: String,
    /// How many partitions it has, or gets.
    pub partitions: u32,
    /// Whether it is there.
    #[serde(flatten)]
    pub state: TopicState,
    /// Old topics whose records go there.
    pub from_topics: usize,
    /// Its keys.
    pub keys: u64,
    /// What goes there.
    #[serde(flatten)]
    pub load: Load,
    /// What goes to each of its partitions.
    pub loads: Vec<Load>,
    /// The fullest partition over the mean, by records and by bytes; 1 is even.
    pub unevenness: Unevenness,
}

/// The fullest partition over the mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Unevenness {
    /// By records.
    pub records: f64,
    /// By bytes.
    pub bytes: f64,
    /// Partitions that get nothing.
    pub empty: usize,
}

/// What becomes of the order of keys.
#[derive(Clone, Debug, Serialize)]
pub struct Order {
    /// Keys of the new topics.
    pub keys: u64,
    /// Those of them that stand in several old partitions: what was written to one of those keeps its order, but between them
    /// there is none that could be kept.
    pub spread_keys: u64,
    /// Some of those.
    pub spread_named: Vec<String>,
    /// Keys that go to a partition of another number.
    pub renumbered_keys: u64,
    /// Records that have no key.
    pub keyless_records: u64,
    /// Records whose own key the channel takes the place of.
    pub replaced_keys_records: u64,
    /// Records that have no channel.
    pub without_channel_records: u64,
}

/// A group whose offsets are carried over.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedGroup {
    /// Its id.
    pub group: String,
    /// Somebody is a member of it.
    pub active: bool,
    /// Offsets below its committed ones.
    pub read_offsets: u64,
    /// Offsets at and above them.
    pub unread_offsets: u64,
    /// How many records it may read again at most, because its offsets are not ordered with those of another.
    pub reads_again_at_most: u64,
    /// Old partitions that go to its new topics and that it has committed nothing for: it will read all of them.
    pub partitions_without_offsets: usize,
}

/// What else could be done about the old topics.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct OtherOptions {
    /// Old topics that have fewer partitions than their new ones.
    pub raise_topics: usize,
    /// Keys that the records of the old topics have now, topic by topic.
    pub own_keys: u64,
    /// Those of them that would go to another partition from the moment on that partitions are raised.
    pub raise_moves_keys: u64,
    /// The records that they have: their order against new records is lost.
    pub raise_moves_records: u64,
    /// Old topics with one partition, which one consumer of a group reads at a time.
    pub single_partition_topics: usize,
}
