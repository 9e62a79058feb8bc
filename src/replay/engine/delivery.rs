//! From a reader into the lanes.

use std::sync::atomic::Ordering::Relaxed;

use super::Engine;
use crate::{
    domain::{Ordering, Record},
    feed::EventKind,
    replay::partition::Delivery,
};

impl Engine {
    /// Puts records that were read into their lanes. The vector is empty afterwards.
    pub fn deliver(&self, records: &mut Vec<Record>) {
        self.note_times(records);
        let _batch = self.delivering.read();
        let mut keep = Vec::with_capacity(records.len());
        let mut unjudged: Vec<Record> = Vec::new();
        for chunk in records.chunk_by(|a, b| a.partition == b.partition) {
            let Some(first) = chunk.first() else { continue };
            self.with(first.partition, |partition| {
                for record in chunk {
                    let delivery = partition.deliver(record.epoch, record.offset, record.route.filtered);
                    if delivery != Delivery::NotOurs {
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
        if self.staging.is_on() {
            return self.deliver_staged(records, keep);
        }
        let kept = records.drain(..).zip(keep).filter_map(|(record, keep)| keep.then_some(record));
        self.board.put(kept.map(|record| (self.lane_of(&record), record)));
    }

    /// Looks at timestamps, where something rests on them.
    fn note_times(&self, records: &[Record]) {
        let Some(clocks) = &self.clocks else { return };
        let mut clocks = clocks.lock();
        for record in records {
            if let Some(step) = clocks.note(record.partition as usize, record.offset, record.timestamp_ms) {
                let text = step.sentence(&self.id(record.partition).to_string(), record.offset);
                self.events.push(EventKind::Warning { text });
            }
        }
    }

    /// Says what the timestamps of the records were, where the range was asked for by times.
    pub fn tell_of_times(&self) {
        let Some(clocks) = &self.clocks else { return };
        let findings = clocks
            .lock()
            .findings(|index| u32::try_from(index).map_or_else(|_| String::new(), |index| self.id(index).to_string()));
        for text in findings {
            self.events.push(EventKind::Warning { text });
        }
    }

    /// Counts records that no rule could judge. The first is told with the reason.
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

    /// A partition's log holds nothing unread below `offset`, which is its end for the time being.
    pub fn reach(&self, partition: u32, epoch: u32, offset: i64) {
        self.with(partition, |one| one.reach(epoch, offset));
        self.stage(|stages| self.note_passed(stages, partition, true));
    }

    /// Nothing below `offset` can be read any more of a partition: it is passed over, and counted as lost.
    pub fn pass_over(&self, partition: u32, epoch: u32, offset: i64) {
        self.with(partition, |one| one.pass_over(epoch, offset));
        self.stage(|stages| self.note_passed(stages, partition, false));
    }

    /// Records without a key are a group of their own: they share no lane with those of a key, so nothing can be said of
    /// the one by the other.
    pub(super) fn group_of(&self, record: &Record) -> u32 {
        record.lane_hash().map_or(self.groups.count(), |hash| self.groups.of(hash))
    }

    /// Whether that is the group of the records without a key.
    #[must_use]
    pub fn is_keyless(&self, group: u32) -> bool {
        group == self.groups.count()
    }

    /// The lane that is a partition's alone.
    #[must_use]
    pub fn own_lane(&self, partition: u32) -> u32 {
        self.own_lanes[partition as usize]
    }

    pub(super) fn lane_of(&self, record: &Record) -> u32 {
        match self.settings.ordering {
            _ if self.settings.single_threaded => 0,
            Ordering::Key if record.lane_hash().is_some() => self.group_of(record),
            // Records without a key promise no order among themselves; that of their partition is the safe one.
            _ => self.own_lanes[record.partition as usize],
        }
    }
}
