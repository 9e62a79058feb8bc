//! Reads records for a plan, without a group and without committing.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use kreplay_kafka::{Client, ClientError, Consumer, Fetched, KafkaConfig, RawRecord, Reader, is_final};
use kreplay_model::{
    domain::{Offset, Route, Tier, TopicPartition},
    feed::{FetchSpeed, Planning},
};

use super::{
    estimate::ScanResult,
    slices::{Slice, slices},
    tally::Tally,
    walk::{Step, Walk, WalkResult},
};
use crate::{
    decode::retry_until,
    plan::{Plan, TimestampMonitor},
};

pub use super::slices::ScanSize;

const MAX_READ_RECORDS: usize = 1000;
const READ_TIMEOUT: Duration = Duration::from_millis(10);
/// How long the reading speed is measured before a sample is read.
const SPEED_SAMPLE_TIME: Duration = Duration::from_millis(150);
/// The maximum bytes per partition in a fetch for a sample: enough for a slice of a thousand records of 100 bytes.
/// librdkafka's default of 1 MiB would fetch ten times as much as is needed.
const SAMPLE_FETCH_BYTES: &str = "131072";
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);

/// Timeouts of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanTimeouts {
    /// A sample ends after this time with what it has. A full scan does not.
    pub sample: Duration,
    /// If no records arrive for this long, the scan fails.
    pub silence: Duration,
}

/// Why the records of a plan could not be scanned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Planning was cancelled.
    #[error("stopped before the plan was made; nothing was changed")]
    Cancelled,
    /// No records arrived.
    #[error("no records of {partition} arrived within {seconds} s although the log has some; check the broker")]
    Silent {
        /// A partition that was being read.
        partition: TopicPartition,
        /// The timeout.
        seconds: u64,
    },
    /// A partition cannot be read.
    #[error("{partition} cannot be read: {reason}")]
    Unreadable {
        /// The partition.
        partition: String,
        /// The broker's message.
        reason: String,
    },
    /// A record could not be decoded because the schema registry does not answer.
    #[error("{0}")]
    Undecodable(String),
    /// No client could be created, or it cannot connect.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The histogram of record sizes could not be created.
    #[error("record sizes cannot be counted: {0}")]
    Sizes(String),
}

/// Scans a plan's records: all of them, or a sample spread evenly over the range of every partition. Nothing is
/// committed, and no group is used. `progress` is called from time to time.
///
/// # Errors
/// Partitions cannot be read, brokers do not answer, or `cancel` was set.
pub fn scan(
    client: &Client,
    tier: Tier,
    plan: &Plan,
    size: ScanSize,
    timeouts: ScanTimeouts,
    cancel: &AtomicBool,
    progress: &mut dyn FnMut(Planning),
) -> Result<ScanResult, ScanError> {
    let begun = Instant::now();
    let slices = slices(&plan.partitions, size);
    let whole: Vec<Vec<Slice>> = full_slices(plan);
    let full = slices == whole;
    let count = slices.iter().map(Vec::len).sum::<usize>() as u64;
    let tally = || {
        let mut tally = Tally::new(&plan.partitions, full).map_err(|error| ScanError::Sizes(format!("{error:?}")))?;
        tally.clocks = TimestampMonitor::of(plan);
        Ok::<_, ScanError>(tally)
    };
    let mut pass = ScanPass { plan, timeouts, cancel, begun, tally: tally()?, speed: Speed::default() };
    let read = if full {
        let until = (size != ScanSize::Full).then_some(timeouts.sample);
        pass.read(Reader::new(client.clone(), tier)?, slices, until, progress)
    } else {
        let mut quiet = |_| {};
        pass.read(Reader::new(client.clone(), tier)?, whole, Some(SPEED_SAMPLE_TIME), &mut quiet).and_then(|_| {
            pass.tally = tally()?;
            let speed = pass.speed;
            let result = pass.read(sampling_reader(client, plan, tier)?, slices, Some(timeouts.sample), progress);
            pass.speed = speed;
            result
        })
    };
    read.map(|complete| ScanResult {
        full: full && complete,
        complete,
        slices: count,
        elapsed_s: begun.elapsed().as_secs_f64(),
        fetch: pass.speed.result(),
        tally: pass.tally,
    })
}

fn full_slices(plan: &Plan) -> Vec<Vec<Slice>> {
    slices(&plan.partitions, ScanSize::Full)
}

/// A reader with small fetches.
fn sampling_reader(client: &Client, plan: &Plan, tier: Tier) -> Result<Reader, ClientError> {
    let KafkaConfig { bootstrap_servers, mut properties } = client.config().clone();
    if !["fetch.message.max.bytes", "max.partition.fetch.bytes"].iter().any(|name| properties.contains_key(*name)) {
        properties.insert("fetch.message.max.bytes".into(), SAMPLE_FETCH_BYTES.into());
    }
    Reader::connect(&KafkaConfig { bootstrap_servers, properties }, client.health(), tier, &plan.topics)
}

/// Measures the reading speed, from the first batch on.
#[derive(Clone, Copy, Debug, Default)]
struct Speed {
    first: Option<Instant>,
    last: Option<Instant>,
    records: u64,
    bytes: u64,
}

