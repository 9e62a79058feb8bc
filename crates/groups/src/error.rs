//! Why a plan cannot be made or executed.

use std::fmt::Write as _;

use kreplay_kafka::{CatalogError, DescribedMember, GroupAdminError};
use kreplay_model::{
    domain::{Classified, ErrorClass, Offset, TopicPartition, number::counted, printable},
    watch::undo_command,
};

use super::changes::ChangeStoreError;

/// The maximum number of members that an error names.
const MAX_NAMED_MEMBERS: usize = 5;

/// A plan cannot be made or executed. Unless the text says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum GroupsError {
    /// A request about the group failed.
    #[error(transparent)]
    Group(#[from] GroupAdminError),
    /// A query about topics failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// What was there before cannot be stored, or is not stored.
    #[error(transparent)]
    Store(#[from] ChangeStoreError),
    /// The group has members.
    #[error(
        "group `{}` is active ({state}), and only a group without members can be changed; stop {}",
        printable(group),
        named(members)
    )]
    Active {
        /// Its id.
        group: String,
        /// Its state.
        state: String,
        /// Its members.
        members: Vec<DescribedMember>,
    },
    /// A member joined between the plan and the change.
    #[error("group `{}` has members again, so the broker rejected the change; stop them and run the command again", printable(.0))]
    HasMembers(String),
    /// Members read the topic.
    #[error(
        "members of group `{}` are subscribed to topic `{}`, so its offsets cannot be deleted; stop them first",
        printable(group),
        printable(topic)
    )]
    Subscribed {
        /// The group.
        group: String,
        /// The topic.
        topic: String,
    },
    /// The group is not used by consumers.
    #[error(
        "group `{}` is not a consumer group, but may be a share group or a streams group ({}); kreplay changes only \
         consumer groups",
        printable(group),
        printable(reason)
    )]
    NotConsumers {
        /// Its id.
        group: String,
        /// What was seen.
        reason: String,
    },
    /// The group does not exist.
    #[error("there is no group `{}` on this cluster; check its name", printable(.0))]
    NoGroup(String),
    /// The group has no committed offsets.
    #[error("group `{}` has no committed offsets {}", printable(group), printable(scope))]
    NoOffsets {
        /// Its id.
        group: String,
        /// Where it has none, and what to do.
        scope: String,
    },
    /// An offset is not what the plan, or the command, says.
    #[error(
        "the committed offset of {} is {}, not {}: {what}; nothing was changed",
        printable(&id.to_string()),
        offset_or_none(*found),
        offset_or_none(*expected)
    )]
    Moved {
        /// The partition.
        id: TopicPartition,
        /// The offset that was expected; `None` if none was.
        expected: Option<Offset>,
        /// The offset that was found.
        found: Option<Offset>,
        /// What follows from it.
        what: &'static str,
    },
    /// The topic has no such partition.
    #[error(
        "topic `{}` has {}, so there is no {}",
        printable(&id.topic),
        counted(*partitions, "partition"),
        printable(&id.to_string())
    )]
    NoPartition {
        /// The partition.
        id: TopicPartition,
        /// The number of partitions.
        partitions: i32,
    },
    /// A shift has nothing to begin from.
    #[error("{} has no committed offset that could be shifted; use another mode for it", printable(&.0.to_string()))]
    NothingToShift(TopicPartition),
    /// The record to skip does not exist.
    #[error("{} has no record at offset {offset}: its log is {start}..{end}", printable(&id.to_string()))]
    NoRecord {
        /// The partition.
        id: TopicPartition,
        /// The offset.
        offset: Offset,
        /// The first offset of the log.
        start: Offset,
        /// The end of the log.
        end: Offset,
    },
    /// Nothing fits the scope.
    #[error("{0}")]
    NothingSelected(String),
    /// The configuration is read-only.
    #[error("this configuration is read-only (kafka.read_only, --read-only); no group is changed")]
    ReadOnly,
    /// No partition could be changed.
    #[error("the offsets of group `{}` were not changed: {}", printable(group), printable(reason))]
    NotChanged {
        /// The group.
        group: String,
        /// The reason for the first partition.
        reason: String,
    },
    /// The change was sent, but its result is unknown.
    #[error(
        "it is unknown whether group `{}` was changed: {}; the previous offsets are stored; restore them with: {}",
        printable(group),
        printable(reason),
        printable(&(undo_command(group) + cluster_flags))
    )]
    Unknown {
        /// The group.
        group: String,
        /// Why.
        reason: String,
        /// The flags of the command that restores the offsets: see [`GroupsError::with_cluster_flags`].
        cluster_flags: String,
    },
}

