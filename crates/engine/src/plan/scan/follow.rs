//! Reads the slices of a plan's partitions, in order, with a reader.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use kreplay_kafka::{ClientError, Consumer, Fetched, RawRecord, Reader, is_final};
use kreplay_model::{
    domain::{Offset, TopicPartition},
    feed::Planning,
};

use super::{
    error::ScanError,
    slices::Slice,
    walk::{Step, Walk, WalkResult},
};
use crate::plan::Plan;

const MAX_READ_RECORDS: usize = 1000;
const READ_TIMEOUT: Duration = Duration::from_millis(10);
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);

/// Receives what is read.
pub trait ScanVisitor {
    /// A record that was fetched, within a slice or not. `at` is the index of its partition in the plan.
    fn fetched(&mut self, _at: usize, _record: &RawRecord<'_>) {}

    /// A record of a slice. Each is passed once.
    ///
    /// # Errors
    /// Ends the scan with this error.
    fn record(&mut self, at: usize, record: &RawRecord<'_>) -> Result<(), ScanError>;

    /// Offsets of a partition that are covered, with or without records.
    fn covered(&mut self, _at: usize, _offsets: u64) {}

    /// A batch was read: the number of its records within slices.
    fn batch(&mut self, _records: u64) {}
}

/// How long to read.
#[derive(Clone, Copy)]
pub(super) struct Limits<'a> {
    /// Ends reading this long after the first record; `None` reads everything.
    pub(super) until: Option<Duration>,
    /// If no records arrive for this long, the scan fails.
    pub(super) silence: Duration,
    /// Cancels the scan when it becomes true.
    pub(super) cancel: &'a AtomicBool,
    /// When the scan began.
    pub(super) begun: Instant,
}

/// Reads the slices. Returns whether all of them were read in time.
///
/// # Errors
/// Partitions cannot be read, brokers do not answer, the scan was cancelled, or the visitor's error.
pub(super) fn follow(
    plan: &Plan,
    mut reader: Reader,
    slices: Vec<Vec<Slice>>,
    limits: Limits<'_>,
    visitor: &mut dyn ScanVisitor,
    progress: &mut dyn FnMut(Planning),
) -> Result<bool, ScanError> {
    let wanted = slices.iter().flatten().map(|slice| slice.end.abs_diff(slice.start)).sum();
    let walk = Walk::new(slices);
    let result = Following { plan, reader: &mut reader, walk, wanted, limits }.run(visitor, progress);
    reader.close();
    result
}

struct Following<'a> {
    plan: &'a Plan,
    reader: &'a mut Reader,
    walk: Walk,
    wanted: u64,
    limits: Limits<'a>,
}

impl Following<'_> {
    fn run(&mut self, visitor: &mut dyn ScanVisitor, progress: &mut dyn FnMut(Planning)) -> Result<bool, ScanError> {
        let plan = self.plan;
        let index: HashMap<&TopicPartition, usize> =
            plan.partitions.iter().enumerate().map(|(at, one)| (&one.id, at)).collect();
        let starts: Vec<(usize, i64)> = self.walk.starts().collect();
        for (at, offset) in starts {
            self.reader.start(&self.plan.partitions[at].id, Offset::new(offset).unwrap_or_default())?;
        }
        let (mut last_data, mut last_progress, mut read) = (Instant::now(), self.limits.begun, 0);
        let mut deadline: Option<Instant> = None;
        let mut steps: Vec<(usize, Step)> = Vec::new();
        while self.walk.open() > 0 {
            if self.limits.cancel.load(Relaxed) {
                return Err(ScanError::Cancelled);
            }
            let mut error = None;
            let mut records = 0;
            let mut last: Option<((usize, i32), Option<usize>)> = None;
            let walk = &mut self.walk;
            let count = self.reader.read(READ_TIMEOUT, MAX_READ_RECORDS, &mut |fetched| {
                if error.is_some() {
                    return;
                }
                let (at, taken) = match fetched {
                    Fetched::Record(record) => {
                        let place = (record.topic_token(), record.partition());
                        let at = match last {
                            Some((known, at)) if known == place => at,
                            _ => index.get(&TopicPartition::new(record.topic(), record.partition())).copied(),
                        };
                        last = Some((place, at));
                        let Some(at) = at else { return };
                        visitor.fetched(at, &record);
                        let taken = walk.record(at, record.offset());
                        if taken.counts {
                            records += 1;
                            if let Err(failed) = visitor.record(at, &record) {
                                error = Some(failed);
                                return;
                            }
                        }
                        (at, taken)
                    }
                    Fetched::End { topic, partition, offset } => {
                        let Some(at) = index.get(&TopicPartition::new(topic, partition)).copied() else { return };
                        (at, walk.end(at, offset))
                    }
                    Fetched::Error { topic, partition, code, text } => {
                        if is_final(code) {
                            let reason = if text.is_empty() { code.to_string() } else { text.to_owned() };
                            error = Some(ScanError::Unreadable { partition: format!("{topic}-{partition}"), reason });
                        }
                        return;
                    }
                };
                let WalkResult { covered, step, .. } = taken;
                visitor.covered(at, covered);
                read += covered;
                if step != Step::Stay {
                    steps.push((at, step));
                }
            });
            if let Some(error) = error {
                return Err(error);
            }
            visitor.batch(records);
            self.apply(&mut steps)?;
            let now = Instant::now();
            if count > 0 {
                last_data = now;
                deadline = deadline.or_else(|| self.limits.until.map(|until| now + until));
            } else if now - last_data > self.limits.silence {
                return Err(self.silence_error());
            }
            if now - last_progress > PROGRESS_INTERVAL {
                last_progress = now;
                progress(Planning { read, wanted: self.wanted });
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(false);
            }
        }
        progress(Planning { read, wanted: self.wanted });
        Ok(true)
    }

    fn apply(&mut self, steps: &mut Vec<(usize, Step)>) -> Result<(), ClientError> {
        for (at, step) in steps.drain(..) {
            let id = &self.plan.partitions[at].id;
            if step != Step::Stay {
                self.reader.stop(id);
            }
            if let Step::Seek(offset) = step {
                self.reader.start(id, Offset::new(offset).unwrap_or_default())?;
            }
        }
        Ok(())
    }

    fn silence_error(&self) -> ScanError {
        let at = self.walk.starts().next().map_or(0, |(at, _)| at);
        let partition = self.plan.partitions.get(at).map_or_else(|| TopicPartition::new("", 0), |one| one.id.clone());
        ScanError::Silent { partition, seconds: self.limits.silence.as_secs() }
    }
}
