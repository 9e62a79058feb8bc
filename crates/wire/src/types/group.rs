//! Groups in general, and classic and consumer groups with their members.

use std::collections::BTreeMap;
use std::fmt;

use kreplay_model::domain::PartitionId;

use super::{AssignmentEpoch, BrokerId, GroupEpoch, GroupId, MemberEpoch, TopicId};
use crate::error::WireError;

macro_rules! words {
    ($( $(#[$meta:meta])* $name:ident { $( $(#[$variant_meta:meta])* $variant:ident = $word:literal, )* } )*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[$variant_meta])* $variant, )*
            /// A word that this client does not know.
            Other(String),
        }

        impl $name {
            /// The word in the protocol.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $word, )*
                    Self::Other(word) => word,
                }
            }
        }

        impl From<String> for $name {
            fn from(word: String) -> Self {
                match word.as_str() {
                    $( $word => Self::$variant, )*
                    _ => Self::Other(word),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}

words! {
    /// The state of a group of any type.
    GroupState {
        /// The group has no members.
        Empty = "Empty",
        /// All members have what is assigned to them.
        Stable = "Stable",
        /// The group is being removed, or does not exist.
        Dead = "Dead",
        /// Classic: the coordinator waits for members to join.
        PreparingRebalance = "PreparingRebalance",
        /// Classic: the coordinator waits for the leader's assignment.
        CompletingRebalance = "CompletingRebalance",
        /// Consumer and streams: the target assignment is being computed.
        Assigning = "Assigning",
        /// Consumer and streams: members are moving to the target assignment.
        Reconciling = "Reconciling",
        /// Streams: internal topics are missing or unsuitable.
        NotReady = "NotReady",
    }

    /// The type of a group: the protocol that its members use.
    GroupType {
        /// Members agree on an assignment by themselves. Connect clusters and schema registries are of this type, too.
        Classic = "classic",
        /// The coordinator assigns partitions (KIP-848).
        Consumer = "consumer",
        /// Members share partitions record by record (KIP-932).
        Share = "share",
        /// Members run the tasks of a topology (KIP-1071).
        Streams = "streams",
    }
}

/// Which groups to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupFilter {
    /// Only groups in one of these states; all if empty.
    pub states: Vec<GroupState>,
    /// Only groups of one of these types; all if empty.
    pub types: Vec<GroupType>,
}

/// A group as its coordinator lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// The group's name.
    pub id: GroupId,
    /// The type; `None` if the broker is too old to report it (before version 5 of `ListGroups`).
    pub group_type: Option<GroupType>,
    /// What a classic group is used for, such as `consumer` or `connect`; empty for a group that only has offsets.
    pub protocol_type: String,
    /// The state.
    pub state: GroupState,
    /// The broker that coordinates the group.
    pub coordinator: BrokerId,
}

/// The groups of all brokers that answered.
#[derive(Clone, Debug, Default)]
pub struct GroupListing {
    /// The groups, sorted by name.
    pub groups: Vec<ListedGroup>,
    /// The brokers that did not answer. Their groups are missing.
    pub failures: BTreeMap<BrokerId, WireError>,
}

/// Bytes that members of a classic group exchange, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberData<T> {
    /// The broker has none: the group is not stable, or its protocol type is not `consumer`.
    Absent,
    /// The decoded value.
    Known(T),
    /// The bytes are not in the format of Kafka's consumers.
    Unreadable,
}

/// A classic group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicGroup {
    /// The state.
    pub state: GroupState,
    /// What the group is used for, such as `consumer` or `connect`.
    pub protocol_type: String,
    /// The assignor; empty unless the group is stable.
    pub assignor: String,
    /// The members.
    pub members: Vec<ClassicMember>,
}

/// A member of a classic group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassicMember {
    /// The member's id.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// The address that the member connects from.
    pub client_host: String,
    /// What the member subscribes to.
    pub subscription: MemberData<Subscription>,
    /// The partitions of the member, by topic.
    pub assignment: MemberData<BTreeMap<String, Vec<PartitionId>>>,
}

/// What a member of a classic group subscribes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The topics' names.
    pub topics: Vec<String>,
    /// The partitions that the member owned when it joined, by topic.
    pub owned: BTreeMap<String, Vec<PartitionId>>,
    /// The generation in which the member owned them.
    pub generation: Option<i32>,
    /// The member's rack.
    pub rack: Option<String>,
}

/// A group of the consumer protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerGroup {
    /// The state.
    pub state: GroupState,
    /// The group's epoch.
    pub group_epoch: GroupEpoch,
    /// The epoch of the target assignment.
    pub assignment_epoch: AssignmentEpoch,
    /// The assignor.
    pub assignor: String,
    /// The members.
    pub members: Vec<ConsumerMember>,
}

/// A member of a group of the consumer protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerMember {
    /// The member's id.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// The member's rack.
    pub rack: Option<String>,
    /// The epoch that the member has reached. It is behind the group's while the member reconciles.
    pub epoch: MemberEpoch,
    /// `client.id`.
    pub client_id: String,
    /// The address that the member connects from.
    pub client_host: String,
    /// The topics that the member subscribes to by name.
    pub subscribed_topics: Vec<String>,
    /// The regular expression that the member subscribes to.
    pub subscribed_regex: Option<String>,
    /// The partitions that the member has.
    pub assignment: Vec<AssignedTopic>,
    /// The partitions that the member will have.
    pub target: Vec<AssignedTopic>,
    /// The protocol that the member itself uses.
    pub protocol: MemberProtocol,
}

/// The protocol that a member of a consumer group uses. During an upgrade, a group has members of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberProtocol {
    /// The broker does not say (before version 1 of its answer).
    Unknown,
    /// The classic protocol.
    Classic,
    /// The consumer protocol.
    Consumer,
}

/// The partitions of a topic that a member has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignedTopic {
    /// The topic's id.
    pub id: TopicId,
    /// The topic's name.
    pub name: String,
    /// The partitions.
    pub partitions: Vec<PartitionId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_is_kept() {
        assert_eq!(GroupState::from("Reconciling".to_owned()), GroupState::Reconciling);
        assert_eq!(GroupState::from("Sleeping".to_owned()).to_string(), "Sleeping");
        assert_eq!(GroupType::from("share".to_owned()).as_str(), "share");
    }
}
