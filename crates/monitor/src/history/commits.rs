//! Commits before the watch.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use kreplay_model::domain::TopicPartition;

use super::PastCommit;
use crate::look::{Answer, CommitAnswer};
use crate::memberless::MemberlessChanges;
use crate::series::Series;

/// The commits of one group.
#[derive(Clone, Debug, Default)]
pub(crate) struct PastCommits {
    partitions: BTreeMap<TopicPartition, PastPartition>,
}

/// The commits of one partition.
#[derive(Clone, Debug)]
pub(crate) struct PastPartition {
    /// The commits of consumers over time.
    pub(crate) commits: Series,
    last: PastCommit,
    /// Whether the last offset was changed while the group had no members.
    is_changed: bool,
    memberless: MemberlessChanges,
}

impl PastPartition {
    /// When the last offset was changed while the group had no members; `None` if a consumer committed it.
    pub(crate) fn changed_at(&self) -> Option<DateTime<Utc>> {
        self.is_changed.then_some(self.last.at)
    }

    fn add(&mut self, commit: PastCommit, has_members: bool) {
        let (at_ms, offset) = (commit.at.timestamp_millis(), commit.offset.get());
        let goes_back = self.commits.last().is_some_and(|before| offset < before);
        if has_members {
            self.memberless = MemberlessChanges::default();
        }
        self.is_changed = !has_members && !self.memberless.is_commit(goes_back);
        if self.is_changed {
            self.commits.move_to(at_ms, offset);
        } else {
            self.commits.add(at_ms, offset);
        }
        self.last = commit;
    }
}

impl PastCommits {
    /// Takes the next commit. `has_members` says whether the group had members then, or may have had.
    pub(super) fn add(&mut self, partition: TopicPartition, commit: PastCommit, has_members: bool) {
        let new = || PastPartition {
            commits: Series::default(),
            last: commit,
            is_changed: false,
            memberless: MemberlessChanges::default(),
        };
        self.partitions.entry(partition).or_insert_with(new).add(commit, has_members);
    }

    pub(super) fn remove(&mut self, partition: &TopicPartition) {
        self.partitions.remove(partition);
    }

    /// The commits of each partition.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = (&TopicPartition, &PastPartition)> {
        self.partitions.iter()
    }

    /// Adds to committed offsets what only the history knows of them: when they were committed, and to which topic. A
    /// partition whose offset is another one has been committed since, and is forgotten.
    pub(crate) fn complete(
        &mut self,
        answer: &Answer<BTreeMap<TopicPartition, CommitAnswer>>,
    ) -> Option<Answer<BTreeMap<TopicPartition, CommitAnswer>>> {
        let Answer::Known(answered_at, commits) = answer else { return None };
        let is_last = |partition: &TopicPartition, last: &PastCommit| matches!(commits.get(partition), Some(CommitAnswer::Offset(commit)) if commit.offset == last.offset);
        self.partitions.retain(|partition, past| is_last(partition, &past.last));
        if self.partitions.is_empty() {
            return None;
        }
        let mut commits = commits.clone();
        for (partition, PastPartition { last, .. }) in &self.partitions {
            if let Some(CommitAnswer::Offset(commit)) = commits.get_mut(partition) {
                commit.committed_at = Some(last.at);
                commit.topic_id = commit.topic_id.or(last.topic_id);
            }
        }
        Some(Answer::Known(*answered_at, commits))
    }
}
