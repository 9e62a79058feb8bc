//! What a plan says before anything runs: what there is to read, how unevenly it is spread, and how long it should take.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Bound, Prediction};
use crate::domain::{Offset, Ordering, TopicPartition};

/// What a plan says before anything runs. Counts are estimates where `coverage` is a sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// When it was made.
    pub made_at: Option<DateTime<Utc>>,
    /// The topics' names, sorted.
    pub topics: Vec<String>,
    /// What was read to make it.
    pub coverage: Coverage,
    /// Records to be handled: without those that the filter leaves out.
    pub records: Estimate,
    /// Records that the filter leaves out.
    pub filtered: Estimate,
    /// Records that a rule cannot judge.
    #[serde(default)]
    pub unjudged: Estimate,
    /// Offsets at the ends of the partitions that open transactions hold back: they are not read.
    #[serde(default)]
    pub held_back: u64,
    /// Bytes of keys and values of all records that will be read.
    pub bytes: u64,
    /// How large a record is.
    pub record_bytes: RecordBytes,
    /// The partitions of the plan, those with the most records first.
    pub partitions: Vec<PartitionForecast>,
    /// What the keys look like.
    pub keys: KeyForecast,
    /// How fast records can be read.
    pub fetch: FetchSpeed,
    /// How the run would go: what the predictions rest on.
    pub conditions: Conditions,
    /// The predicted time over the number of workers, one curve for each ordering.
    pub curves: Vec<Curve>,
    /// The prediction for the settings in force, where the handling time is known.
    pub predicted: Option<Prediction>,
    /// How many workers are worth having with the ordering in force.
    pub recommended: Option<Recommendation>,
    /// What a reader should know before trusting the figures, a sentence each.
    pub notes: Vec<String>,
}

/// How much was read, and whether that was all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Everything was read; otherwise the counts are estimates from a sample.
    pub full: bool,
    /// Records read.
    pub read: u64,
    /// Offsets that they stand for: the part of the plan that was looked at.
    pub offsets_read: u64,
    /// Offsets of the plan.
    pub offsets: u64,
    /// Stretches of the log that were looked at.
    pub slices: u64,
    /// How long it took, in seconds.
    pub elapsed_s: f64,
}

/// A number with the bounds between which it lies in 19 of 20 samples; all three are the same where everything was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The best guess.
    pub value: u64,
    /// The lower bound.
    pub low: u64,
    /// The upper bound.
    pub high: u64,
}

impl Estimate {
    /// A number that is known.
    #[must_use]
    pub fn exact(value: u64) -> Self {
        Self { value, low: value, high: value }
    }

    /// Whether nothing had to be guessed.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.low == self.high
    }
}

/// How large a record's key and value are together, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordBytes {
    /// The mean.
    pub mean: f64,
    /// Half of the records are at most so large.
    pub p50: u64,
    /// 99 % are at most so large.
    pub p99: u64,
    /// The largest that was read.
    pub max: u64,
}

/// What is to be read of one partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartitionForecast {
    /// Which one.
    #[serde(flatten)]
    pub id: TopicPartition,
    /// The first offset.
    pub first: Offset,
    /// The first offset that is not read any more.
    pub end: Offset,
    /// Records to be handled.
    pub records: Estimate,
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Its part of all records, 0 to 1.
    pub share: f64,
}

/// What the keys look like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyForecast {
    /// About how many different keys were read (within some 6 % in 19 of 20 cases); a sample may have missed some.
    pub distinct: u64,
    /// The part of the records that have no key, 0 to 1.
    pub keyless: f64,
    /// The heaviest keys, the heaviest first.
    pub heaviest: Vec<HeavyKey>,
    /// The part of the records that share the heaviest lane with key order, 0 to 1. Keys that hash alike share one.
    pub heaviest_lane: f64,
}

/// A key with many records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeavyKey {
    /// The key's beginning, as text: bytes that are not UTF-8 are replaced, and views escape the rest.
    pub key: String,
    /// Its records.
    pub records: Estimate,
    /// Its part of all records, 0 to 1.
    pub share: f64,
}

/// How fast records came out of the cluster while they were read for the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FetchSpeed {
    /// Records in a second; 0 where too little was read to say.
    pub records_per_s: f64,
    /// Bytes of keys and values in a second.
    pub bytes_per_s: f64,
}

/// What the predictions rest on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// The number of workers in force.
    pub concurrency: u32,
    /// The ordering in force.
    pub ordering: Ordering,
    /// The handler.
    pub handler: String,
    /// The consumer group, where there is one.
    pub group: Option<String>,
    /// What is read of the topics, and by which rules.
    #[serde(default)]
    pub scope: String,
    /// The most records a handler gets at once.
    pub batch: u32,
    /// The handling time of a record in seconds; `None` where nobody knows it, and then no time can be predicted.
    pub work_s: Option<f64>,
    /// Where that time comes from: `given`, or `handler` where the handler's own settings say it.
    pub work_from: Option<String>,
}

/// The predicted time over the number of workers, with one ordering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What keeps its order.
    pub ordering: Ordering,
    /// The most workers that the ordering allows.
    pub most: u32,
    /// By the number of workers, rising.
    pub points: Vec<CurvePoint>,
}

/// One predicted time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// How many workers.
    pub workers: u32,
    /// Seconds of handling.
    pub elapsed_s: f64,
    /// What sets that time.
    pub limit: Bound,
}

/// How many workers are worth having.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// The smallest number whose predicted time is near the best.
    pub workers: u32,
    /// That time, in seconds of handling.
    pub elapsed_s: f64,
    /// What keeps more workers from helping.
    pub limit: Bound,
    /// Why, in one sentence.
    pub why: String,
}

/// The plans of a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanningView {
    /// The last plan that was made.
    pub forecast: Option<Arc<Forecast>>,
    /// How far the next one is, while it is being made.
    pub going: Option<Planning>,
    /// Why the last one could not be made, in one sentence.
    pub problem: Option<String>,
}

/// A plan that is being made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planning {
    /// Offsets looked at so far.
    pub read: u64,
    /// Offsets that will be looked at, if time allows; 0 until that is known.
    pub wanted: u64,
}
