//! What is done with records.

mod context;
mod error;
mod exec;
mod factory;
mod files;
mod http;
mod logs;
mod ndjson;
mod null;
mod preview;
mod projection;
mod rehearsal;
mod settings;
mod simulate;
mod source;
mod spec;
#[cfg(test)]
mod testing;
mod topic;
mod verdict;

pub use context::HandlerContext;
pub use error::HandlerError;
pub use exec::ExecSettings;
pub use factory::open;
pub use files::{
    Column, ColumnError, Compression as FileCompression, ExportSettings, FileFormat, NameError, NamePattern,
    Series as FileSeries,
};
pub use http::{Body, HttpSettings, Method, OnDenied};
pub use logs::{Differs, LogId, Logs};
pub use preview::{EffectForm, Preview, PreviewedEffect, Unbuilt};
pub use projection::{Durability, ProjectionSettings, ProjectionTarget, ScratchSchemas};
pub use rehearsal::{Rehearsal, Rehearsed, rehearse, rehearse_given};
pub use settings::HandlerSettings;
pub use simulate::is_poison;
pub use source::{EffectCount, HandlerSource, Holder, KeptBy, Positions, RunEnd};
pub use spec::{HandlerSpec, Simulate, SpecError, WorkTime, parse_duration, topic_name};
pub use topic::{Compression, Partitioner, TopicKey, TopicSettings};

use std::time::Duration;

use crate::domain::Record;

/// Records of one lane, in their order.
#[derive(Debug)]
pub struct LaneRun {
    /// The lane's number within the run.
    pub lane: u32,
    /// At least one record.
    pub records: Vec<Record>,
}

/// A lane of a batch that could not be handled to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneFailure {
    /// Which run of the batch, by index.
    pub run: usize,
    /// How many of its records were handled before the one that failed.
    pub done: usize,
    /// What went wrong with the next one.
    pub error: String,
    /// What the handler knows about trying again.
    pub advice: Advice,
}

/// What a handler knows about trying a failed record again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Advice {
    /// Nothing: the run's schedule of retries holds.
    #[default]
    Retry,
    /// Not before so much time has passed, or as the schedule says, whichever is later. It counts as an attempt.
    After(Duration),
    /// The target can do nothing just now, whatever the record: the run's schedule of retries holds, and where it ends the run
    /// pauses or fails. No record is passed over for it, none is a dead letter, and no key is put in quarantine.
    Unable,
    /// The record will never be handled: it has failed for good, without another attempt.
    GiveUp,
    /// Nothing can be handled any more: the run fails at once.
    Stop,
    /// The target refuses the record, because somebody else has taken its partition over. In a group that is the way of
    /// things, and the partition goes as soon as the group says so; elsewhere the run fails.
    Fenced,
}

/// Does the work. One instance belongs to one worker, so that it needs no locks of its own.
///
/// The records of a run are handled in their order; after a failure the rest of that run is left alone, while the other
/// runs go on. Returning without a failure for a run says that all its effects are durable.
pub trait Handler: Send {
    /// Handles a batch and reports the runs that did not come to their end.
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure>;
}
