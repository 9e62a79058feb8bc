//! The forecast of a plan: what will be read, how skewed it is, and how long it should take.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Bottleneck, Prediction, WhatIf};
use crate::{
    control::FieldProblem,
    domain::{Offset, Ordering, TopicPartition},
};

/// The forecast of a plan, made before the run. Counts are estimates if `coverage` is a sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Forecast {
    /// When it was made.
    pub made_at: Option<DateTime<Utc>>,
    /// The topics' names, sorted.
    pub topics: Vec<String>,
    /// What was read to make the forecast.
    pub coverage: Coverage,
    /// Records to handle, without those that the filter leaves out.
    pub records: Estimate,
    /// Records that the filter leaves out.
    pub filtered: Estimate,
    /// Records that a rule cannot judge.
    #[serde(default)]
    pub unjudged: Estimate,
    /// Offsets at the ends of partitions that are not read because of open transactions.
    #[serde(default)]
    pub held_back: u64,
    /// Bytes of the keys and values of all records to read.
    pub bytes: u64,
    /// Record sizes.
    pub record_bytes: RecordBytes,
    /// The partitions of the plan, largest first.
    pub partitions: Vec<PartitionForecast>,
    /// The distribution of keys.
    pub keys: KeyForecast,
    /// The speed of reading.
    pub fetch: FetchSpeed,
    /// The settings that the predictions assume.
    pub conditions: Conditions,
    /// The predicted time by number of workers, one curve per ordering.
    pub curves: Vec<Curve>,
    /// The prediction for the current settings, if the handling time is known.
    pub predicted: Option<Prediction>,
    /// The recommended number of workers for the current ordering.
    pub recommended: Option<Recommendation>,
    /// What would make the run faster than predicted, the most effective first.
    #[serde(default)]
    pub advice: Vec<WhatIf>,
    /// Caveats, one sentence each.
    pub notes: Vec<String>,
}

/// How much of the plan was read for the forecast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Whether everything was read; otherwise the counts are estimates from a sample.
    pub full: bool,
    /// Records read.
    pub read: u64,
    /// Offsets covered by these records.
    pub offsets_read: u64,
    /// All offsets of the plan.
    pub offsets: u64,
    /// The number of slices of the log that were read.
    pub slices: u64,
    /// Duration in seconds.
    pub elapsed_s: f64,
}

/// A number with its bounds in 19 of 20 samples. All three are equal if everything was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The best estimate.
    pub value: u64,
    /// The lower bound.
    pub low: u64,
    /// The upper bound.
    pub high: u64,
}

impl Estimate {
    /// An exactly known number.
    #[must_use]
    pub fn exact(value: u64) -> Self {
        Self { value, low: value, high: value }
    }

    /// Whether the number is known exactly.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.low == self.high
    }
}

/// Sizes of a record's key and value together, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordBytes {
    /// The mean.
    pub mean: f64,
    /// The median.
    pub p50: u64,
    /// The 99th percentile.
    pub p99: u64,
    /// The largest record read.
    pub max: u64,
}

/// The forecast of one partition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartitionForecast {
    /// The partition.
    #[serde(flatten)]
    pub id: TopicPartition,
    /// The first offset.
    pub first: Offset,
    /// The end offset, exclusive.
    pub end: Offset,
    /// Records to handle.
    pub records: Estimate,
    /// Bytes of keys and values.
    pub bytes: u64,
    /// Its share of all records, 0 to 1.
    pub share: f64,
}

/// The distribution of keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyForecast {
    /// Approximate number of distinct keys read (within about 6 % in 19 of 20 cases). A sample may miss some.
    pub distinct: u64,
    /// The share of records without a key, 0 to 1.
    pub keyless: f64,
    /// The keys with the most records, largest first.
    pub heaviest: Vec<HeavyKey>,
    /// The share of records in the heaviest lane under key ordering, 0 to 1. Keys of one key group share a lane.
    pub heaviest_lane: f64,
}

/// A key with many records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeavyKey {
    /// The start of the key as text, with bytes that are not UTF-8 replaced. Views must escape it.
    pub key: String,
    /// Its records.
    pub records: Estimate,
    /// Its share of all records, 0 to 1.
    pub share: f64,
}

/// The speed of reading, measured while the forecast was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FetchSpeed {
    /// Records per second; 0 if too little was read to measure it.
    pub records_per_s: f64,
    /// Bytes of keys and values per second.
    pub bytes_per_s: f64,
}

/// The settings that the predictions assume.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// The number of workers.
    pub concurrency: u32,
    /// The ordering.
    pub ordering: Ordering,
    /// The handler.
    pub handler: String,
    /// The consumer group, if any.
    pub group: Option<String>,
    /// The range and the filter, in words.
    #[serde(default)]
    pub scope: String,
    /// The maximum number of records per handler call.
    pub batch: u32,
    /// The handling time of a record in seconds. If `None`, no time can be predicted.
    pub work_s: Option<f64>,
    /// The source of that time: `given` by the user, or `handler` if the handler's settings define it.
    pub work_from: Option<String>,
}

/// The predicted time by number of workers, for one ordering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The ordering.
    pub ordering: Ordering,
    /// The maximum number of workers that the ordering allows.
    pub most: u32,
    /// Predictions by ascending number of workers.
    pub points: Vec<CurvePoint>,
}

/// One predicted time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The number of workers.
    pub workers: u32,
    /// Handling time in seconds.
    pub elapsed_s: f64,
    /// The bottleneck.
    pub limit: Bottleneck,
}

/// The recommended number of workers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// The smallest number whose predicted time is close to the best.
    pub workers: u32,
    /// The predicted handling time in seconds.
    pub elapsed_s: f64,
    /// The bottleneck that makes more workers useless.
    pub limit: Bottleneck,
    /// The reason, in one sentence.
    pub why: String,
}

/// The forecasts of a session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanningView {
    /// The last forecast.
    pub forecast: Option<Arc<Forecast>>,
    /// Progress of the forecast being made, if any.
    #[serde(rename = "going")]
    pub in_progress: Option<Planning>,
    /// Why the last attempt failed, in one sentence.
    pub problem: Option<String>,
    /// The number of the request that the forecast was made for; 0 if it was not a request.
    #[serde(default)]
    pub forecast_of: u64,
    /// The number of the last request that the session has read; 0 if there was none.
    #[serde(default)]
    pub read: u64,
    /// The problems with that request, for which reason it was neither planned nor started.
    #[serde(default)]
    pub refused: Arc<[FieldProblem]>,
    /// The number of the last request that was started; 0 if there was none.
    #[serde(default)]
    pub launched: u64,
}

/// Progress of a forecast being made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planning {
    /// Offsets read so far.
    pub read: u64,
    /// Offsets to read, if time allows; 0 until known.
    pub wanted: u64,
}
