//! `ndjson`: writes each record as a JSON line to a file or standard output.

pub(super) mod line;
mod line_output;

use std::{path::Path, sync::Arc};

use kreplay_engine::rules::Rules;
use kreplay_model::domain::{AppendOnlyVec, Record, TopicPartition};
use parking_lot::Mutex;

use super::{
    BatchProgress, EffectForm, Handler, HandlerError, HandlerNeeds, LaneFailure, LaneRun, Preview, PreviewError,
    PreviewOnlyHandler, PreviewedEffect, RecordFailure, RecordIndex, RunEnd, RunHandlers,
};
use crate::{failure::preview_error, setup::HandlerSetup};
#[cfg(any(feature = "exec", feature = "http"))]
pub(super) use line::append_decoded;
use line_output::{LineOutput, WriteError};

/// A block of lines is written when it reaches this size, even within a batch, so that a batch of large records needs
/// no second copy of itself in memory.
const MAX_BLOCK_BYTES: usize = 1 << 20;

/// The `ndjson` handlers of a run: the output that all workers share.
#[derive(Clone, Debug)]
pub(super) struct NdjsonHandlers {
    lines: Arc<Mutex<LineOutput>>,
    partitions: Arc<AppendOnlyVec<TopicPartition>>,
    rules: Arc<Rules>,
}

impl NdjsonHandlers {
    pub(super) fn open(path: Option<&Path>, context: &HandlerSetup) -> Result<Self, HandlerError> {
        Ok(Self {
            lines: Arc::new(Mutex::new(LineOutput::open(path)?)),
            partitions: Arc::clone(&context.partitions),
            rules: Arc::clone(&context.rules),
        })
    }
}

impl RunHandlers for NdjsonHandlers {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(NdjsonHandler::new(self.clone()))
    }

    fn needs(&self) -> HandlerNeeds {
        HandlerNeeds { undecodable: true, ..HandlerNeeds::default() }
    }

    /// If this fails, records that count as handled may be lost in a system crash.
    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        self.lines.lock().finish()
    }
}

/// Handlers for previews only: it opens and writes nothing.
#[derive(Debug)]
pub(super) struct PreviewHandlers {
    partitions: Arc<AppendOnlyVec<TopicPartition>>,
    rules: Arc<Rules>,
}

impl PreviewHandlers {
    pub(super) fn of(context: &HandlerSetup) -> Self {
        Self { partitions: Arc::clone(&context.partitions), rules: Arc::clone(&context.rules) }
    }
}

impl RunHandlers for PreviewHandlers {
    /// Every record fails. Lines are written by [`NdjsonHandlers`].
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(PreviewOnlyHandler("the ndjson handler was opened for previews only"))
    }

    fn preview(&self) -> Result<Box<dyn Preview>, HandlerError> {
        Ok(Box::new(LinePreview { partitions: Arc::clone(&self.partitions), rules: Arc::clone(&self.rules) }))
    }
}

/// Builds the line of a record.
struct LinePreview {
    partitions: Arc<AppendOnlyVec<TopicPartition>>,
    rules: Arc<Rules>,
}

impl Preview for LinePreview {
    fn form(&self) -> EffectForm {
        EffectForm::Lines
    }

    fn preview(&mut self, record: &Record, effects: &mut Vec<PreviewedEffect>) -> Result<(), PreviewError> {
        let id = self.partitions.get(record.partition as usize);
        let id = id.ok_or_else(|| format!("partition {} is not in the plan", record.partition))?;
        let mut content = Vec::new();
        line::append_decoded(&mut content, id, &self.rules, record).map_err(|error| preview_error(error.into()))?;
        content.pop();
        effects.push(PreviewedEffect { what: "line".into(), content });
        Ok(())
    }
}

/// Writes lines. When a batch returns, its lines have been passed to the operating system. A failed batch may have
/// written lines that are written again on a retry.
#[derive(Debug)]
struct NdjsonHandler {
    output: NdjsonHandlers,
    block: Vec<u8>,
}

impl NdjsonHandler {
    fn new(output: NdjsonHandlers) -> Self {
        Self { output, block: Vec::new() }
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        let result = self.output.lines.lock().write(&self.block);
        self.block.clear();
        // One huge record must not hold its memory for the rest of the run.
        self.block.shrink_to(2 * MAX_BLOCK_BYTES);
        result
    }
}

