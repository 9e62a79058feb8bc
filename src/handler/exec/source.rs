//! What the workers of one run share.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use super::{ExecSettings, command::Command, voice::Voice, worker::ExecHandler};
use crate::{
    domain::{Censor, Growing, Masked, Record, TopicPartition},
    handler::{
        EffectCount, EffectForm, Handler, HandlerContext, HandlerError, HandlerSource, Preview, PreviewedEffect,
        RunEnd, Unbuilt, ndjson,
    },
    plan::Rules,
};

/// Makes handlers that have a child each.
pub(in crate::handler) struct ExecSource {
    shared: Arc<Shared>,
}

/// What the workers of one run share.
pub(super) struct Shared {
    pub(super) command: Command,
    pub(super) settings: ExecSettings,
    pub(super) voice: Voice,
    pub(super) counts: Counts,
    /// Some child has acknowledged a record.
    pub(super) proved: AtomicBool,
    /// The command was tried without records, and did well.
    pub(super) passed: AtomicBool,
    partitions: Arc<Growing<TopicPartition>>,
    rules: Arc<Rules>,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Records that are handled.
    pub(super) acknowledged: AtomicU64,
    /// Acknowledgements that said no.
    pub(super) refused: AtomicU64,
    /// Children that were started.
    pub(super) started: AtomicU64,
    /// Children that ended before they were told to.
    pub(super) ended: AtomicU64,
}

impl ExecSource {
    /// # Errors
    /// There is no command, or it cannot be started.
    pub(in crate::handler) fn open(words: &[String], context: &HandlerContext) -> Result<Self, HandlerError> {
        let settings = context.settings.exec.clone();
        let censor = Censor::new(settings.environment.iter().flat_map(Masked::secrets).collect());
        let shared = Shared {
            command: Command::new(words, &settings)?,
            settings,
            voice: Voice::new(context.events.clone(), censor),
            counts: Counts::default(),
            proved: AtomicBool::new(false),
            passed: AtomicBool::new(false),
            partitions: Arc::clone(&context.partitions),
            rules: Arc::clone(&context.rules),
        };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl Shared {
    /// Appends the line of a record: that of `ndjson`, behind its number and its lane.
    pub(super) fn append(&self, out: &mut Vec<u8>, id: u64, lane: u32, record: &Record) -> Result<(), String> {
        let start = out.len();
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{{\"id\":{id},\"lane\":{lane},");
        let brace = out.len();
        let appended = self.append_line(out, record);
        match appended {
            // The object's own brace stands at the beginning already.
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
        Ok(Box::new(Lines(Arc::clone(&self.shared))))
    }

    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        self.shared.voice.finish();
        Ok(())
    }
}

/// The lines that children would get, without numbers and lanes, which are another run's business.
struct Lines(Arc<Shared>);

impl Preview for Lines {
    fn form(&self) -> EffectForm {
        EffectForm::Input
    }

    fn preview(&mut self, record: &Record, effects: &mut Vec<PreviewedEffect>) -> Result<(), Unbuilt> {
        let mut content = Vec::new();
        self.0.append_line(&mut content, record)?;
        content.pop();
        effects.push(PreviewedEffect { what: format!("exec {}", self.0.command.shown()), content });
        Ok(())
    }
}
