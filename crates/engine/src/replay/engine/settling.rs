//! Settles batches: counts the settled records, and returns the lanes.

use std::time::{Duration, Instant};

use kreplay_model::domain::{
    Record, hash_content,
    number::{by_count, counted_as},
};

use super::{Engine, counters::count_reported};
use crate::{
    handler::{LaneFailure, LaneRun},
    replay::{
        partition::SettledRecord,
        scheduler::{AfterFailure, ReturnedLane},
    },
};

impl Engine {
    /// Settles a batch after the handler has returned.
    pub fn settle(&self, batch: Vec<LaneRun>, failures: &[LaneFailure], elapsed: Duration) {
        let records: usize = batch.iter().map(|run| run.records.len()).sum();
        let per_record = elapsed / u32::try_from(records.max(1)).unwrap_or(u32::MAX);
        self.counters.note_batch(&batch, records, per_record);
        self.hot_keys.note_batch(&batch);
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
        self.counters.note_done(Instant::now());
        self.scheduler.return_lanes(returned.into_iter(), records, elapsed);
        self.memory.note_settled();
    }

    /// Counts settled records, in the order of their lane. `handled`: the handler reported success.
    pub(super) fn count_settled(&self, records: &[Record], handled: bool, per_record: Duration) {
        for record in records.iter().filter(|record| record.route.barrier) {
            if count_reported(&self.counters.barriers) {
                let id = self.partitions.id(record.partition);
                let text = format!("barrier: {id} at {} was handled alone, after everything before it", record.offset);
                self.events.notice(text);
            }
        }
        let microseconds = u64::try_from(per_record.as_micros()).unwrap_or(u64::MAX);
        for chunk in records.chunk_by(|a, b| a.partition == b.partition) {
            let Some(first) = chunk.first() else { continue };
            let completed: Vec<SettledRecord> = chunk
                .iter()
                .map(|record| SettledRecord {
                    offset: record.offset,
                    group: self.ingress.group_of(record),
                    content: hash_content(record),
                    bytes: record.size(),
                    handled,
                })
                .collect();
            let (late, waiting_late) = self.partitions.with(first.partition, |partition| {
                let before = partition.fenced;
                for (record, completed) in chunk.iter().zip(completed) {
                    // It was noted when its late result was counted.
                    let is_noted = partition.was_handled_late(record.epoch, record.offset);
                    if partition.complete(record.epoch, completed) && !is_noted {
                        self.counters.note_settled(&record.route);
                    }
                }
                if handled {
                    partition.note_latency(microseconds, chunk.len() as u64);
                }
                (partition.fenced - before, partition.has_late_results())
            });
            if waiting_late {
                self.partitions.note_late_results();
            }
            if late > 0 {
                let id = self.partitions.id(first.partition);
                self.events.warn(format!(
                    "{id}: {} handled after the partition was revoked; if another process gets the partition, it \
                     handles {} again",
                    counted_as(late, "record was", "records were"),
                    by_count(late, "it", "them")
                ));
            }
        }
    }
}
