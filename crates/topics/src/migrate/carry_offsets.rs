//! Carries the committed offsets of groups over to the new topics.

use kreplay_kafka::{Commit, GroupOffsets};
use kreplay_model::domain::{Offset, TopicPartition};
use serde::Serialize;

use super::{
    error::MigrateError,
    migration::{Group, Migration},
    translate::TranslatedOffsets,
};

/// The result for a group's offsets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum CarryState {
    /// They would be written.
    WouldBeCarried,
    /// They were written and read back.
    Carried,
    /// They had been written before.
    AlreadyCarried,
    /// The group had already committed other offsets on the new topics; they were not changed.
    HasItsOwn,
    /// The group has members, so nothing was written.
    Active,
    /// They could not be written.
    Failed {
        /// The broker's message.
        reason: String,
    },
}

/// A group's offsets on the new topics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// The id of the group.
    pub group: String,
    /// The result.
    #[serde(flatten)]
    pub state: CarryState,
    /// The number of records that the group will read.
    pub to_read: u64,
    /// Records among `to_read` that the group had already read on the old topics.
    pub again: u64,
    /// The offsets.
    pub offsets: Vec<NewOffset>,
}

/// An offset on a new partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewOffset {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset where the group starts.
    pub offset: i64,
}

/// Writes the start offsets of the groups and reads them back. With `dry_run`, only reports what would be written. A
/// group with members is refused, and a group that has committed on the new topics keeps its offsets.
///
/// # Errors
/// The groups cannot be listed, or their offsets cannot be read.
pub(super) fn carry_offsets(
    migration: &Migration<'_>,
    groups: &[Group],
    new: &[TopicPartition],
    translated: &[TranslatedOffsets],
    dry_run: bool,
) -> Result<Vec<Carried>, MigrateError> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let listed = migration.catalog().groups()?;
    let metadata = format!("{} by kreplay", migration.id());
    let mut all = Vec::with_capacity(groups.len());
    for (group, translated) in groups.iter().zip(translated) {
        let active = listed.iter().any(|one| one.id == group.id && !one.empty);
        let targets = migration.targets_of(group);
        let names: Option<Vec<&str>> = targets.as_ref().map(|targets| {
            targets.iter().map(|target| migration.routes.targets()[*target as usize].topic.as_str()).collect()
        });
        let commits: Vec<Commit> = new
            .iter()
            .zip(&translated.offsets)
            .filter(|(id, _)| names.as_ref().is_none_or(|names| names.contains(&&*id.topic)))
            .filter_map(|(id, offset)| Some((id.clone(), Offset::new(*offset)?, metadata.clone())))
            .collect();
        all.push(Carried {
            group: group.id.clone(),
            state: state(migration, &group.id, active, &commits, &metadata, dry_run)?,
            to_read: translated.to_read,
            again: translated.reread,
            offsets: commits
                .iter()
                .map(|(id, offset, _)| NewOffset {
                    topic: id.topic.to_string(),
                    partition: id.partition.0,
                    offset: offset.get(),
                })
                .collect(),
        });
    }
    Ok(all)
}

fn state(
    migration: &Migration<'_>,
    group: &str,
    active: bool,
    commits: &[Commit],
    metadata: &str,
    dry_run: bool,
) -> Result<CarryState, MigrateError> {
    let offsets = GroupOffsets::new(migration.client.config(), group)?;
    let ids: Vec<TopicPartition> = commits.iter().map(|(id, _, _)| id.clone()).collect();
    let there = offsets.committed(&ids, migration.options.timeout)?;
    let is_there = |(there, (_, offset, _)): (&Option<(Offset, String)>, &Commit)| {
        there.as_ref().is_some_and(|(at, _)| at == offset)
    };
    if there.iter().zip(commits).all(is_there) {
        return Ok(CarryState::AlreadyCarried);
    }
    // Consumers commit with empty or other metadata.
    if there.iter().flatten().any(|(_, note)| note != metadata) {
        return Ok(CarryState::HasItsOwn);
    }
    if active {
        return Ok(CarryState::Active);
    }
    if dry_run {
        return Ok(CarryState::WouldBeCarried);
    }
    if let Err(error) = offsets.commit(commits, migration.options.timeout) {
        // A member may have joined in the meantime.
        return Ok(CarryState::Failed { reason: error.to_string() });
    }
    let written = offsets.committed(&ids, migration.options.timeout)?;
    Ok(if written.iter().zip(commits).all(is_there) {
        CarryState::Carried
    } else {
        let reason = "the offsets that were read back differ from those that were written; another client may have \
                      committed at the same time";
        CarryState::Failed { reason: reason.into() }
    })
}
