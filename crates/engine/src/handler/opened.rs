//! Opens handlers for a run, and adds partitions that join the run to their list.

use std::{sync::Arc, time::Duration};

use kreplay_model::{
    domain::{AppendOnlyVec, Offset, TopicPartition},
    feed::{DryRunFindings, EffectCount},
};

use super::{
    Handler, HandlerContext, HandlerError, HandlerFactory, HandlerSource, Logs, PositionStore, Positions, Preview,
    RunEnd,
};

/// Opens the handlers of a run.
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
