//! The open handlers of a run, as the run sees them.

use std::{ops::Deref, sync::Arc};

use kreplay_model::domain::{AppendOnlyVec, TopicPartition};

use super::{HandlerContext, PositionStore, RunHandlers, TargetPositions};

/// The open handlers of a run, and the list of partitions that they were opened with.
pub struct OpenHandlers {
    handlers: Arc<dyn RunHandlers>,
    partitions: Arc<AppendOnlyVec<TopicPartition>>,
}

impl OpenHandlers {
    /// Handlers that were opened with this context.
    #[must_use]
    pub fn new(handlers: Arc<dyn RunHandlers>, context: &HandlerContext) -> Self {
        Self { handlers, partitions: Arc::clone(&context.partitions) }
    }

    /// Adds a partition to the run. Its records carry the next index. Called before the first of them.
    pub fn join(&self, id: &TopicPartition) {
        self.partitions.push(id.clone());
        self.handlers.joined(id);
    }

    /// Where the run's positions are stored.
    #[must_use]
    pub fn position_store(&self) -> PositionStore {
        self.positions().map_or(PositionStore::Run, TargetPositions::store)
    }
}

impl Deref for OpenHandlers {
    type Target = dyn RunHandlers;

    fn deref(&self) -> &Self::Target {
        self.handlers.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::{HandlerFactory as _, NullFactory};

    #[test]
    fn a_partition_that_joins_is_in_the_list_of_the_handlers() {
        let context = HandlerContext::testing(&[TopicPartition::new("t", 0)]);
        let handlers = OpenHandlers::new(NullFactory.open(&context).unwrap(), &context);
        handlers.join(&TopicPartition::new("t", 1));
        assert_eq!(context.partitions.iter().last(), Some(&TopicPartition::new("t", 1)));
        assert_eq!(handlers.position_store(), PositionStore::Run);
    }
}
