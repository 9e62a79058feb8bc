//! Completion of batches: counts the settled records, and returns the lanes.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use kreplay_model::{
    domain::{Record, hash_content},
    feed::EventKind,
};

use super::Engine;
use crate::{
    handler::{LaneFailure, LaneRun},
    replay::{
        partition::SettledRecord,
        scheduler::{AfterFailure, ReturnedLane},
    },
};

/// After this number of events of one kind about single records, only one record in a hundred gets its own event. All
/// are counted.
const MAX_UNSAMPLED_EVENTS: u64 = 200;

/// Whether the n-th failure of a kind gets its own event.
pub fn is_reported(count: u64) -> bool {
    count <= MAX_UNSAMPLED_EVENTS || count.is_multiple_of(100)
}

impl Engine {
    /// Settles a batch after the handler has returned.
    pub fn settle(&self, batch: Vec<LaneRun>, failures: &[LaneFailure], elapsed: Duration) {
        let records: usize = batch.iter().map(|run| run.records.len()).sum();
        let per_record = elapsed / u32::try_from(records.max(1)).unwrap_or(u32::MAX);
        self.latency_ns
            .lock()
            .saturating_record_n(u64::try_from(per_record.as_nanos()).unwrap_or(u64::MAX).max(1), records as u64);
        self.note_journeys(&batch);
        let mut returned = Vec::with_capacity(batch.len());
        for (index, run) in batch.into_iter().enumerate() {
            let failure = failures.iter().find(|failure| failure.run == index);
            let done = failure.map_or(run.records.len(), |failure| failure.done.min(run.records.len()));
            self.count_settled(&run.records[..done], true, per_record);
            returned.extend(match failure {
                Some(failure) if done < run.records.len() => self.apply_failure_policy(run, done, failure),
                _ => Some(ReturnedLane { run, done, after: AfterFailure::Continue }),
            });
        }
        *self.last_done.lock() = Some(Instant::now());
        self.scheduler.return_lanes(returned.into_iter(), records, elapsed);
        if self.has_capacity() {
            self.capacity_freed.notify_all();
        }
    }

    fn note_journeys(&self, batch: &[LaneRun]) {
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

    pub fn count_settled(&self, records: &[Record], handled: bool, per_record: Duration) {
        for record in records.iter().filter(|record| record.route.barrier) {
            if is_reported(self.barriers.fetch_add(1, Relaxed) + 1) {
                let id = self.id(record.partition);
                let text = format!("barrier: {id} at {} was handled alone, after everything before it", record.offset);
                self.events.push(EventKind::Notice { text });
            }
        }
        let microseconds = u64::try_from(per_record.as_micros()).unwrap_or(u64::MAX);
        for chunk in records.chunk_by(|a, b| a.partition == b.partition) {
            let Some(first) = chunk.first() else { continue };
            let completed: Vec<SettledRecord> = chunk
                .iter()
                .map(|record| SettledRecord {
                    offset: record.offset,
                    group: self.group_of(record),
                    content: hash_content(record),
                    bytes: record.size(),
                    handled,
                })
                .collect();
            let (late, waiting_late) = self.with(first.partition, |partition| {
                let before = partition.fenced;
                for (record, completed) in chunk.iter().zip(completed) {
                    partition.complete(record.epoch, completed);
                }
                if handled {
                    partition.note_latency(microseconds, chunk.len() as u64);
                }
                (partition.fenced - before, partition.has_late_results())
            });
            if waiting_late {
                self.late_results.store(true, Relaxed);
            }
            if late > 0 {
                let id = self.id(first.partition);
                self.events.push(EventKind::Warning {
                    text: format!(
                        "{id}: {late} records were handled after the partition was revoked; if another process gets \
                         the partition, it handles them again"
                    ),
                });
            }
        }
    }

    /// Whether results have arrived after the end of their assignment; otherwise [`Engine::was_handled_late`] need not
    /// be called.
    #[must_use]
    pub fn has_late_results(&self) -> bool {
        self.late_results.load(Relaxed)
    }

    /// Whether a waiting record was handled in the meantime, under an earlier assignment of its partition.
    #[must_use]
    pub fn was_handled_late(&self, record: &Record) -> bool {
        self.partitions[record.partition as usize].lock().was_handled_late(record.epoch, record.offset)
    }

    /// Number of handled records.
    #[must_use]
    pub fn handled(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.lock().handled).sum()
    }
}
