//! A run's positions, as its target sees them.

use std::sync::{Arc, Weak};

use crate::{
    handler::{Holder, Positions},
    replay::engine::Engine,
};

/// A run's positions. Holds a weak reference, since the run owns the target.
pub struct PositionsView(Weak<Engine>);

impl PositionsView {
    /// The positions of a run.
    #[must_use]
    pub fn of(engine: &Arc<Engine>) -> Self {
        Self(Arc::downgrade(engine))
    }
}

impl Positions for PositionsView {
    fn position(&self, partition: u32) -> i64 {
        let position = |engine: Arc<Engine>| Some(engine.partitions.try_lock(partition)?.own_position());
        self.0.upgrade().and_then(position).unwrap_or(0)
    }

    fn holder(&self, partition: u32) -> Option<Holder> {
        let engine = self.0.upgrade()?;
        let (epoch, member) = engine.group.holder(partition)?;
        // The partition may have been assigned to another member since.
        let is_current = engine.partitions.try_lock(partition)?.epoch == epoch;
        is_current.then_some(Holder { epoch, member: Some(member) })
    }

    fn first(&self, partition: u32) -> i64 {
        let first = |engine: Arc<Engine>| Some(engine.partitions.get_planned(partition)?.first.get());
        self.0.upgrade().and_then(first).unwrap_or(0)
    }
}
