//! Opens the handler that a [`HandlerSpec`] names.

use std::sync::Arc;

use kreplay_engine::handler::{
    HandlerChoice, HandlerContext, HandlerError, HandlerFactory, HandlerFacts, NullFactory, RunHandlers,
};

#[cfg(feature = "files")]
use crate::{
    FileFormat,
    files::{DryRunFiles, FilesHandlers},
};
use crate::{HandlerSettings, HandlerSpec, SpecError, ndjson, setup::HandlerSetup, simulate::SimulateHandlers};

/// One of kreplay's own handlers, with its settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuiltInHandler {
    /// The handler, and the settings given with its name.
    pub spec: HandlerSpec,
    /// The settings of the handlers' tables.
    pub settings: HandlerSettings,
}

impl From<HandlerSpec> for BuiltInHandler {
    fn from(spec: HandlerSpec) -> Self {
        Self { spec, settings: HandlerSettings::default() }
    }
}

/// The handler with the default settings of its table.
impl From<HandlerSpec> for HandlerChoice {
    fn from(spec: HandlerSpec) -> Self {
        Self::new(BuiltInHandler::from(spec))
    }
}

/// One of kreplay's own handlers by its text, such as `simulate:1ms` or `parquet:out`, with the default settings of its
/// table.
///
/// # Errors
/// The text names no handler, or its settings are invalid.
pub fn built_in(text: &str) -> Result<HandlerChoice, SpecError> {
    Ok(text.parse::<HandlerSpec>()?.into())
}

impl HandlerFactory for BuiltInHandler {
    fn name(&self) -> String {
        self.spec.to_string()
    }

    fn facts(&self) -> HandlerFacts {
        HandlerFacts {
            work_s: match &self.spec {
                HandlerSpec::Null => Some(0.0),
                HandlerSpec::Simulate(simulate) => Some(simulate.work.mean_s()),
                _ => None,
            },
            fails_on_purpose: matches!(&self.spec, HandlerSpec::Simulate(simulate) if simulate.fail > 0.0),
            #[cfg(feature = "topic")]
            commits_partitions: matches!(self.spec, HandlerSpec::Topic { .. }) && self.settings.topic.transactional,
            #[cfg(not(feature = "topic"))]
            commits_partitions: false,
            uses_stdout: matches!(self.spec, HandlerSpec::Ndjson { path: None }),
        }
    }

    fn open(&self, context: &HandlerContext) -> Result<Arc<dyn RunHandlers>, HandlerError> {
        let context = &HandlerSetup { context: context.clone(), settings: self.settings.clone() };
        Ok(match &self.spec {
            HandlerSpec::Null => return NullFactory.open(context),
            HandlerSpec::Simulate(settings) => Arc::new(SimulateHandlers::new(*settings)?),
            #[cfg(feature = "files")]
            HandlerSpec::Files { format, .. } if context.preview_only => Arc::new(DryRunFiles::open(*format, context)?),
            #[cfg(feature = "files")]
            HandlerSpec::Ndjson { path: Some(path) } if context.preview_only && path.is_dir() => {
                Arc::new(DryRunFiles::open(FileFormat::Ndjson, context)?)
            }
            #[cfg(feature = "files")]
            HandlerSpec::Files { format, dir } => Arc::new(FilesHandlers::open(*format, dir, context)?),
            HandlerSpec::Ndjson { .. } if context.preview_only => Arc::new(ndjson::PreviewHandlers::of(context)),
            #[cfg(feature = "files")]
            HandlerSpec::Ndjson { path: Some(path) } if path.is_dir() => {
                Arc::new(FilesHandlers::open(FileFormat::Ndjson, path, context)?)
            }
            HandlerSpec::Ndjson { path } => Arc::new(ndjson::NdjsonHandlers::open(path.as_deref(), context)?),
            #[cfg(feature = "exec")]
            HandlerSpec::Exec { command } => Arc::new(crate::exec::ExecHandlers::open(command, context)?),
            #[cfg(feature = "http")]
            HandlerSpec::Http { url } => Arc::new(crate::http::HttpHandlers::open(url.as_ref(), context)?),
            #[cfg(feature = "projection")]
            HandlerSpec::Projection { path } => {
                Arc::new(crate::projection::ProjectionHandlers::open(path.as_deref(), context)?)
            }
            #[cfg(feature = "topic")]
            HandlerSpec::Topic { name } => Arc::new(crate::topic::open(name.as_ref(), context)?),
            #[cfg(not(all(
                feature = "exec",
                feature = "files",
                feature = "http",
                feature = "projection",
                feature = "topic"
            )))]
            other => {
                let reason = "it is not part of this build; enable its feature of kreplay-handlers".into();
                return Err(HandlerError::Settings { handler: other.kind(), reason });
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use kreplay_engine::handler::{HandlerNeeds, RunEnd, testing::lane};
    use kreplay_model::domain::TopicPartition;

    use super::*;

    fn source(spec: &str) -> Arc<dyn RunHandlers> {
        spec.parse::<HandlerSpec>()
            .map(BuiltInHandler::from)
            .unwrap()
            .open(&HandlerContext::testing(&[TopicPartition::new("t", 0)]))
            .unwrap()
    }

    #[test]
    fn handlers_report_their_needs_and_expected_time() {
        assert_eq!(source("null").needs(), HandlerNeeds::WITHOUT_HEADERS);
        assert_eq!(source("simulate:2ms").needs().expected_s, Some(0.002));
        assert_eq!(source("simulate:0,fail=1").make(3).handle(&[lane(0, 1)]).len(), 1);
        source("null").finish(RunEnd::default()).unwrap();
    }

    #[test]
    fn workers_and_processes_share_one_file_line_by_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        // Each source opens the file separately, as another process would.
        let sources = [(); 2].map(|()| source(&format!("ndjson:{}", path.display())));
        assert!(sources[0].needs().headers);
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let mut handler = sources[worker % 2].make(0);
                scope.spawn(move || (0..50).for_each(|_| assert_eq!(handler.handle(&[lane(0, 20)]), [])));
            }
        });
        for source in &sources {
            source.finish(RunEnd::default()).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 4 * 50 * 20);
        assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_an_error_before_the_run() {
        let spec: HandlerSpec = "ndjson:/no/such/dir/out".parse().unwrap();
        let error = BuiltInHandler::from(spec).open(&HandlerContext::testing(&[])).err().unwrap().to_string();
        assert!(error.starts_with("cannot open /no/such/dir/out"), "{error}");
    }
}
