//! Commits before the watch.

use std::collections::BTreeMap;

use kreplay_model::domain::TopicPartition;

use super::PastCommit;
use crate::look::{Answer, CommitAnswer};
use crate::series::Series;

/// The commits of one group.
#[derive(Clone, Debug, Default)]
pub(crate) struct PastCommits {
    partitions: BTreeMap<TopicPartition, (Series, PastCommit)>,
}

impl PastCommits {
    pub(super) fn add(&mut self, partition: TopicPartition, commit: PastCommit) {
        let (series, last) = self.partitions.entry(partition).or_insert_with(|| (Series::default(), commit));
        series.add(commit.at.timestamp_millis(), commit.offset.get());
        *last = commit;
    }

    pub(super) fn remove(&mut self, partition: &TopicPartition) {
        self.partitions.remove(partition);
    }

    /// The commits of each partition over time.
    pub(crate) fn series(&self) -> impl Iterator<Item = (&TopicPartition, &Series)> {
        self.partitions.iter().map(|(partition, (series, _))| (partition, series))
    }

    /// Adds to committed offsets what only the history knows of them: when they were committed, and to which topic. A
    /// partition whose offset is another one has been committed since, and is forgotten.
    pub(crate) fn complete(
        &mut self,
        answer: &Answer<BTreeMap<TopicPartition, CommitAnswer>>,
    ) -> Option<Answer<BTreeMap<TopicPartition, CommitAnswer>>> {
        let Answer::Known(answered_at, commits) = answer else { return None };
        let is_last = |partition: &TopicPartition, last: &PastCommit| matches!(commits.get(partition), Some(CommitAnswer::Offset(commit)) if commit.offset == last.offset);
        self.partitions.retain(|partition, (_, last)| is_last(partition, last));
        if self.partitions.is_empty() {
            return None;
        }
        let mut commits = commits.clone();
        for (partition, (_, last)) in &self.partitions {
            if let Some(CommitAnswer::Offset(commit)) = commits.get_mut(partition) {
                commit.committed_at = Some(last.at);
                commit.topic_id = commit.topic_id.or(last.topic_id);
            }
        }
        Some(Answer::Known(*answered_at, commits))
    }
}
