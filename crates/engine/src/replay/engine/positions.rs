//! Where the positions of a run are stored, and partitions that begin at a stored position.

use std::time::Duration;

use super::Engine;
use crate::{
    handler::PositionStore,
    journal::StoredPartition,
    replay::partition::{HandledOffsets, Owner},
};

impl Engine {
    /// Where the positions of the run are stored.
    #[must_use]
    pub fn position_store(&self) -> PositionStore {
        self.handlers.get().map_or(PositionStore::Run, |handlers| handlers.position_store())
    }

    /// Tells the target that those of these partitions without records in flight are released, so that it can complete
    /// its bookkeeping.
    pub fn release_drained(&self, partitions: &[u32]) {
        let Some(positions) = self.handlers.get().and_then(|handlers| handlers.positions()) else { return };
        let is_drained = |index: &u32| self.scheduler.wait_drained(&[*index], Duration::ZERO);
        let drained: Vec<u32> = partitions.iter().copied().filter(is_drained).collect();
        positions.release(&drained);
    }

    /// Whether the run stores its positions itself, in its journal.
    #[must_use]
    pub fn keeps_positions(&self) -> bool {
        self.settings.group.is_none() && self.position_store() == PositionStore::Run
    }

    /// Begins a partition at the target's position, without a group, with the offsets above it whose effects the target
    /// has already.
    pub fn begin_at_target(&self, partition: u32, start: i64, applied: HandledOffsets) {
        let complete = self.partitions.with(partition, |one| {
            if one.follows {
                one.end = one.end.max(start);
            }
            one.begin_at_target(0, start, Owner::Shared, applied);
            one.is_complete()
        });
        self.reorder_begin(partition, 0, start);
        if complete {
            // No reader reads it, so no record may wait for it.
            self.reorder_gone(partition);
        }
    }

    /// Continues a partition from its checkpoint.
    pub fn restore(&self, partition: u32, stored: &StoredPartition) {
        let complete = self.partitions.with(partition, |one| {
            one.restore(stored);
            one.is_complete() && !self.plan.follow
        });
        // Records of a partition added during the run may wait for this one.
        self.reorder_begin(partition, 0, stored.state.position);
        if complete {
            // No reader reads it any more, so no record may wait for it.
            self.reorder_gone(partition);
        }
        let own_lane = self.partitions.own_lane(partition);
        self.scheduler
            .mark_lanes_used(stored.groups.iter().map(|entry| self.ingress.lane_of_group(entry.group, own_lane)));
    }
}
