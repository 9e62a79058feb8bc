//! A handler that remembers what it was given, can take its time, and can refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kreplay::domain::Record;
use kreplay::handler::{Advice, Handler, HandlerError, HandlerSource, LaneFailure, LaneRun, RunEnd};
use parking_lot::{Condvar, Mutex};

/// A record as the handler saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The index of the partition within the plan; with one topic, its number.
    pub partition: u32,
    pub offset: i64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Seen {
    fn of(record: &Record) -> Self {
        Self {
            partition: record.partition,
            offset: record.offset,
            timestamp: record.timestamp_ms,
            key: record.key().map(<[u8]>::to_vec),
            value: record.value().map(<[u8]>::to_vec),
            headers: record.headers().map(|one| (one.key.to_vec(), one.value.map(<[u8]>::to_vec))).collect(),
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    /// How many records may be handled before handling waits, while that is limited.
    allowed: Mutex<Option<usize>>,
    opened: Condvar,
}

/// Makes handlers that remember all records in the order in which they were handled.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    shared: Arc<Shared>,
    work: Duration,
    good: Option<usize>,
}

impl Recorder {
    /// Each record takes so long.
    pub fn taking(work: Duration) -> Self {
        Self { work, ..Self::default() }
    }

    /// After `good` records every further one fails.
    pub fn failing_after(good: usize) -> Self {
        Self { good: Some(good), ..Self::default() }
    }

    /// After `count` records handling waits until [`Recorder::open`].
    pub fn gated(count: usize) -> Self {
        let recorder = Self::default();
        *recorder.shared.allowed.lock() = Some(count);
        recorder
    }

    /// Lets handling go on for good.
    pub fn open(&self) {
        *self.shared.allowed.lock() = None;
        self.shared.opened.notify_all();
    }

    /// For a session.
    pub fn source(&self) -> Arc<dyn HandlerSource> {
        Arc::new(self.clone())
    }

    /// What was handled, in that order.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().clone()
    }

    /// How many records were handled.
    pub fn count(&self) -> usize {
        self.shared.seen.lock().len()
    }

    /// Checks that every record was handled exactly once, and those of each key of a partition in the order of the log.
    pub fn expect_each_once_in_order(&self, records: usize) {
        Self::expect_in_order(&self.seen(), records);
    }

    fn expect_in_order(seen: &[Seen], records: usize) {
        let mut last: BTreeMap<(u32, Option<Vec<u8>>), i64> = BTreeMap::new();
        let mut places = BTreeSet::new();
        for one in seen {
            assert!(places.insert((one.partition, one.offset)), "twice: {}@{}", one.partition, one.offset);
            if let Some(before) = last.insert((one.partition, one.key.clone()), one.offset) {
                assert!(before < one.offset, "{:?} of {}: {} after {before}", one.key, one.partition, one.offset);
            }
        }
        assert_eq!(seen.len(), records);
    }
}

impl HandlerSource for Recorder {
    fn make(&self, _worker: u32) -> Box<dyn Handler> {
        Box::new(RecordingHandler(self.clone()))
    }

    fn wants_headers(&self) -> bool {
        true
    }

    fn expected_s(&self) -> Option<f64> {
        None
    }

    fn finish(&self, _end: RunEnd) -> Result<(), HandlerError> {
        Ok(())
    }
}

struct RecordingHandler(Recorder);

impl RecordingHandler {
    fn handle_one(&self, record: &Record) -> Result<(), String> {
        let Recorder { shared, work, good } = &self.0;
        let mut allowed = shared.allowed.lock();
        while allowed.is_some_and(|allowed| shared.seen.lock().len() >= allowed) {
            shared.opened.wait(&mut allowed);
        }
        drop(allowed);
        if !work.is_zero() {
            std::thread::sleep(*work);
        }
        let mut seen = shared.seen.lock();
        if good.is_some_and(|good| seen.len() >= good) {
            return Err("refused by the test".into());
        }
        seen.push(Seen::of(record));
        Ok(())
    }
}

impl Handler for RecordingHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let mut failures = Vec::new();
        for (run, lane) in batch.iter().enumerate() {
            for (done, record) in lane.records.iter().enumerate() {
                if let Err(error) = self.handle_one(record) {
                    failures.push(LaneFailure { run, done, error, advice: Advice::Retry });
                    break;
                }
            }
        }
        failures
    }
}
