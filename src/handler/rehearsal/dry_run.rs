//! A dry run: handlers that build effects, count them, and apply none.

use std::sync::Arc;

use parking_lot::Mutex;

use super::tally::Tally;
use crate::{
    decode::Undecodable,
    domain::{Growing, Record, TopicPartition},
    feed::{RecordPlace, RehearsalView},
    handler::{
        Advice, Handler, HandlerContext, HandlerError, HandlerSource, LaneFailure, LaneRun, Preview, PreviewedEffect,
        RunEnd, Unbuilt,
    },
    plan::Rules,
};

/// Makes handlers that build effects and apply none.
pub(super) struct DryRun {
    inner: Arc<dyn HandlerSource>,
    partitions: Arc<Growing<TopicPartition>>,
    rules: Arc<Rules>,
    /// The first preview, which the first worker gets.
    first: Mutex<Option<Box<dyn Preview>>>,
    keeps_state: bool,
    tally: Arc<Mutex<Tally>>,
}

impl DryRun {
    /// # Errors
    /// There are no effects to build, or they cannot be built.
    pub(super) fn new(inner: Arc<dyn HandlerSource>, context: &HandlerContext) -> Result<Self, HandlerError> {
        let first = inner.preview()?;
        let keeps_state = first.keeps_state();
        let (partitions, rules) = (Arc::clone(&context.partitions), Arc::clone(&context.rules));
        Ok(Self { inner, partitions, rules, first: Mutex::new(Some(first)), keeps_state, tally: Arc::default() })
    }

    pub(super) fn keeps_state(&self) -> bool {
        self.keeps_state
    }
}

/// The preview of a worker: the one that is there already, or one of its own.
pub(super) fn preview_for(
    first: &Mutex<Option<Box<dyn Preview>>>,
    source: &dyn HandlerSource,
) -> Result<Box<dyn Preview>, String> {
    match first.lock().take() {
        Some(preview) => Ok(preview),
        None => source.preview().map_err(|error| error.to_string()),
    }
}

/// Every run of a batch fails for the whole run's reason.
pub(super) fn all_failed(batch: &[LaneRun], error: &str) -> Vec<LaneFailure> {
    (0..batch.len()).map(|run| LaneFailure { run, done: 0, error: error.to_owned(), advice: Advice::Stop }).collect()
}

/// A batch that goes no further than a record of one of its runs, because nothing can be built any more.
pub(super) fn stopped_at(batch: &[LaneRun], run: usize, done: usize, error: &str) -> Vec<LaneFailure> {
    let mut failures = all_failed(batch, error).split_off(run);
    failures[0].done = done;
    failures
}

/// Where a record stands, by the partitions of the run.
pub(super) fn place(partitions: &Growing<TopicPartition>, record: &Record) -> RecordPlace {
    let unknown = || RecordPlace { topic: "?".into(), partition: -1, offset: record.offset };
    partitions.get(record.partition as usize).map_or_else(unknown, |id| RecordPlace::of(id, record.offset))
}

impl HandlerSource for DryRun {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(DryHandler {
            preview: preview_for(&self.first, self.inner.as_ref()),
            partitions: Arc::clone(&self.partitions),
            rules: Arc::clone(&self.rules),
            tally: Arc::clone(&self.tally),
            effects: Vec::new(),
        })
    }

    fn wants_headers(&self) -> bool {
        self.inner.wants_headers()
    }

    fn expected_s(&self) -> Option<f64> {
        None
    }

    fn joined(&self, id: &TopicPartition) {
        self.inner.joined(id);
    }

    fn rehearsal(&self, _over: bool) -> Option<RehearsalView> {
        Some(RehearsalView::DryRun(self.tally.lock().view()))
    }

    /// Nothing was done that would have to be brought to an end.
    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        Ok(())
    }
}

struct DryHandler {
    preview: Result<Box<dyn Preview>, String>,
    partitions: Arc<Growing<TopicPartition>>,
    rules: Arc<Rules>,
    tally: Arc<Mutex<Tally>>,
    effects: Vec<PreviewedEffect>,
}

impl Handler for DryHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let preview = match &mut self.preview {
            Ok(preview) => preview,
            Err(error) => return all_failed(batch, error),
        };
        let mut failures = Vec::new();
        for (run, lane) in batch.iter().enumerate() {
            for (done, record) in lane.records.iter().enumerate() {
                let place = || place(&self.partitions, record);
                match self.rules.undecodable(record) {
                    None => {}
                    Some(bad @ Undecodable::Bad(_)) => {
                        self.tally.lock().failure(place, &bad.to_string());
                        continue;
                    }
                    Some(passing @ Undecodable::Unreachable(_)) => {
                        let error = passing.to_string();
                        failures.push(LaneFailure { run, done, error, advice: Advice::Retry });
                        break;
                    }
                }
                self.effects.clear();
                let built = preview.preview(record, &mut self.effects);
                match built {
                    Ok(()) => self.tally.lock().effects(place, &self.effects),
                    Err(Unbuilt::Record(error)) => self.tally.lock().failure(place, &error),
                    Err(Unbuilt::Stop(error)) => {
                        failures.extend(stopped_at(batch, run, done, &error));
                        return failures;
                    }
                }
            }
        }
        failures
    }
}