impl GroupsError {
    /// The same error. The command that it names, if any, ends with these flags, which begin with a space unless there
    /// are none.
    #[must_use]
    pub fn with_cluster_flags(self, cluster_flags: &str) -> Self {
        match self {
            Self::Unknown { group, reason, .. } => {
                Self::Unknown { group, reason, cluster_flags: cluster_flags.to_owned() }
            }
            error => error,
        }
    }
}

impl Classified for GroupsError {
    /// A change that a guard refuses is an invalid request: it has to wait, or to be planned again. Whether a guard or
    /// the broker notices the members of a group is a matter of timing, so both count as a refusal.
    fn class(&self) -> ErrorClass {
        match self {
            Self::Group(error) => error.class(),
            Self::Catalog(error) => error.class(),
            Self::Store(error) => error.class(),
            Self::NotChanged { .. } | Self::Unknown { .. } => ErrorClass::Failed,
            Self::Active { .. }
            | Self::HasMembers(_)
            | Self::Subscribed { .. }
            | Self::NotConsumers { .. }
            | Self::NoGroup(_)
            | Self::NoOffsets { .. }
            | Self::Moved { .. }
            | Self::NoPartition { .. }
            | Self::NothingToShift(_)
            | Self::NoRecord { .. }
            | Self::NothingSelected(_)
            | Self::ReadOnly => ErrorClass::Usage,
        }
    }
}

fn offset_or_none(offset: Option<Offset>) -> String {
    offset.map_or_else(|| "not set".to_owned(), |offset| offset.to_string())
}

fn named(members: &[DescribedMember]) -> String {
    if members.is_empty() {
        return "its members".to_owned();
    }
    let mut text = String::new();
    for (index, member) in members.iter().take(MAX_NAMED_MEMBERS).enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        let instance = member.instance_id.as_ref().map_or_else(String::new, |id| format!(" ({})", printable(id)));
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{}{instance} on {}", printable(&member.client_id), printable(&member.host));
    }
    if members.len() > MAX_NAMED_MEMBERS {
        let _ = write!(text, " and {} more", members.len() - MAX_NAMED_MEMBERS);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown() -> GroupsError {
        GroupsError::Unknown { group: "billing".into(), reason: "no answer".into(), cluster_flags: String::new() }
    }

    #[test]
    fn an_unknown_result_names_the_command_that_restores_the_offsets_on_the_same_cluster() {
        let text = unknown().to_string();
        assert!(text.ends_with("with: kreplay groups undo billing --execute --confirm billing"), "{text}");
        let text = unknown().with_cluster_flags(" --bootstrap-server broker1:9092").to_string();
        assert!(text.ends_with("undo billing --execute --confirm billing --bootstrap-server broker1:9092"), "{text}");
        let other = GroupsError::ReadOnly.with_cluster_flags(" --bootstrap-server broker1:9092");
        assert_eq!(other.to_string(), GroupsError::ReadOnly.to_string());
    }

    /// As `docs/groups.md` says.
    #[test]
    fn members_are_a_refusal_and_another_rejection_is_a_failure() {
        let (group, topic) = (String::from("g"), String::from("t"));
        let active = GroupsError::Active { group: group.clone(), state: "Stable".into(), members: Vec::new() };
        for refused in
            [active, GroupsError::HasMembers(group.clone()), GroupsError::Subscribed { group: group.clone(), topic }]
        {
            assert!(refused.class().is_usage(), "{refused}");
        }
        for failed in [GroupsError::NotChanged { group, reason: "not authorized".into() }, unknown()] {
            assert!(!failed.class().is_usage(), "{failed}");
        }
    }
}
