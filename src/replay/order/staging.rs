//! Between reading and the lanes: where records wait for others that belong before them.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use parking_lot::{Mutex, MutexGuard};

use super::{
    time_order::TimeOrder,
    young::{Nursery, Question},
};
use crate::domain::Record;

/// How long a partition at the end of a log that is followed keeps the others waiting in time order: records that were
/// written at about the same time arrive within it.
const GRACE: Duration = Duration::from_millis(500);
/// What waits here may take a quarter of the memory for records.
pub const PART_OF_BUFFER: u64 = 4;

/// Where records wait for others that belong before them: in time order, and those of new partitions.
#[derive(Debug)]
pub struct Staging {
    stages: Mutex<Stages>,
    /// Whether there is anything to wait for at all: most runs never take the lock.
    is_on: AtomicBool,
}

/// The two reasons to wait. A run in time order needs no other care for new partitions.
#[derive(Debug)]
pub struct Stages {
    time: Option<TimeOrder>,
    young: Nursery,
}

impl Staging {
    /// For a run over so many partitions.
    #[must_use]
    pub fn new(time_order: bool, partitions: usize) -> Self {
        let time = time_order.then(|| TimeOrder::new(partitions, GRACE));
        Self { stages: Mutex::new(Stages { time, young: Nursery::default() }), is_on: AtomicBool::new(time_order) }
    }

    /// The stages, where records have to pass them.
    pub fn lock(&self) -> Option<MutexGuard<'_, Stages>> {
        self.is_on.load(Relaxed).then(|| self.stages.lock())
    }

    /// Whether records have to pass the stages.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    /// A partition of a topic that is being read has joined: see [`Nursery::join`].
    pub fn join(&self, young: u32, older: impl IntoIterator<Item = (u32, i64)>) {
        let mut stages = self.stages.lock();
        if let Some(time) = &mut stages.time {
            time.grow(young as usize + 1);
        } else {
            stages.young.join(young, older, Instant::now());
            self.is_on.store(true, Relaxed);
        }
    }

    /// The memory that records of each of these partitions take here.
    #[must_use]
    pub fn bytes_of(&self, partitions: &[u32]) -> Option<Vec<u64>> {
        let stages = self.lock()?;
        Some(partitions.iter().map(|partition| stages.bytes_of(*partition)).collect())
    }

    /// Whether what waits here waits for reading to go on.
    #[must_use]
    pub fn is_starved(&self) -> bool {
        self.lock()
            .is_some_and(|stages| stages.time.as_ref().is_some_and(TimeOrder::is_starved) || stages.young.is_starved())
    }

    /// New partitions for which the ends of the old ones are to be looked up.
    #[must_use]
    pub fn questions(&self) -> Vec<Question> {
        self.lock().map(|stages| stages.young.questions(Instant::now())).unwrap_or_default()
    }
}

impl Stages {
    /// A record was read; it goes on at once or waits.
    pub fn put(&mut self, record: Record, through: &mut Vec<Record>) {
        match &mut self.time {
            Some(time) => time.put(record),
            None => through.extend(self.young.put(record)),
        }
    }

    /// A record was read that goes no further.
    pub fn left_out(&mut self, record: &Record) {
        if let Some(time) = &mut self.time {
            time.advance(record.partition, record.timestamp_ms);
        }
    }

    /// The lanes have everything of a partition below this offset, or it waits here. At an end nothing more comes: for good
    /// (`over`), or for the time being.
    pub fn passed(&mut self, partition: u32, offset: i64, end: Option<End>) {
        if let (Some(time), Some(end)) = (&mut self.time, end) {
            match end {
                End::Over => time.over(partition),
                End::Quiet => time.quiet(partition, Instant::now()),
            }
        }
        if !self.young.is_empty() {
            self.young.passed(partition, offset, false);
        }
    }

    /// A partition begins anew under another assignment.
    pub fn begin(&mut self, partition: u32, epoch: u32, start: i64) {
        if !self.young.is_empty() {
            self.young.drop_below(partition, epoch);
            self.young.passed(partition, start, true);
        }
    }

    /// Nothing more comes of a partition, here and now.
    pub fn gone(&mut self, partition: u32) {
        if let Some(time) = &mut self.time {
            time.over(partition);
        }
        if !self.young.is_empty() {
            self.young.forget(partition);
        }
    }

    /// The ends that a question was about.
    pub fn answer(&mut self, question: &Question, ends: impl IntoIterator<Item = (u32, i64)>) {
        self.young.answer(question, ends);
    }

    /// What can go on now.
    pub fn release(&mut self, through: &mut Vec<Record>) {
        if let Some(time) = &mut self.time {
            time.release(Instant::now(), |record| through.push(record));
        }
        self.young.release(|record| through.push(record));
    }

    fn bytes_of(&self, partition: u32) -> u64 {
        self.time.as_ref().map_or(0, |time| time.bytes_of(partition)) + self.young.bytes_of(partition)
    }
}

/// What the end of a partition means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing more is read of it.
    Over,
    /// More may be written to it.
    Quiet,
}
