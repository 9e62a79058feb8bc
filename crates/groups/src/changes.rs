//! What was there before each change, as files: one file for each change, in a folder for each group of a cluster.

use std::{
    fs::{DirBuilder, File},
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use chrono::{DateTime, SubsecRound as _, Utc};
use kreplay_kafka::StoredOffset;
use kreplay_model::domain::{Classified, ErrorClass, Offset, TopicPartition, printable};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::plan::{Action, GroupPlan};

/// The version of the file format.
const FILE_VERSION: u32 = 1;
/// The number of changes that are kept for each group.
const MAX_KEPT_CHANGES: usize = 50;
const EXTENSION: &str = ".json";

/// A change cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum ChangeStoreError {
    /// The operating system's error.
    #[error("cannot access {}: {source}", printable(&path.display().to_string()))]
    System {
        /// The file or folder.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// A file is damaged, or of another version.
    #[error("{} cannot be read: {problem}", printable(&path.display().to_string()))]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The group was not changed from this machine.
    #[error("no change of group `{}` on this cluster is stored in {}", printable(group), printable(&dir.display().to_string()))]
    None {
        /// The group.
        group: String,
        /// Where changes are stored.
        dir: PathBuf,
    },
    /// There is no change with this id.
    #[error("no change `{}` of group `{}` is stored; the last ones are: {known}", printable(id), printable(group))]
    Unknown {
        /// The id that was asked for.
        id: String,
        /// The group.
        group: String,
        /// Some ids.
        known: String,
    },
}

impl Classified for ChangeStoreError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::System { .. } | Self::Format { .. } => ErrorClass::Failed,
            Self::None { .. } | Self::Unknown { .. } => ErrorClass::Usage,
        }
    }
}

impl ChangeStoreError {
    fn system(path: &Path, source: io::Error) -> Self {
        Self::System { path: path.to_owned(), source }
    }
}

/// A change, with what was there before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The version of the format.
    version: u32,
    /// Its id: the time, and a number that makes it unique.
    pub id: String,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// The cluster's id, or its bootstrap servers.
    pub cluster: String,
    /// The group.
    pub group: String,
    /// Its kind.
    pub action: Action,
    /// The partitions whose offsets were to be changed.
    pub partitions: Vec<ChangedPartition>,
}

/// The offset of a partition before and after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedPartition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// What was committed before; `None` if nothing was.
    pub before: Option<SavedOffset>,
    /// What was to be committed; `None` if the offset was to be deleted.
    pub after: Option<SavedOffset>,
}

/// A committed offset in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedOffset {
    /// The offset.
    pub offset: Offset,
    /// The metadata.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub metadata: String,
}

impl From<&StoredOffset> for SavedOffset {
    fn from(stored: &StoredOffset) -> Self {
        Self { offset: stored.offset, metadata: stored.metadata.clone() }
    }
}

impl From<&SavedOffset> for StoredOffset {
    fn from(saved: &SavedOffset) -> Self {
        Self { offset: saved.offset, metadata: saved.metadata.clone() }
    }
}

impl ChangedPartition {
    /// The partition's id.
    #[must_use]
    pub fn id(&self) -> TopicPartition {
        TopicPartition::new(self.topic.as_str(), self.partition)
    }
}

/// The stored changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeStore {
    dir: PathBuf,
}

impl ChangeStore {
    /// The changes below a state directory, which need not exist.
    #[must_use]
    pub fn below(state_dir: &Path) -> Self {
        Self { dir: state_dir.join("kreplay").join("groups") }
    }

