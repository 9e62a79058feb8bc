//! What a run counts and measures beside the counters of its partitions.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use kreplay_model::domain::{Record, Route};
use parking_lot::Mutex;

use crate::{handler::LaneRun, journal::JournalTotals};

/// After this number of events of one kind about single records, only one record in a hundred gets its own event. All
/// are counted.
const MAX_UNSAMPLED_EVENTS: u64 = 200;

/// The counters of a run.
pub struct RunCounters {
    /// The handling time of one record, in nanoseconds.
    pub latency_ns: Mutex<Histogram<u64>>,
    /// The time from the client to the end of handling, in nanoseconds per record; only for runs with a probe.
    pub journey_ns: Option<Mutex<Histogram<u64>>>,
    /// Number of retries.
    pub retried: AtomicU64,
    /// Records that wait for the revocation of their partition, for events.
    pub fenced_waits: AtomicU64,
    /// Number of skipped records.
    pub skipped: AtomicU64,
    /// Number of settled barriers.
    pub barriers: AtomicU64,
    /// Number of dead letters acknowledged by the broker.
    pub dead_lettered: AtomicU64,
    /// Number of records that failed and were quarantined with their keys.
    pub quarantined: AtomicU64,
    /// Number of settled records for which the key template gave no key.
    pub unkeyed: AtomicU64,
    /// Number of settled records that a rule could not judge, and that did not fail because of it.
    pub unjudged: AtomicU64,
    /// Number of those that were excluded.
    pub unjudged_dropped: AtomicU64,
    /// Whether the first unjudged record was reported.
    unjudged_reported: AtomicBool,
    last_done: Mutex<Option<Instant>>,
    last_read: Mutex<Option<Instant>>,
}

impl RunCounters {
    /// The counters of a run at its start. `has_probe`: the time from the client to the end of handling is measured.
    #[must_use]
    pub fn new(has_probe: bool) -> Self {
        Self {
            latency_ns: Mutex::new(latency_histogram()),
            journey_ns: has_probe.then(|| Mutex::new(latency_histogram())),
            retried: AtomicU64::new(0),
            fenced_waits: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            barriers: AtomicU64::new(0),
            dead_lettered: AtomicU64::new(0),
            quarantined: AtomicU64::new(0),
            unkeyed: AtomicU64::new(0),
            unjudged: AtomicU64::new(0),
            unjudged_dropped: AtomicU64::new(0),
            unjudged_reported: AtomicBool::new(false),
            last_done: Mutex::new(None),
            last_read: Mutex::new(None),
        }
    }

    /// Continues the counters of an earlier attempt.
    pub fn restore(&self, before: &JournalTotals) {
        self.retried.store(before.retried, Relaxed);
        self.skipped.store(before.skipped, Relaxed);
        self.dead_lettered.store(before.dead_lettered, Relaxed);
        self.unjudged.store(before.unjudged, Relaxed);
        self.unjudged_dropped.store(before.unjudged_dropped, Relaxed);
        self.unjudged_reported.store(before.unjudged > 0, Relaxed);
        self.unkeyed.store(before.unkeyed, Relaxed);
        self.barriers.store(before.barriers, Relaxed);
    }

    /// The counters that a journal keeps, in these totals.
    #[must_use]
    pub fn added_to(&self, totals: JournalTotals) -> JournalTotals {
        JournalTotals {
            retried: self.retried.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            dead_lettered: self.dead_lettered.load(Relaxed),
            unjudged: self.unjudged.load(Relaxed),
            unjudged_dropped: self.unjudged_dropped.load(Relaxed),
            unkeyed: self.unkeyed.load(Relaxed),
            barriers: self.barriers.load(Relaxed),
            ..totals
        }
    }

