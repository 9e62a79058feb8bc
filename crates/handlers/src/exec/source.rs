//! The source of `exec` handlers and the state that the workers of a run share.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use kreplay_engine::rules::Rules;
use kreplay_model::{
    domain::{AppendOnlyVec, Record, Redactor, Secret, TopicPartition},
    feed::EffectCount,
};

use super::{ExecSettings, command::Command, stderr_log::StderrLog, worker::ExecHandler};
use crate::setup::HandlerSetup;
use crate::{EffectForm, Handler, HandlerError, HandlerSource, Preview, PreviewError, PreviewedEffect, RunEnd, ndjson};

/// Creates handlers that each run a child process.
pub(crate) struct ExecSource {
    shared: Arc<ExecShared>,
}

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
    partitions: Arc<AppendOnlyVec<TopicPartition>>,
    rules: Arc<Rules>,
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

impl ExecSource {
    /// # Errors
    /// No command is configured, or it cannot be started.
    pub(crate) fn open(words: &[String], context: &HandlerSetup) -> Result<Self, HandlerError> {
        let settings = context.settings.exec.clone();
        let redactor = Redactor::new(settings.environment.iter().flat_map(Secret::secrets).collect());
        let shared = ExecShared {
            command: Command::new(words, &settings)?,
            settings,
            stderr_log: StderrLog::new(context.events.clone(), redactor),
            counts: Counts::default(),
            any_acknowledged: AtomicBool::new(false),
            probe_passed: AtomicBool::new(false),
            partitions: Arc::clone(&context.partitions),
            rules: Arc::clone(&context.rules),
        };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl ExecShared {
    /// Appends a record's input line: the `ndjson` line, preceded by number and lane.
    pub(super) fn append(&self, out: &mut Vec<u8>, id: u64, lane: u32, record: &Record) -> Result<(), String> {
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

    fn append_line(&self, out: &mut Vec<u8>, record: &Record) -> Result<(), String> {
        let source = self.partitions.get(record.partition as usize);
        let source = source.ok_or_else(|| format!("partition {} is not in the plan", record.partition))?;
        ndjson::append_decoded(out, source, &self.rules, record).map_err(|error| error.to_string())
    }
}

impl HandlerSource for ExecSource {
    fn make(&self, worker: u32) -> Box<dyn Handler> {
        Box::new(ExecHandler::new(Arc::clone(&self.shared), worker))
    }

    fn wants_headers(&self) -> bool {
        true
    }

    fn expected_s(&self) -> Option<f64> {
        None
    }

    fn effects(&self) -> Vec<EffectCount> {
        let Counts { acknowledged, refused, started, ended } = &self.shared.counts;
        [
            ("acknowledged", acknowledged),
            ("refused", refused),
            ("children.started", started),
            ("children.broken", ended),
        ]
        .map(|(what, count)| EffectCount { what: what.into(), count: count.load(Relaxed) })
        .into()
    }

    fn preview(&self) -> Result<Box<dyn Preview>, HandlerError> {
        Ok(Box::new(InputPreview(Arc::clone(&self.shared))))
    }

    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        self.shared.stderr_log.finish();
        Ok(())
    }
}

/// A preview of the input lines, without the numbers and lanes, which differ between runs.
struct InputPreview(Arc<ExecShared>);

impl Preview for InputPreview {
    fn form(&self) -> EffectForm {
        EffectForm::Input
    }

    fn preview(&mut self, record: &Record, effects: &mut Vec<PreviewedEffect>) -> Result<(), PreviewError> {
        let mut content = Vec::new();
        self.0.append_line(&mut content, record)?;
        content.pop();
        effects.push(PreviewedEffect { what: format!("exec {}", self.0.command.shown()), content });
        Ok(())
    }
}
