//! Reads records for a plan, without a group and without committing.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

use kreplay_kafka::{Client, ClientError, KafkaConfig, RawRecord, Reader};
use kreplay_model::{
    domain::{Route, Tier},
    feed::{FetchSpeed, Planning},
};

use super::{
    error::ScanError,
    estimate::ScanResult,
    follow::{Limits, ScanVisitor, follow},
    slices::{Slice, slices},
    tally::Tally,
};
use crate::{
    decode::retry_until,
    plan::{Plan, TimestampMonitor},
};

pub use super::slices::ScanSize;

/// How long the reading speed is measured before a sample is read.
const SPEED_SAMPLE_TIME: Duration = Duration::from_millis(150);
/// The maximum bytes per partition in a fetch for a sample: enough for a slice of a thousand records of 100 bytes.
/// librdkafka's default of 1 MiB would fetch ten times as much as is needed.
const SAMPLE_FETCH_BYTES: &str = "131072";

/// Timeouts of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanTimeouts {
    /// A sample ends after this time with what it has. A full scan does not.
    pub sample: Duration,
    /// If no records arrive for this long, the scan fails.
    pub silence: Duration,
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
    let limits = |until| Limits { until, silence: timeouts.silence, cancel, begun };
    let mut pass = ScanPass { plan, timeouts, cancel, tally: tally()?, speed: Speed::default(), batch_bytes: 0 };
    let read = if full {
        let until = (size != ScanSize::Full).then_some(timeouts.sample);
        follow(plan, Reader::new(client.clone(), tier)?, slices, limits(until), &mut pass, progress)
    } else {
        let reader = Reader::new(client.clone(), tier)?;
        follow(plan, reader, whole, limits(Some(SPEED_SAMPLE_TIME)), &mut pass, &mut |_| {}).and_then(|_| {
            pass.tally = tally()?;
            let speed = pass.speed;
            let reader = sampling_reader(client, plan, tier)?;
            let result = follow(plan, reader, slices, limits(Some(timeouts.sample)), &mut pass, progress);
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

/// Passes a plan's records to a visitor: all of them, or a sample spread evenly over the range of every partition.
/// Nothing is committed, and no group is used. `progress` is called from time to time. Returns whether all records were
/// read; otherwise it was a sample.
///
/// # Errors
/// Partitions cannot be read, brokers do not answer, `cancel` was set, or the visitor's error.
#[allow(clippy::too_many_arguments, reason = "those of `scan`, and the visitor")]
pub fn visit(
    client: &Client,
    tier: Tier,
    plan: &Plan,
    size: ScanSize,
    timeouts: ScanTimeouts,
    cancel: &AtomicBool,
    visitor: &mut dyn ScanVisitor,
    progress: &mut dyn FnMut(Planning),
) -> Result<bool, ScanError> {
    let slices = slices(&plan.partitions, size);
    let full = slices == full_slices(plan);
    let until = (size != ScanSize::Full).then_some(timeouts.sample);
    let reader = if full { Reader::new(client.clone(), tier)? } else { sampling_reader(client, plan, tier)? };
    let limits = Limits { until, silence: timeouts.silence, cancel, begun: Instant::now() };
    follow(plan, reader, slices, limits, visitor, progress).map(|complete| full && complete)
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
    tally: Tally,
    speed: Speed,
    batch_bytes: u64,
}

impl ScanVisitor for ScanPass<'_> {
    fn fetched(&mut self, at: usize, record: &RawRecord<'_>) {
        self.tally.note_time(&self.plan.partitions[at].id, at, record.offset(), record.timestamp_ms());
    }

    fn record(&mut self, at: usize, record: &RawRecord<'_>) -> Result<(), ScanError> {
        let (rules, tally) = (&self.plan.selection.scope.rules, &mut self.tally);
        let size = size_of(record);
        self.batch_bytes += size;
        let wanted = || !self.cancel.load(Relaxed);
        let route: Route = retry_until(self.timeouts.silence, wanted, |_| {}, || rules.route(record))
            .map_err(|reason| ScanError::Undecodable(reason.to_string()))?;
        if route.unjudged && tally.unjudged.is_none() {
            let (id, offset) = (&self.plan.partitions[at].id, record.offset());
            let reason = rules.why_unjudged(record).unwrap_or_default();
            tally.unjudged = Some(format!("{id} at {offset} ({reason})"));
        }
        let label = rules.lane_key(record).unwrap_or_default();
        tally.add(at, record.offset(), route, &label, size);
        Ok(())
    }

    fn covered(&mut self, at: usize, offsets: u64) {
        self.tally.cover(at, offsets);
    }

    fn batch(&mut self, records: u64) {
        self.speed.note(records, self.batch_bytes);
        self.batch_bytes = 0;
    }
}

fn size_of(record: &RawRecord<'_>) -> u64 {
    (record.key().map_or(0, <[u8]>::len) + record.value().map_or(0, <[u8]>::len)) as u64
}
