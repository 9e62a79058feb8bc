//! The `exec` handlers of a run.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use kreplay_model::{
    domain::{Record, Redactor, Secret},
    feed::EffectCount,
};

use super::{
    command::Command,
    shared::{Counts, ExecShared},
    stderr_log::StderrLog,
    worker::ExecHandler,
};
use crate::failure::preview_error;
use crate::setup::HandlerSetup;
use crate::{EffectForm, Handler, HandlerError, Preview, PreviewError, PreviewedEffect, RunEnd, RunHandlers};

/// Creates handlers that each run a child process.
pub(crate) struct ExecHandlers {
    shared: Arc<ExecShared>,
}

impl ExecHandlers {
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

impl RunHandlers for ExecHandlers {
    fn make(&self, worker: u32) -> Box<dyn Handler> {
        Box::new(ExecHandler::new(Arc::clone(&self.shared), worker))
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
        self.0.append_line(&mut content, record).map_err(preview_error)?;
        content.pop();
        effects.push(PreviewedEffect { what: format!("exec {}", self.0.command.shown()), content });
        Ok(())
    }
}
