//! Partitions that the group assigns and the run may not know yet.

use std::time::Duration;

use kreplay_kafka::Catalog;
use kreplay_model::domain::TopicPartition;

use super::RunMembership;
use crate::{plan::PlannedPartition, replay::reading::identity};

/// How long a rebalance may wait for the end offsets of a new partition.
const JOIN_TIMEOUT: Duration = Duration::from_secs(2);

impl RunMembership {
    /// The index of a partition in the run. If the run follows the log, an unknown partition joins it.
    pub(super) fn index_or_join(&self, id: &TopicPartition) -> Option<u32> {
        let known = self.engine.partitions.index_of(id);
        if let Some(index) = known {
            return known.filter(|_| !self.engine.partitions.lock(index).log_is_gone());
        }
        if !self.engine.plan.follow {
            return None;
        }
        let topic = [id.topic.to_string()];
        let is_recreated = identity::check(&self.engine, self.client.as_ref()?, &topic, JOIN_TIMEOUT);
        if is_recreated == Some(true) {
            return None;
        }
        let ends = Catalog::new(self.client.as_ref()?, JOIN_TIMEOUT).log_ends(std::slice::from_ref(id));
        // Without an answer it starts at 0. If its log starts later, reading finds that out.
        let (first, end) =
            ends.ok().and_then(|mut ends| ends.pop()).map_or_else(Default::default, |ends| (ends.low, ends.end));
        Some(self.engine.join(PlannedPartition { id: id.clone(), first, end }).0)
    }

    /// Whether this is a partition of the run whose topic was recreated.
    pub(super) fn is_recreated(&self, id: &TopicPartition) -> bool {
        let index = self.engine.partitions.index_of(id);
        index.is_some_and(|index| self.engine.partitions.lock(index).log_is_gone())
    }
}
