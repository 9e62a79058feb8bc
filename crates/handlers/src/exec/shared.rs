//! What the workers of an `exec` run share.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
};

use kreplay_engine::rules::Rules;
use kreplay_model::domain::{AppendOnlyVec, Record, TopicPartition};

use super::{ExecSettings, command::Command, stderr_log::StderrLog};
use crate::{RecordFailure, ndjson};

/// The state shared by the workers of one run.
pub(super) struct ExecShared {
    pub(super) command: Command,
    pub(super) settings: ExecSettings,
    pub(super) stderr_log: StderrLog,
    pub(super) counts: Counts,
    /// Whether any child has acknowledged a record.
    pub(super) any_acknowledged: AtomicBool,
    /// Whether the command passed the probe without records.
    pub(super) probe_passed: AtomicBool,
    pub(super) partitions: Arc<AppendOnlyVec<TopicPartition>>,
    pub(super) rules: Arc<Rules>,
}

/// Counters for the report.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Records handled.
    pub(super) acknowledged: AtomicU64,
    /// Negative acknowledgements.
    pub(super) refused: AtomicU64,
    /// Children started.
    pub(super) started: AtomicU64,
    /// Children that ended before kreplay stopped them.
    pub(super) ended: AtomicU64,
}

impl ExecShared {
    /// Appends a record's input line: the `ndjson` line, preceded by number and lane.
    ///
    /// # Errors
    /// The record cannot be decoded. `out` is unchanged then.
    pub(super) fn append(&self, out: &mut Vec<u8>, id: u64, lane: u32, record: &Record) -> Result<(), RecordFailure> {
        let start = out.len();
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{{\"id\":{id},\"lane\":{lane},");
        let brace = out.len();
        let appended = self.append_line(out, record);
        match appended {
            // The line begins with the opening brace already.
            Ok(()) => drop(out.remove(brace)),
            Err(_) => out.truncate(start),
        }
        appended
    }

    /// Appends the `ndjson` line of a record.
    pub(super) fn append_line(&self, out: &mut Vec<u8>, record: &Record) -> Result<(), RecordFailure> {
        let source = self.partitions.get(record.partition as usize);
        let source = source.ok_or_else(|| format!("partition {} is not in the plan", record.partition))?;
        ndjson::append_decoded(out, source, &self.rules, record).map_err(RecordFailure::from)
    }
}
