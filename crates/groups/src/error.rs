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
        printable(&undo_command(group))
    )]
    Unknown {
        /// The group.
        group: String,
        /// Why.
        reason: String,
    },
}

impl Classified for GroupsError {
    /// A change that a guard refuses is an invalid request: it has to wait, or to be planned again.
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
