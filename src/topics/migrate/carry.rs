//! Carries the committed offsets of groups over to the new topics.

use serde::Serialize;

use super::{
    error::MigrateError,
    migration::{Group, Migration, WITHIN},
    translate::Translated,
};
use crate::{
    domain::{Offset, TopicPartition},
    kafka::{Catalog, Commit, GroupOffsets},
};

/// What became of a group's offsets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum CarryState {
    /// They would be written.
    WouldBeCarried,
    /// They were written, and read back.
    Carried,
    /// They were there already.
    AlreadyCarried,
    /// The group has offsets of its own on the new topics, which were left alone.
    HasItsOwn,
    /// The group has members, and nothing was written.
    Active,
    /// They could not be written.
    Failed {
        /// The broker's words.
        reason: String,
    },
}

/// A group's offsets on the new topics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// Its id.
    pub group: String,
    /// What became of them.
    #[serde(flatten)]
    pub state: CarryState,
    /// Records that it will read.
    pub to_read: u64,
    /// Those of them that it had read on the old topics.
    pub again: u64,
    /// The offsets.
    pub offsets: Vec<NewOffset>,
}

/// An offset on a new partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NewOffset {
    /// Its topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Where the group begins.
    pub offset: i64,
}

/// Writes where groups begin, and reads it back; with `dry_run` only says what would be written. A group that has members is
/// refused, and one that has begun to read the new topics keeps its offsets.
///
/// # Errors
/// The groups cannot be asked about.
pub(super) fn carry(
    migration: &Migration<'_>,
    groups: &[Group],
    new: &[TopicPartition],
    translated: &[Translated],
    dry_run: bool,
) -> Result<Vec<Carried>, MigrateError> {
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let listed = Catalog::new(migration.client, WITHIN).groups()?;
    let mark = format!("{} by kreplay", migration.id());
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
            .filter_map(|(id, offset)| Some((id.clone(), Offset::new(*offset)?, mark.clone())))
            .collect();
        all.push(Carried {
            group: group.id.clone(),
            state: state(migration, &group.id, active, &commits, &mark, dry_run)?,
            to_read: translated.to_read,
            again: translated.again,
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
    mark: &str,
    dry_run: bool,
) -> Result<CarryState, MigrateError> {
    let offsets = GroupOffsets::new(migration.client.config(), group)?;
    let ids: Vec<TopicPartition> = commits.iter().map(|(id, _, _)| id.clone()).collect();
    let there = offsets.committed(&ids, WITHIN)?;
    let is_there = |(there, (_, offset, _)): (&Option<(Offset, String)>, &Commit)| {
        there.as_ref().is_some_and(|(at, _)| at == offset)
    };
    if there.iter().zip(commits).all(is_there) {
        return Ok(CarryState::AlreadyCarried);
    }
    // Consumers leave no text, or another one, with what they commit.
    if there.iter().flatten().any(|(_, note)| note != mark) {
        return Ok(CarryState::HasItsOwn);
    }
    if active {
        return Ok(CarryState::Active);
    }
    if dry_run {
        return Ok(CarryState::WouldBeCarried);
    }
    if let Err(error) = offsets.commit(commits) {
        // Somebody may have joined since.
        return Ok(CarryState::Failed { reason: error.to_string() });
    }
    let written = offsets.committed(&ids, WITHIN)?;
    Ok(if written.iter().zip(commits).all(is_there) {
        CarryState::Carried
    } else {
        CarryState::Failed { reason: "what was read back is not what was written; was somebody faster?".into() }
    })
}
