//! Delivery of records from readers into the lanes.

use std::sync::atomic::Ordering::Relaxed;

use kreplay_model::{
    domain::{Ordering, Record},
    feed::EventKind,
};

use super::Engine;
use crate::replay::partition::Delivery;

impl Engine {
    /// Puts records that were read into their lanes. Leaves the vector empty.
    pub fn deliver(&self, records: &mut Vec<Record>) {
        self.check_timestamps(records);
        let _batch = self.delivering.read();
        let mut keep = Vec::with_capacity(records.len());
        let mut unjudged: Vec<Record> = Vec::new();
        for chunk in records.chunk_by(|a, b| a.partition == b.partition) {
            let Some(first) = chunk.first() else { continue };
            self.with(first.partition, |partition| {
                for record in chunk {
                    let delivery = partition.deliver(record.epoch, record.offset, record.route.filtered);
                    if delivery != Delivery::OutOfScope {
                        self.note_match(record);
                    }
                    if matches!(delivery, Delivery::New | Delivery::Filtered) {
                        if record.route.unkeyed {
                            self.unkeyed.fetch_add(1, Relaxed);
                        }
                        if record.route.unjudged {
                            unjudged.push(record.clone());
                        }
                    }
                    keep.push(delivery == Delivery::New);
                }
            });
        }
        self.count_unjudged(&unjudged);
        if self.reorder_buffer.is_on() {
            return self.deliver_reordered(records, keep);
        }
        let kept = records.drain(..).zip(keep).filter_map(|(record, keep)| keep.then_some(record));
        self.scheduler.put(kept.map(|record| (self.lane_of(&record), record)));
    }

    /// Checks the timestamps, if the run depends on them.
    fn check_timestamps(&self, records: &[Record]) {
        let Some(clocks) = &self.clocks else { return };
        let mut clocks = clocks.lock();
        for record in records {
            if let Some(step) = clocks.note(record.partition as usize, record.offset, record.timestamp_ms) {
                let text = step.sentence(&self.id(record.partition).to_string(), record.offset);
                self.events.push(EventKind::Warning { text });
            }
        }
    }

    /// Reports what was observed of the timestamps, if the range was given by times.
    pub fn report_timestamp_findings(&self) {
        let Some(clocks) = &self.clocks else { return };
        let findings = clocks
            .lock()
            .findings(|index| u32::try_from(index).map_or_else(|_| String::new(), |index| self.id(index).to_string()));
        for text in findings {
            self.events.push(EventKind::Warning { text });
        }
    }

    /// Counts records that the rules could not judge. The first one is reported with the reason.
    fn count_unjudged(&self, records: &[Record]) {
        for record in records {
            if record.route.filtered {
                self.unjudged_dropped.fetch_add(1, Relaxed);
            }
            if self.unjudged.fetch_add(1, Relaxed) > 0 {
                continue;
            }
            let rules = &self.plan.selection.scope.rules;
            let id = self.id(record.partition);
            let reason = rules.why_unjudged(record).unwrap_or_else(|| "a rule cannot read it".into());
            let outcome = if record.route.filtered {
                "the filter cannot judge it, so it is left out; --on-unjudged pass handles such records, fail lets them fail"
            } else {
                "the rules cannot judge it, and it is handled; --on-unjudged fail lets such records fail"
            };
            let text = format!("{id} at {}: {reason}; {outcome}. All of them are counted as unjudged", record.offset);
            self.events.push(EventKind::Warning { text });
        }
    }

    /// Notes that the log has no unread records below `offset`, the current end of the partition.
    pub fn reach(&self, partition: u32, epoch: u32, offset: i64) {
        self.with(partition, |one| one.reach(epoch, offset));
        self.update_reorder_buffer(|buffer| self.note_read_to(buffer, partition, true));
    }

    /// Skips the unread records below `offset`, which can no longer be read, and counts them as lost.
    pub fn skip_lost(&self, partition: u32, epoch: u32, offset: i64) {
        self.with(partition, |one| one.skip_lost(epoch, offset));
        self.update_reorder_buffer(|buffer| self.note_read_to(buffer, partition, false));
    }

    /// Records without a key form their own group: they share no lane with keyed records, so their order says nothing
    /// about each other.
    pub(super) fn group_of(&self, record: &Record) -> u32 {
        record.lane_hash().map_or(self.groups.count(), |hash| self.groups.of(hash))
    }

    /// Whether this is the group of the records without a key.
    #[must_use]
    pub fn is_keyless(&self, group: u32) -> bool {
        group == self.groups.count()
    }

    /// A partition's own lane.
    #[must_use]
    pub fn own_lane(&self, partition: u32) -> u32 {
        self.own_lanes[partition as usize]
    }

    pub(super) fn lane_of(&self, record: &Record) -> u32 {
        match self.settings.ordering {
            _ if self.settings.single_threaded => 0,
            Ordering::Key if record.lane_hash().is_some() => self.group_of(record),
            // Records without a key need no order among themselves; the order of their partition is safe.
            _ => self.own_lanes[record.partition as usize],
        }
    }
}