    /// Stores a change before it is made: when this returns, the file is on disk. Deletes the oldest changes of the
    /// group beyond the number that is kept.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn begin(&self, plan: &GroupPlan, now: DateTime<Utc>) -> Result<Change, ChangeStoreError> {
        let dir = self.dir_of(&plan.cluster, &plan.group);
        let system = |source| ChangeStoreError::system(&dir, source);
        DirBuilder::new().recursive(true).mode(0o700).create(&dir).map_err(system)?;
        let partitions = plan.rows.iter().filter(|row| row.is_change()).map(|row| ChangedPartition {
            topic: row.id.topic.to_string(),
            partition: row.id.partition.0,
            before: row.from.as_ref().map(SavedOffset::from),
            after: row.to.as_ref().map(SavedOffset::from),
        });
        let mut change = Change {
            version: FILE_VERSION,
            id: String::new(),
            at: now.trunc_subsecs(3),
            cluster: plan.cluster.clone(),
            group: plan.group.clone(),
            action: plan.action,
            partitions: partitions.collect(),
        };
        for number in 0_u32.. {
            change.id = format!("{}-{number}", change.at.format("%Y%m%dT%H%M%S%3f"));
            let mut file = tempfile::NamedTempFile::new_in(&dir).map_err(system)?;
            let text = serde_json::to_vec_pretty(&change).map_err(|error| system(error.into()))?;
            file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(system)?;
            // Another process may make a change within the same millisecond.
            match file.persist_noclobber(dir.join(format!("{}{EXTENSION}", change.id))) {
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(system(error.error)),
                Ok(_) => break,
            }
        }
        // The name must be on disk as well.
        File::open(&dir).and_then(|dir| dir.sync_all()).map_err(system)?;
        delete_oldest(&dir)?;
        Ok(change)
    }

    /// Deletes a change that had no effect.
    ///
    /// # Errors
    /// The file cannot be deleted.
    pub fn discard(&self, change: &Change) -> Result<(), ChangeStoreError> {
        let path = self.dir_of(&change.cluster, &change.group).join(format!("{}{EXTENSION}", change.id));
        std::fs::remove_file(&path).map_err(|source| ChangeStoreError::system(&path, source))
    }

    /// The change of a group with this id; without an id, the last one.
    ///
    /// # Errors
    /// There is no such change, or it cannot be read.
    pub fn find(&self, cluster: &str, group: &str, id: Option<&str>) -> Result<Change, ChangeStoreError> {
        let dir = self.dir_of(cluster, group);
        let ids = ids(&dir)?;
        let Some(last) = ids.last() else {
            return Err(ChangeStoreError::None { group: group.to_owned(), dir: self.dir.clone() });
        };
        let wanted = id.unwrap_or(last);
        if !ids.iter().any(|known| known == wanted) {
            let known: Vec<&str> = ids.iter().rev().take(5).map(String::as_str).collect();
            let known = known.join(", ");
            return Err(ChangeStoreError::Unknown { id: wanted.to_owned(), group: group.to_owned(), known });
        }
        read(&dir.join(format!("{wanted}{EXTENSION}")), cluster, group)
    }

    /// The stored changes of a group, the newest first.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn list(&self, cluster: &str, group: &str) -> Result<Vec<Change>, ChangeStoreError> {
        let dir = self.dir_of(cluster, group);
        let path = |id: &String| dir.join(format!("{id}{EXTENSION}"));
        ids(&dir)?.iter().rev().map(|id| read(&path(id), cluster, group)).collect()
    }

    /// The folder of a group. A group's id may contain any characters and be longer than a file name, so its hash is
    /// the name.
    fn dir_of(&self, cluster: &str, group: &str) -> PathBuf {
        let name = format!("{}:{cluster}{group}", cluster.len());
        self.dir.join(format!("{:016x}", xxh3_64(name.as_bytes())))
    }
}

/// The ids of the changes in a folder, oldest first; none if there is no folder.
fn ids(dir: &Path) -> Result<Vec<String>, ChangeStoreError> {
    let system = |source| ChangeStoreError::system(dir, source);
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(system)?,
    };
    let mut ids = Vec::new();
    for entry in entries {
        let name = entry.map_err(system)?.file_name();
        ids.extend(name.to_str().and_then(|name| name.strip_suffix(EXTENSION)).map(str::to_owned));
    }
    // An id begins with its time; the number after it has no leading zeros.
    ids.sort_by_key(|id| {
        let (time, number) = id.rsplit_once('-').unwrap_or((id, ""));
        (time.to_owned(), number.parse::<u32>().unwrap_or(0))
    });
    Ok(ids)
}

