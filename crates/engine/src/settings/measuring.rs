//! What is measured before a run, and during a benchmark.

use std::time::Duration;

/// How much is read for a plan, and known handling times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlanOptions {
    /// Read all records, however long it takes.
    pub scan: bool,
    /// Otherwise, read about this number of records.
    pub sample: u32,
    /// The maximum time for reading the sample.
    pub sample_time: Duration,
    /// The handling time of a record. Overrides what the handler's settings imply.
    pub work: Option<Duration>,
    /// Plan before each run, so that the report can compare the prediction with the result.
    pub before_run: bool,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { scan: false, sample: 100_000, sample_time: Duration::from_secs(2), work: None, before_run: false }
    }
}

/// A run with a probe measures, for each record, the time from when the client returned it until its handler returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// Read this many records a second, evenly, as if they arrived at that rate; `None` reads all there are. Has no
    /// effect in a group.
    pub fetch_rate: Option<u32>,
}
