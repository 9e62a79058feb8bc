//! Who works on a partition.

use kreplay_model::feed;

/// The owner of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Owner {
    /// No owner.
    #[default]
    None,
    /// All workers, which share its lanes.
    Shared,
    /// One worker, by number.
    Worker(u32),
    /// One member of the group.
    Member {
        /// The member's number, and that of its worker with partition order.
        worker: u32,
    },
}

/// The name of a member, by number.
#[must_use]
pub fn member_name(number: u32) -> String {
    format!("member-{number}")
}

impl Owner {
    /// The worker that alone handles the partition, with partition order.
    #[must_use]
    pub fn worker(self) -> Option<u32> {
        match self {
            Self::None | Self::Shared => None,
            Self::Worker(worker) | Self::Member { worker } => Some(worker),
        }
    }

    /// The owner as the feed shows it.
    #[must_use]
    pub fn view(self) -> feed::Owner {
        match self {
            Self::None => feed::Owner::None,
            Self::Shared => feed::Owner::Shared,
            Self::Worker(worker) => feed::Owner::Worker(worker),
            Self::Member { worker } => feed::Owner::Member(member_name(worker)),
        }
    }
}
