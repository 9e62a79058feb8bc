//! Delivery of records from readers into the lanes.

use std::time::{Duration, Instant};

use kreplay_model::domain::Record;

use super::Engine;
use crate::{plan::PlannedPartition, replay::partition::Delivery};

impl Engine {
    /// Puts records that were read into their lanes. Leaves the vector empty.
    pub fn deliver(&self, records: &mut Vec<Record>) {
        self.ingress.check_timestamps(records, &self.partitions, &self.events);
        let _batch = self.ingress.begin_batch();
        if !records.is_empty() {
            self.counters.note_read(Instant::now());
        }
        let mut keep = Vec::with_capacity(records.len());
        let mut unjudged: Option<Record> = None;
        for chunk in records.chunk_by(|a, b| a.partition == b.partition) {
            let Some(first) = chunk.first() else { continue };
            self.partitions.with(first.partition, |partition| {
                for record in chunk {
                    let delivery = partition.deliver(record.epoch, record.offset, record.route.filtered);
                    if delivery != Delivery::OutOfScope {
                        self.matches.note(record);
                    }
                    if delivery == Delivery::Filtered {
                        self.counters.note_settled(&record.route);
                    }
                    let is_judged_now = matches!(delivery, Delivery::New | Delivery::Filtered);
                    if record.route.unjudged && is_judged_now && self.counters.note_unjudged() {
                        unjudged = Some(record.clone());
                    }
                    keep.push(delivery == Delivery::New);
                }
            });
        }
        if let Some(first) = unjudged {
            self.report_unjudged(&first);
        }
        if self.ingress.reorder_buffer.is_on() {
            return self.deliver_reordered(records, keep);
        }
        let kept = records.drain(..).zip(keep).filter_map(|(record, keep)| keep.then_some(record));
        self.scheduler.put(kept.map(|record| (self.ingress.lane_of(&record, &self.partitions), record)));
    }

    /// Reports the first record that the rules could not judge, with the reason.
    fn report_unjudged(&self, record: &Record) {
        let rules = &self.plan.selection.scope.rules;
        let id = self.partitions.id(record.partition);
        let reason = rules.why_unjudged(record).unwrap_or_else(|| "a rule cannot be evaluated on it".into());
        let outcome = if record.route.filtered {
            "the filter cannot be evaluated, so the record is excluded; with --on-unjudged pass such records are \
             handled, with fail they count as failed"
        } else {
            "the rules cannot be evaluated, and the record is handled; with --on-unjudged fail such records count \
             as failed"
        };
        let text = format!("{id} at {}: {reason}; {outcome}. All such records are counted as unjudged", record.offset);
        self.events.warn(text);
    }

    /// Notes that the log has no unread records below `offset`, the current end of the partition.
    pub fn reach(&self, partition: u32, epoch: u32, offset: i64) {
        self.partitions.with(partition, |one| one.reach(epoch, offset));
        self.update_reorder_buffer(|buffer| self.note_read_to(buffer, partition, true));
    }

    /// Skips the unread records below `offset`, which can no longer be read, and counts them as lost.
    pub fn skip_lost(&self, partition: u32, epoch: u32, offset: i64) {
        self.partitions.with(partition, |one| one.skip_lost(epoch, offset));
        self.update_reorder_buffer(|buffer| self.note_read_to(buffer, partition, false));
    }

    /// Adds a partition to the run, without an owner. Returns its index, and whether it is new.
    pub fn join(&self, planned: PlannedPartition) -> (u32, bool) {
        let id = planned.id.clone();
        // No batch is partly delivered while this lock is held.
        let _between_batches = self.ingress.between_batches();
        self.partitions.add(planned, || {
            self.reorder_new_partition(&id);
            if let Some(handlers) = self.handlers.get() {
                handlers.join(&id);
            }
            self.scheduler.add_partition()
        })
    }

    /// Waits, up to `timeout`, until memory is free for more records. `false` if it is not.
    pub fn wait_for_capacity(&self, timeout: Duration) -> bool {
        self.memory.wait_for_capacity(timeout) || self.must_keep_reading()
    }

    /// Whether reading must continue although the memory is full. Records in the reorder buffer occupy memory until
    /// earlier ones are read, so reading continues as long as the records ready to be handled do not fill the memory.
    fn must_keep_reading(&self) -> bool {
        self.ingress.reorder_buffer.is_starved() && self.memory.fit_into_half(self.scheduler.bytes())
    }
}
