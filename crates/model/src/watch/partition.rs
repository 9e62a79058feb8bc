//! One partition of a watched group.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{RatesView, Reason, SecondsRange, SeenBy, TimeExactness};
use crate::domain::Offset;

/// Why a partition belongs to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The group has a committed offset for it.
    Committed,
    /// A member has it.
    Assigned,
    /// It is in the target assignment of a member.
    Target,
    /// The group subscribes to its topic.
    Subscribed,
}

/// The owner of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerView {
    /// The member's id.
    pub member_id: String,
    /// Its `client.id`.
    pub client_id: Option<String>,
    /// Its host.
    pub host: Option<String>,
}

/// The lag that a group without a committed offset would begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WouldBe {
    /// With `auto.offset.reset=earliest`: end - log start.
    pub earliest: u64,
    /// With `auto.offset.reset=latest`: 0.
    pub latest: u64,
}

/// How many records are left between the committed and the last stable offset. Offsets are not records: transaction
/// markers take offsets too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordsLeft {
    /// This number.
    Exactly(u64),
    /// At most this number; some of them may be transaction markers.
    AtMost(u64),
}

/// A transaction that holds the last stable offset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// The id of its producer.
    pub producer_id: i64,
    /// Its transactional id; `None` if it is not known.
    pub transactional_id: Option<String>,
    /// Its state, in Kafka's words.
    pub state: Option<String>,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// Its timeout in seconds.
    pub timeout_s: Option<u64>,
}

/// What the last stable offset means for a reader of committed records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBy {
    /// Whether the group has read up to the last stable offset and cannot go on.
    pub wedged: bool,
    /// When the last stable offset was first seen where it is.
    pub frozen_since: DateTime<Utc>,
    /// The transaction, if it is known.
    pub transaction: Option<Transaction>,
}

/// Why a committed offset is beyond the end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AheadCause {
    /// The topic was deleted and created again since the commit.
    Recreated,
    /// The log was truncated: a new leader did not have the records.
    Truncated,
    /// Neither is proven.
    NotKnown,
}

/// One partition of a watched group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartitionRow {
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The committed offset; of a share group, its start offset.
    pub committed: Option<Offset>,
    /// The metadata of the committed offset.
    pub metadata: Option<String>,
    /// When the offset was committed, or first seen to have changed.
    pub committed_at: Option<DateTime<Utc>>,
    /// The first offset of the log.
    pub log_start: Option<Offset>,
    /// The last stable offset.
    pub stable_end: Option<Offset>,
    /// The end of the log: the high watermark.
    pub end: Option<Offset>,
    /// End - committed, as Kafka's tools print it; of a share group the broker's own figure.
    pub lag: Option<i64>,
    /// Offsets deleted before the group read them. It and the three parts below are known together.
    pub lost: Option<u64>,
    /// Offsets that a reader of committed records can read now.
    pub readable: Option<u64>,
    /// Offsets behind an open transaction.
    pub held_back: Option<u64>,
    /// Offsets by which the committed offset is beyond the end.
    pub ahead: Option<u64>,
    /// Why the committed offset is beyond the end.
    pub ahead_cause: Option<AheadCause>,
    /// Records left, where a probe, or the small number of offsets, allows a statement.
    pub records_left: Option<RecordsLeft>,
    /// Whether the topic is compacted, so that offsets overstate records.
    pub compacted: Option<bool>,
    /// What holds the last stable offset.
    pub held_by: Option<HeldBy>,
    /// The lag that the group would begin with, if it has no committed offset.
    pub would_be: Option<WouldBe>,
    /// The age of the first unread record.
    pub age_s: Option<SecondsRange>,
    /// How well the age is known.
    pub age_exactness: Option<TimeExactness>,
    /// The time between the first unread and the newest record, in seconds.
    pub behind_s: Option<f64>,
    /// Seconds until retention may delete the first unread record, at the earliest.
    pub deadline_s: Option<f64>,
    /// Rates of this partition.
    pub rates: RatesView,
    /// The member that has it.
    pub owner: Option<OwnerView>,
    /// Why it belongs to the group.
    pub why: Vec<Why>,
    /// Whether the group has left the topic. Such rows are not part of totals and verdicts.
    pub abandoned: bool,
    /// Whether the group is stable and has had no owner for it for long.
    pub orphan: bool,
    /// Milliseconds between the answers with the committed offset and with the end: the lag may be wrong by what
    /// arrives in that time.
    pub skew_ms: Option<i64>,
    /// Why the lag is not known, or why it is old.
    pub why_unknown: Option<Reason>,
    /// The last lag that was known, while it is not known.
    pub last_known_lag: Option<i64>,
    /// When the older of the two offsets behind the lag was answered; with `last_known_lag`, when that was known.
    pub as_of: Option<DateTime<Utc>>,
    /// Which client obtained the row.
    pub seen_by: SeenBy,
}

impl PartitionRow {
    /// A partition of which only the name is known.
    #[must_use]
    pub fn unknown(topic: impl Into<String>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
            committed: None,
            metadata: None,
            committed_at: None,
            log_start: None,
            stable_end: None,
            end: None,
            lag: None,
            lost: None,
            readable: None,
            held_back: None,
            ahead: None,
            ahead_cause: None,
            records_left: None,
            compacted: None,
            held_by: None,
            would_be: None,
            age_s: None,
            age_exactness: None,
            behind_s: None,
            deadline_s: None,
            rates: RatesView::default(),
            owner: None,
            why: Vec::new(),
            abandoned: false,
            orphan: false,
            skew_ms: None,
            why_unknown: None,
            last_known_lag: None,
            as_of: None,
            seen_by: SeenBy::Listed,
        }
    }
}
