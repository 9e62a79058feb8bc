//! References to a group member, for transactions that commit positions in its name.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};

use super::client::{ReadContext, drop_in_background};

/// A weak reference to a group member, for committing in its name. It does not keep the member alive.
#[derive(Clone)]
pub struct GroupMember(Weak<BaseConsumer<ReadContext>>);

impl GroupMember {
    pub(super) fn new(consumer: &Arc<BaseConsumer<ReadContext>>) -> Self {
        Self(Arc::downgrade(consumer))
    }

    /// The member's current group metadata; `None` if it has left the group.
    #[must_use]
    pub fn metadata(&self) -> Option<GroupMetadata> {
        let consumer = self.0.upgrade()?;
        let metadata = consumer.group_metadata().map(GroupMetadata);
        if Arc::strong_count(&consumer) == 1 {
            // The member has left in the meantime; dropping the last reference here would block on closing it.
            drop_in_background(consumer);
        }
        metadata
    }

    /// Whether both references point to the same member.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        Weak::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for GroupMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupMember").finish_non_exhaustive()
    }
}

/// Snapshot of a member's group metadata: group id, member id, and generation. The broker rejects a commit with it once
/// the group has a newer generation.
pub struct GroupMetadata(pub(super) ConsumerGroupMetadata);

impl fmt::Debug for GroupMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupMetadata").finish_non_exhaustive()
    }
}
