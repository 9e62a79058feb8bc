//! Orphaned partitions: assigned to a member, while no member of this process works on them.

use kreplay_model::{
    domain::{Offset, Ordering},
    feed::EventKind,
};

use super::RunMembership;
use crate::replay::position_claims::{StartEvents, TargetState};

/// Where reading of an orphaned partition starts.
#[derive(Clone, Debug)]
pub enum OrphanStart {
    /// At the group's committed offset.
    Committed(Option<Offset>),
    /// At the position of the target, which has just been claimed.
    Target {
        /// What the target has.
        state: TargetState,
        /// The group's committed offset.
        committed: Option<Offset>,
    },
}

impl RunMembership {
    /// Partitions of this member that no one works on: another member was assigned them in between and has since lost
    /// them. Happens when the coordinator assigns a partition before its previous owner has released it.
    #[must_use]
    pub fn orphans(&self) -> Vec<u32> {
        let assigned_epochs = self.assigned_epochs.lock();
        assigned_epochs
            .iter()
            .filter(|(index, epoch)| {
                let partition = self.engine.partitions.lock(**index);
                partition.epoch != **epoch && partition.reached().is_none()
            })
            .map(|(index, _)| *index)
            .collect()
    }

    /// Re-adopts an orphaned partition at the group's committed offset (or the target's position). `seek` must move the
    /// fetch position there first; if it returns `false`, the partition stays orphaned.
    pub fn adopt(&self, index: u32, from: OrphanStart, seek: impl FnOnce(Offset) -> bool) {
        let first = self.engine.partitions.planned(index).first;
        let (OrphanStart::Committed(offset) | OrphanStart::Target { state: TargetState { position: offset, .. }, .. }) =
            from;
        let wanted = offset.unwrap_or(first).max(first);
        let start = self.engine.partitions.lock(index).start_from(wanted.get());
        if !Offset::new(start).is_some_and(seek) {
            return;
        }
        match from {
            OrphanStart::Committed(committed) => self.begin(index, committed),
            OrphanStart::Target { state, committed } => {
                self.begin_at_target(index, state, committed, &mut StartEvents::default())
            }
        };
        if self.engine.settings.ordering == Ordering::Partition {
            self.engine.scheduler.assign(std::iter::once((index, self.number)));
        }
        let partitions = vec![self.engine.partitions.id(index).clone()];
        self.note_change(&[index], Some(self.number), || {
            self.engine.events.push(EventKind::Assigned { member: self.name.clone(), partitions });
        });
    }
}
