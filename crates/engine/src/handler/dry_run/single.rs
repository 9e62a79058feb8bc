//! A dry run of one handler: builds effects and counts them.

use std::sync::Arc;

use kreplay_model::{
    domain::{AppendOnlyVec, Record, TopicPartition},
    feed::{DryRunFindings, RecordPlace},
};
use parking_lot::Mutex;

use super::tally::DryRunTally;
use crate::{
    decode::Undecodable,
    handler::{
        Advice, Handler, HandlerContext, HandlerError, HandlerNeeds, LaneFailure, LaneRun, Preview, PreviewError,
        PreviewedEffect, RunHandlers,
    },
    rules::Rules,
};

/// Creates handlers that build effects without applying them.
pub(super) struct CountingHandlers {
    inner: Arc<dyn RunHandlers>,
    partitions: Arc<AppendOnlyVec<TopicPartition>>,
    rules: Arc<Rules>,
    /// The first preview, which the first worker gets.
    first: Mutex<Option<Box<dyn Preview>>>,
    keeps_state: bool,
    tally: Arc<Mutex<DryRunTally>>,
}

impl CountingHandlers {
    /// # Errors
    /// The handler has no effects to build, or cannot build them.
    pub(super) fn new(inner: Arc<dyn RunHandlers>, context: &HandlerContext) -> Result<Self, HandlerError> {
        let first = inner.preview()?;
        let keeps_state = first.keeps_state();
        let (partitions, rules) = (Arc::clone(&context.partitions), Arc::clone(&context.rules));
        Ok(Self { inner, partitions, rules, first: Mutex::new(Some(first)), keeps_state, tally: Arc::default() })
    }

    pub(super) fn keeps_state(&self) -> bool {
        self.keeps_state
    }
}

/// The preview of a worker: the existing one if it is not taken, or else a new one.
pub(super) fn preview_for(
    first: &Mutex<Option<Box<dyn Preview>>>,
    handlers: &dyn RunHandlers,
) -> Result<Box<dyn Preview>, String> {
    match first.lock().take() {
        Some(preview) => Ok(preview),
        None => handlers.preview().map_err(|error| error.to_string()),
    }
}

/// Fails every run of a batch for the same reason and stops the run.
pub(super) fn all_failed(batch: &[LaneRun], error: &str) -> Vec<LaneFailure> {
    (0..batch.len()).map(|run| LaneFailure { run, done: 0, error: error.to_owned(), advice: Advice::Stop }).collect()
}

/// Stops a batch at a record of one of its runs, because no further effects can be built.
pub(super) fn stopped_at(batch: &[LaneRun], run: usize, done: usize, error: &str) -> Vec<LaneFailure> {
    let mut failures = all_failed(batch, error).split_off(run);
    failures[0].done = done;
    failures
}

/// The topic, partition and offset of a record.
pub(super) fn place_of(partitions: &AppendOnlyVec<TopicPartition>, record: &Record) -> RecordPlace {
    let unknown = || RecordPlace { topic: "?".into(), partition: -1, offset: record.offset };
    partitions.get(record.partition as usize).map_or_else(unknown, |id| RecordPlace::of(id, record.offset))
}

impl RunHandlers for CountingHandlers {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(DryRunHandler {
            preview: preview_for(&self.first, self.inner.as_ref()),
            partitions: Arc::clone(&self.partitions),
            rules: Arc::clone(&self.rules),
            tally: Arc::clone(&self.tally),
            effects: Vec::new(),
        })
    }

    fn needs(&self) -> HandlerNeeds {
        HandlerNeeds { headers: self.inner.needs().headers, ..HandlerNeeds::default() }
    }

    fn joined(&self, id: &TopicPartition) {
        self.inner.joined(id);
    }

    fn dry_run_findings(&self, _run_is_over: bool) -> Option<DryRunFindings> {
        Some(DryRunFindings::DryRun(self.tally.lock().view()))
    }
}

struct DryRunHandler {
    preview: Result<Box<dyn Preview>, String>,
    partitions: Arc<AppendOnlyVec<TopicPartition>>,
    rules: Arc<Rules>,
    tally: Arc<Mutex<DryRunTally>>,
    effects: Vec<PreviewedEffect>,
}

impl Handler for DryRunHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let preview = match &mut self.preview {
            Ok(preview) => preview,
            Err(error) => return all_failed(batch, error),
        };
        let mut failures = Vec::new();
        for (run, lane) in batch.iter().enumerate() {
            for (done, record) in lane.records.iter().enumerate() {
                let place = || place_of(&self.partitions, record);
                match self.rules.undecodable(record) {
                    None => {}
                    Some(bad @ Undecodable::Bad(_)) => {
                        self.tally.lock().failure(place, &bad.to_string());
                        continue;
                    }
                    Some(unreachable @ Undecodable::Unreachable(_)) => {
                        let error = unreachable.to_string();
                        failures.push(LaneFailure { run, done, error, advice: Advice::Unable });
                        break;
                    }
                }
                self.effects.clear();
                let built = preview.preview(record, &mut self.effects);
                match built {
                    Ok(()) => self.tally.lock().effects(place, &self.effects),
                    Err(PreviewError::Record(error)) => self.tally.lock().failure(place, &error),
                    Err(PreviewError::Unable(error)) => {
                        failures.push(LaneFailure { run, done, error, advice: Advice::Unable });
                        break;
                    }
                    Err(PreviewError::Stop(error)) => {
                        failures.extend(stopped_at(batch, run, done, &error));
                        return failures;
                    }
                }
            }
        }
        failures
    }
}