impl Speed {
    fn note(&mut self, records: u64, bytes: u64) {
        if records == 0 {
            return;
        }
        let now = Instant::now();
        if self.first.is_none() {
            // The first batch may have waited while others arrived, so it only starts the measurement.
            self.first = Some(now);
        } else {
            self.records += records;
            self.bytes += bytes;
        }
        self.last = Some(now);
    }

    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    fn result(&self) -> FetchSpeed {
        let span = self.first.zip(self.last).map_or(0.0, |(first, last)| (last - first).as_secs_f64());
        if span < 1e-3 || self.records < 1000 {
            return FetchSpeed::default();
        }
        FetchSpeed { records_per_s: self.records as f64 / span, bytes_per_s: self.bytes as f64 / span }
    }
}

struct ScanPass<'a> {
    plan: &'a Plan,
    timeouts: ScanTimeouts,
    cancel: &'a AtomicBool,
    begun: Instant,
    tally: Tally,
    speed: Speed,
}

impl ScanPass<'_> {
    /// Reads the slices. Returns whether all of them were read before `until`, which counts from the first record on.
    fn read(
        &mut self,
        mut reader: Reader,
        slices: Vec<Vec<Slice>>,
        until: Option<Duration>,
        progress: &mut dyn FnMut(Planning),
    ) -> Result<bool, ScanError> {
        let wanted = slices.iter().flatten().map(|slice| slice.end.abs_diff(slice.start)).sum();
        let mut walk = Walk::new(slices);
        let result = self.follow(&mut reader, &mut walk, wanted, until, progress);
        reader.close();
        result
    }

    fn follow(
        &mut self,
        reader: &mut Reader,
        walk: &mut Walk,
        wanted: u64,
        until: Option<Duration>,
        progress: &mut dyn FnMut(Planning),
    ) -> Result<bool, ScanError> {
        let index: HashMap<&TopicPartition, usize> =
            self.plan.partitions.iter().enumerate().map(|(at, one)| (&one.id, at)).collect();
        let starts: Vec<(usize, i64)> = walk.starts().collect();
        for (at, offset) in starts {
            reader.start(&self.plan.partitions[at].id, Offset::new(offset).unwrap_or_default())?;
        }
        self.speed = Speed::default();
        let (mut last_data, mut last_progress, mut read) = (Instant::now(), self.begun, 0);
        let mut deadline: Option<Instant> = None;
        let mut steps: Vec<(usize, Step)> = Vec::new();
        while walk.open() > 0 {
            if self.cancel.load(Relaxed) {
                return Err(ScanError::Cancelled);
            }
            let mut error = None;
            let (mut records, mut bytes) = (0, 0);
            let mut last: Option<((usize, i32), Option<usize>)> = None;
            let rules = &self.plan.selection.scope.rules;
            let tally = &mut self.tally;
            let count = reader.read(READ_TIMEOUT, MAX_READ_RECORDS, &mut |fetched| {
                if matches!(error, Some(ScanError::Undecodable(_))) {
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
                        tally.note_time(&self.plan.partitions[at].id, at, record.offset(), record.timestamp_ms());
                        let taken = walk.record(at, record.offset());
                        if taken.counts {
                            let size = size_of(&record);
                            records += 1;
                            bytes += size;
                            let wanted = || !self.cancel.load(Relaxed);
                            let routed = retry_until(self.timeouts.silence, wanted, |_| {}, || rules.route(&record));
                            let route: Route = match routed {
                                Ok(route) => route,
                                Err(reason) => {
                                    error = Some(ScanError::Undecodable(reason.to_string()));
                                    return;
                                }
                            };
                            if route.unjudged && tally.unjudged.is_none() {
                                let (id, offset) = (&self.plan.partitions[at].id, record.offset());
                                let reason = rules.why_unjudged(&record).unwrap_or_default();
                                tally.unjudged = Some(format!("{id} at {offset} ({reason})"));
                            }
                            let label = rules.lane_key(&record).unwrap_or_default();
                            tally.add(at, record.offset(), route, &label, size);
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
                tally.cover(at, covered);
                read += covered;
                if step != Step::Stay {
                    steps.push((at, step));
                }
            });
            if let Some(error) = error {
                return Err(error);
            }
            self.speed.note(records, bytes);
            self.apply(reader, &mut steps)?;
            let now = Instant::now();
            if count > 0 {
                last_data = now;
                deadline = deadline.or_else(|| until.map(|until| now + until));
            } else if now - last_data > self.timeouts.silence {
                return Err(self.silence_error(walk));
            }
            if now - last_progress > PROGRESS_INTERVAL {
                last_progress = now;
                progress(Planning { read, wanted });
            }
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Ok(false);
            }
        }
        progress(Planning { read, wanted });
        Ok(true)
    }

    fn apply(&self, reader: &mut Reader, steps: &mut Vec<(usize, Step)>) -> Result<(), ClientError> {
        for (at, step) in steps.drain(..) {
            let id = &self.plan.partitions[at].id;
            if step != Step::Stay {
                reader.stop(id);
            }
            if let Step::Seek(offset) = step {
                reader.start(id, Offset::new(offset).unwrap_or_default())?;
            }
        }
        Ok(())
    }

    fn silence_error(&self, walk: &Walk) -> ScanError {
        let at = walk.starts().next().map_or(0, |(at, _)| at);
        let partition = self.plan.partitions.get(at).map_or_else(|| TopicPartition::new("", 0), |one| one.id.clone());
        ScanError::Silent { partition, seconds: self.timeouts.silence.as_secs() }
    }
}

fn size_of(record: &RawRecord<'_>) -> u64 {
    (record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len)) as u64
}