impl Handler for NdjsonHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let mut progress = BatchProgress::new(batch);
        if let Err(write_error) = self.write_batch(batch, &mut progress) {
            progress.fail_left(write_error);
        }
        progress.failures()
    }
}

impl NdjsonHandler {
    fn write_batch(&mut self, batch: &[LaneRun], progress: &mut BatchProgress) -> Result<(), WriteError> {
        for (run, lane) in batch.iter().enumerate() {
            for (index, record) in lane.records.iter().enumerate() {
                let at = RecordIndex { run, index };
                if let Err(failure) = self.append(record) {
                    progress.fail(at, failure);
                    break;
                }
                if self.block.len() >= MAX_BLOCK_BYTES {
                    self.flush()?;
                    progress.handle_all_through(at);
                }
            }
        }
        self.flush()?;
        progress.handle_all();
        Ok(())
    }

    fn append(&mut self, record: &Record) -> Result<(), RecordFailure> {
        let source = self.output.partitions.get(record.partition as usize);
        let source = source.ok_or_else(|| format!("partition {} is not in the plan", record.partition))?;
        line::append_decoded(&mut self.block, source, &self.output.rules, record).map_err(RecordFailure::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Advice,
        testing::{lane, record},
    };

    fn handler(path: &Path) -> NdjsonHandler {
        let context = HandlerSetup::testing(&[TopicPartition::new("a", 0), TopicPartition::new("b", 1)]);
        NdjsonHandler::new(NdjsonHandlers::open(Some(path), &context).unwrap())
    }

    #[test]
    fn a_handled_batch_is_in_the_file_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let mut handler = handler(&path);
        let second = LaneRun { lane: 1, records: vec![record(1, 7, Some(b"\xfe"), None, &[])] };
        assert_eq!(handler.handle(&[lane(0, 2), second]), []);
        let text = std::fs::read_to_string(&path).unwrap();
        let got: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|line| format!("{}-{}@{}", line["topic"].as_str().unwrap(), line["partition"], line["offset"]))
            .collect();
        assert_eq!(got, ["a-0@0", "a-0@1", "b-1@7"]);
    }

    #[test]
    fn a_record_of_an_unknown_partition_fails_only_its_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let stray = LaneRun {
            lane: 0,
            records: vec![record(0, 0, None, None, &[]), record(9, 0, None, None, &[]), record(0, 1, None, None, &[])],
        };
        let failures = handler(&path).handle(&[stray, lane(1, 1)]);
        assert_eq!(failures.iter().map(|f| (f.run, f.done)).collect::<Vec<_>>(), [(0, 1)]);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
    }

    #[test]
    fn a_registry_that_does_not_answer_blames_no_record() {
        let dir = tempfile::tempdir().unwrap();
        let (context, unreadable) = HandlerSetup::without_registry(&[TopicPartition::new("a", 0)]);
        let previewed = PreviewHandlers::of(&context).preview().unwrap().preview(&unreadable, &mut Vec::new());
        assert!(matches!(previewed, Err(PreviewError::Unable(_))), "{previewed:?}");
        let mut handler = NdjsonHandler::new(NdjsonHandlers::open(Some(&dir.path().join("out")), &context).unwrap());
        let failures = handler.handle(&[LaneRun { lane: 0, records: vec![unreadable] }]);
        assert_eq!(failures.iter().map(|f| (f.run, f.done, f.advice)).collect::<Vec<_>>(), [(0, 0, Advice::Unable)]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_failed_write_fails_every_run_and_blames_no_record() {
        let failures = handler(Path::new("/dev/full")).handle(&[lane(0, 2), lane(1, 1)]);
        let ends: Vec<_> = failures.iter().map(|f| (f.run, f.done, f.advice)).collect();
        assert_eq!(ends, [(0, 0, Advice::Unable), (1, 0, Advice::Unable)]);
        assert!(failures[1].error.contains("/dev/full"), "{}", failures[1].error);
    }

    #[test]
    fn large_batches_are_written_in_blocks_of_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let value = vec![b'x'; MAX_BLOCK_BYTES / 3];
        let records = (0..10).map(|offset| record(0, offset, None, Some(&value), &[])).collect();
        let mut handler = handler(&path);
        assert_eq!(handler.handle(&[LaneRun { lane: 0, records }]), []);
        assert!(handler.block.capacity() <= 2 * MAX_BLOCK_BYTES);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 10);
    }
}
