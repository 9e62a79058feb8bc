//! From a reader into the lanes.

use std::sync::atomic::Ordering::Relaxed;

use super::Engine;
use crate::{
    domain::{Ordering, Record},
    replay::partition::Delivery,
};

impl Engine {
    /// Puts records that were read into their lanes. The vector is empty afterwards.
    pub fn deliver(&self, records: &mut Vec<Record>) {
        let _batch = self.delivering.read();
        let mut keep = Vec::with_capacity(records.len());
        for chunk in records.chunk_by(|a, b| a.partition == b.partition) {
            let Some(first) = chunk.first() else { continue };
            self.with(first.partition, |partition| {
                for record in chunk {
                    let delivery = partition.deliver(record.epoch, record.offset, record.route.filtered);
                    if record.route.unkeyed && matches!(delivery, Delivery::New | Delivery::Filtered) {
                        self.unkeyed.fetch_add(1, Relaxed);
                    }
                    keep.push(delivery == Delivery::New);
                }
            });
        }
        if self.staging.is_on() {
            return self.deliver_staged(records, keep);
        }
        let kept = records.drain(..).zip(keep).filter_map(|(record, keep)| keep.then_some(record));
        self.board.put(kept.map(|record| (self.lane_of(&record), record)));
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