fn delete_oldest(dir: &Path) -> Result<(), ChangeStoreError> {
    let ids = ids(dir)?;
    for id in ids.iter().take(ids.len().saturating_sub(MAX_KEPT_CHANGES)) {
        let path = dir.join(format!("{id}{EXTENSION}"));
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(ChangeStoreError::system(&path, error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn read(path: &Path, cluster: &str, group: &str) -> Result<Change, ChangeStoreError> {
    let bytes = std::fs::read(path).map_err(|source| ChangeStoreError::system(path, source))?;
    let format = |problem: String| ChangeStoreError::Format { path: path.to_owned(), problem };
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(|error| format(error.to_string()))?;
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    if version != Some(u64::from(FILE_VERSION)) {
        return Err(format("it was written by another version of kreplay".to_owned()));
    }
    let change: Change = serde_json::from_value(value).map_err(|error| format(error.to_string()))?;
    if change.cluster != cluster || change.group != group {
        return Err(format("it is about another group".to_owned()));
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::PlannedRow;

    fn stored(offset: i64, metadata: &str) -> StoredOffset {
        StoredOffset { offset: Offset::new(offset).unwrap_or_default(), metadata: metadata.into() }
    }

    fn plan(group: &str) -> GroupPlan {
        let changed = PlannedRow::new(TopicPartition::new("t", 0), Some(stored(5, "note")), Some(stored(2, "")));
        let same = PlannedRow::new(TopicPartition::new("t", 1), Some(stored(7, "")), Some(stored(7, "")));
        let deleted = PlannedRow::new(TopicPartition::new("t", 2), None, Some(stored(0, "")));
        GroupPlan {
            cluster: "cluster".into(),
            group: group.into(),
            action: Action::Reset,
            rows: vec![changed, same, deleted],
            left_out: Vec::new(),
            undoes: None,
        }
    }

    #[test]
    fn the_newest_change_is_listed_first() {
        let dir = tempfile::tempdir().unwrap();
        let store = ChangeStore::below(dir.path());
        assert_eq!(store.list("cluster", "g").unwrap(), []);
        let now = Utc::now();
        let made = [0, 1].map(|seconds| store.begin(&plan("g"), now + chrono::TimeDelta::seconds(seconds)).unwrap());
        let [older, newer] = made;
        assert_eq!(store.list("cluster", "g").unwrap(), [newer.clone(), older]);
        let list = crate::change_list(std::slice::from_ref(&newer));
        assert!(list.contains(&newer.id) && list.contains("reset") && list.ends_with(" 2\n"), "{list}");
    }

    #[test]
    fn a_stored_change_has_what_was_there_before() {
        let dir = tempfile::tempdir().unwrap();
        let store = ChangeStore::below(dir.path());
        let group = format!("g \"1\"\n/../\u{1F600}{}", "x".repeat(400));
        assert!(matches!(store.find("cluster", &group, None), Err(ChangeStoreError::None { .. })));
        let first = store.begin(&plan(&group), Utc::now()).unwrap();
        let second = store.begin(&plan(&group), first.at).unwrap();
        assert_ne!(first.id, second.id, "two changes within a millisecond");
        assert_eq!(store.find("cluster", &group, None).unwrap(), second);
        assert_eq!(store.find("cluster", &group, Some(&first.id)).unwrap(), first);
        let partitions: Vec<_> = first.partitions.iter().map(|one| (one.partition, one.before.clone())).collect();
        assert_eq!(partitions, [(0, Some(SavedOffset::from(&stored(5, "note")))), (2, None)]);
        store.discard(&second).unwrap();
        assert_eq!(store.find("cluster", &group, None).unwrap(), first);
        assert!(store.find("other cluster", &group, None).unwrap_err().class().is_usage());
        assert!(store.find("cluster", &group, Some("../x")).unwrap_err().class().is_usage());
    }

    #[test]
    fn only_the_newest_changes_of_a_group_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = ChangeStore::below(dir.path());
        let other = store.begin(&plan("other"), Utc::now()).unwrap();
        let start = Utc::now();
        let all: Vec<Change> = (0..60)
            .map(|minute| store.begin(&plan("g"), start + chrono::TimeDelta::minutes(minute)).unwrap())
            .collect();
        assert_eq!(ids(&store.dir_of("cluster", "g")).unwrap().len(), MAX_KEPT_CHANGES);
        assert!(store.find("cluster", "g", Some(&all[0].id)).is_err());
        assert_eq!(store.find("cluster", "g", None).unwrap(), all[59]);
        assert_eq!(store.find("cluster", "other", None).unwrap(), other);
    }

    #[test]
    fn a_file_of_another_version_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = ChangeStore::below(dir.path());
        let change = store.begin(&plan("g"), Utc::now()).unwrap();
        let path = store.dir_of("cluster", "g").join(format!("{}.json", change.id));
        let newer = std::fs::read_to_string(&path).unwrap().replace("\"version\": 1", "\"version\": 2");
        std::fs::write(&path, newer).unwrap();
        let error = store.find("cluster", "g", None).unwrap_err();
        assert!(error.to_string().contains("another version"), "{error}");
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(store.find("cluster", "g", None), Err(ChangeStoreError::Format { .. })));
    }
}
