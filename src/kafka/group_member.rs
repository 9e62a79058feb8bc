//! What a transaction says of the group member for whom it commits positions.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata};

use super::client::{ReadContext, drop_aside};

/// A member of a group, for those who commit in its name. It does not keep the member alive.
#[derive(Clone)]
pub struct GroupMember(Weak<BaseConsumer<ReadContext>>);

impl GroupMember {
    pub(super) fn new(consumer: &Arc<BaseConsumer<ReadContext>>) -> Self {
        Self(Arc::downgrade(consumer))
    }

    /// What it is to the group just now; `None` where it has left.
    #[must_use]
    pub fn metadata(&self) -> Option<GroupMetadata> {
        let consumer = self.0.upgrade()?;
        let metadata = consumer.group_metadata().map(GroupMetadata);
        if Arc::strong_count(&consumer) == 1 {
            // It has left meanwhile, and the last reference would close it here.
            drop_aside(consumer);
        }
        metadata
    }

    /// Whether the two are one member.
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

/// What a member was to its group when it was asked: the group's name, the member's id, and the generation that it belongs to.
/// A commit with it is refused once the group has moved on.
pub struct GroupMetadata(pub(super) ConsumerGroupMetadata);

impl fmt::Debug for GroupMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupMetadata").finish_non_exhaustive()
    }
}