    /// Number of records that failed for good and were passed over.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.skipped.load(Relaxed) + self.dead_lettered.load(Relaxed)
    }

    /// Measures the handling of a batch.
    pub(super) fn note_batch(&self, batch: &[LaneRun], records: usize, per_record: Duration) {
        self.latency_ns
            .lock()
            .saturating_record_n(u64::try_from(per_record.as_nanos()).unwrap_or(u64::MAX).max(1), records as u64);
        let Some(journey_ns) = &self.journey_ns else { return };
        let (now, mut journey_ns) = (Instant::now(), journey_ns.lock());
        for run in batch {
            for chunk in run.records.chunk_by(|a, b| a.fetched() == b.fetched()) {
                let Some(fetched) = chunk.first().and_then(Record::fetched) else { continue };
                let took = now.saturating_duration_since(fetched).as_nanos();
                journey_ns.saturating_record_n(u64::try_from(took).unwrap_or(u64::MAX).max(1), chunk.len() as u64);
            }
        }
    }

    /// Counts what the rules said about a settled record. A record that was only read is read again when the run is
    /// resumed, so it does not count yet.
    pub(super) fn note_settled(&self, route: &Route) {
        if route.unkeyed {
            self.unkeyed.fetch_add(1, Relaxed);
        }
        if route.unjudged {
            self.unjudged.fetch_add(1, Relaxed);
            self.unjudged_dropped.fetch_add(u64::from(route.filtered), Relaxed);
        }
    }

    /// Notes an unjudged record. Returns whether it is the first one; only that one is reported.
    pub(super) fn note_unjudged(&self) -> bool {
        !self.unjudged_reported.swap(true, Relaxed)
    }

    /// Notes that a worker has finished a batch.
    pub(super) fn note_done(&self, now: Instant) {
        *self.last_done.lock() = Some(now);
    }

    /// Notes that records were read.
    pub(super) fn note_read(&self, now: Instant) {
        *self.last_read.lock() = Some(now);
    }

    /// When records were last read.
    #[must_use]
    pub fn last_read(&self) -> Option<Instant> {
        *self.last_read.lock()
    }

    /// When a worker last finished a batch.
    #[must_use]
    pub fn last_done(&self) -> Option<Instant> {
        *self.last_done.lock()
    }
}

/// Counts one more record of a kind. Returns whether it gets its own event.
pub(super) fn count_reported(counter: &AtomicU64) -> bool {
    let count = counter.fetch_add(1, Relaxed) + 1;
    count <= MAX_UNSAMPLED_EVENTS || count.is_multiple_of(100)
}

/// From one nanosecond to one hour, with two significant digits: about 50 KB.
fn latency_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000_000, 2).unwrap_or_else(|_| {
        // The library accepts these constant bounds. The smallest histogram resizes itself as needed.
        let mut histogram = Histogram::new(1).unwrap_or_else(|_| std::process::abort());
        histogram.auto(true);
        histogram
    })
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::Ordering::Relaxed, time::Duration};

    use crate::{
        replay::{engine::fixture::Fixture, partition::Owner},
        settings::Settings,
    };

    /// A resumed run reads records again that were read and not settled.
    #[test]
    fn a_record_counts_as_unjudged_once_it_is_settled() {
        let log = [vec![Some(0), Some(1), Some(0), Some(1)]];
        let fixture = Fixture { unjudged: 0..4, excluded: 0..1, ..Fixture::with(&log, Settings::default()) };
        let engine = &fixture.engine;
        let _ = engine.scheduler.set_workers(1);
        engine.partitions.with(0, |partition| partition.begin(0, 0, Owner::Shared));
        fixture.deliver(0, 0, 0..4);
        let counts = || (engine.counters.unjudged.load(Relaxed), engine.counters.unjudged_dropped.load(Relaxed));
        assert_eq!(counts(), (1, 1), "the excluded record is settled");
        let mut batch = Vec::new();
        while engine.scheduler.try_take(0, &mut batch) {
            engine.settle(std::mem::take(&mut batch), &[], Duration::ZERO);
        }
        assert_eq!(counts(), (4, 1));
        assert_eq!(engine.events.since(0).len(), 1, "the first one is reported");
    }
}
