//! Opens the handler that a [`HandlerSpec`] names.

use std::{sync::Arc, time::Duration};

use super::{
    Handler, HandlerContext, HandlerError, HandlerFactory, HandlerSource, HandlerSpec, Logs, PositionStore, Positions,
    Preview, RunEnd, exec,
    files::{DryRunFiles, FileFormat, FilesSource},
    http, ndjson, null,
    projection::ProjectionSource,
    simulate, topic,
};
use crate::{
    domain::{AppendOnlyVec, Offset, TopicPartition},
    feed::{DryRunFindings, EffectCount},
};

/// Opens the source of a run's handlers, with the state that they share.
///
/// # Errors
/// The target cannot be used, or the settings are invalid.
pub fn open(spec: &HandlerSpec, context: &HandlerContext) -> Result<Arc<dyn HandlerSource>, HandlerError> {
    let source: Box<dyn HandlerSource> = match spec {
        HandlerSpec::Null => Box::new(null::NullSource),
        HandlerSpec::Simulate(settings) => Box::new(simulate::SimulateSource::new(*settings)?),
        HandlerSpec::Files { format, .. } if context.preview_only => Box::new(DryRunFiles::open(*format, context)?),
        HandlerSpec::Ndjson { path: Some(path) } if context.preview_only && path.is_dir() => {
            Box::new(DryRunFiles::open(FileFormat::Ndjson, context)?)
        }
        HandlerSpec::Files { format, dir } => Box::new(FilesSource::open(*format, dir, context)?),
        HandlerSpec::Ndjson { .. } if context.preview_only => Box::new(ndjson::PreviewSource::of(context)),
        HandlerSpec::Ndjson { path: Some(path) } if path.is_dir() => {
            Box::new(FilesSource::open(FileFormat::Ndjson, path, context)?)
        }
        HandlerSpec::Ndjson { path } => Box::new(ndjson::NdjsonSource::open(path.as_deref(), context)?),
        HandlerSpec::Exec { command } => Box::new(exec::ExecSource::open(command, context)?),
        HandlerSpec::Http { url } => Box::new(http::HttpSource::open(url.as_ref(), context)?),
        HandlerSpec::Projection { path } => Box::new(ProjectionSource::open(path.as_deref(), context)?),
        HandlerSpec::Topic { name } => Box::new(topic::open(name.as_ref(), context)?),
    };
    Ok(Arc::new(Opened { source: Arc::from(source), partitions: Arc::clone(&context.partitions) }))
}

/// Opens the handlers of an embedding program.
///
/// # Errors
/// As [`HandlerFactory::open`].
pub fn open_with(
    factory: &dyn HandlerFactory,
    context: &HandlerContext,
) -> Result<Arc<dyn HandlerSource>, HandlerError> {
    Ok(Arc::new(Opened { source: factory.open(context)?, partitions: Arc::clone(&context.partitions) }))
}

/// A source that also records partitions which join the run.
struct Opened {
    source: Arc<dyn HandlerSource>,
    partitions: Arc<AppendOnlyVec<TopicPartition>>,
}

impl HandlerSource for Opened {
    fn make(&self, worker: u32) -> Box<dyn Handler> {
        self.source.make(worker)
    }

    fn wants_headers(&self) -> bool {
        self.source.wants_headers()
    }

    fn expected_s(&self) -> Option<f64> {
        self.source.expected_s()
    }

    fn batch_time(&self) -> Option<Duration> {
        self.source.batch_time()
    }

    fn decodes(&self) -> bool {
        self.source.decodes()
    }

    fn joined(&self, id: &TopicPartition) {
        self.partitions.push(id.clone());
        self.source.joined(id);
    }

    fn position_store(&self) -> PositionStore {
        self.source.position_store()
    }

    fn claim(&self, partitions: &[TopicPartition], logs: &Logs) -> Result<Vec<Option<Offset>>, HandlerError> {
        self.source.claim(partitions, logs)
    }

    fn watch(&self, positions: Arc<dyn Positions>) {
        self.source.watch(positions);
    }

    fn release(&self, partitions: &[u32]) {
        self.source.release(partitions);
    }

    fn effects(&self) -> Vec<EffectCount> {
        self.source.effects()
    }

    fn preview(&self) -> Result<Box<dyn Preview>, HandlerError> {
        self.source.preview()
    }

    fn dry_run_findings(&self, run_is_over: bool) -> Option<DryRunFindings> {
        self.source.dry_run_findings(run_is_over)
    }

    fn finish(&self, end: RunEnd) -> Result<(), HandlerError> {
        self.source.finish(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::testing::lane;

    fn source(spec: &str) -> Arc<dyn HandlerSource> {
        open(&spec.parse().unwrap(), &HandlerContext::testing(&[TopicPartition::new("t", 0)])).unwrap()
    }

    #[test]
    fn handlers_report_their_needs_and_expected_time() {
        assert_eq!((source("null").wants_headers(), source("null").expected_s()), (false, None));
        assert_eq!(source("simulate:2ms").expected_s(), Some(0.002));
        assert_eq!(source("simulate:0,fail=1").make(3).handle(&[lane(0, 1)]).len(), 1);
        source("null").finish(RunEnd::default()).unwrap();
    }

    #[test]
    fn workers_and_processes_share_one_file_line_by_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        // Each source opens the file separately, as another process would.
        let sources = [(); 2].map(|()| source(&format!("ndjson:{}", path.display())));
        assert!(sources[0].wants_headers());
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
        let spec = "ndjson:/no/such/dir/out".parse().unwrap();
        let error = open(&spec, &HandlerContext::testing(&[])).err().unwrap().to_string();
        assert!(error.starts_with("cannot open /no/such/dir/out"), "{error}");
    }
}
