//! Members that read and commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use kreplay_model::domain::TopicPartition;

use super::{Committed, Group, Start};
use crate::random::Random;
use crate::simulation::log::Log;
use crate::simulation::topic::{Topic, whole};

/// The capacity of members varies anew after this time, in milliseconds.
const JITTER_MS: i64 = 10_000;

impl Group {
    /// Reads and commits for the time since `now_ms - passed_ms`.
    pub(in crate::simulation) fn advance(
        &mut self,
        topics: &BTreeMap<Arc<str>, Topic>,
        now_ms: i64,
        passed_ms: i64,
        seed: u64,
    ) {
        self.settle(now_ms);
        // The same factor for the whole of a period: consumers are slow for a while, not for one record.
        let mut random = Random::new(seed ^ now_ms.div_euclid(JITTER_MS).unsigned_abs());
        for index in 0..self.members.len() {
            let factor = random.factor(self.spec.jitter);
            #[allow(clippy::cast_precision_loss, reason = "a step of the simulation")]
            let capacity = whole(self.member_per_s * factor * passed_ms as f64 / 1000.0);
            self.read(index, topics, now_ms, capacity);
            self.commit_if_due(index, topics, now_ms);
        }
    }

    /// A member reads as much as it can, in proportion to what its partitions have.
    fn read(&mut self, index: usize, topics: &BTreeMap<Arc<str>, Topic>, now_ms: i64, capacity: i64) {
        let Some(member) = self.members.get(index).filter(|member| !member.hangs) else { return };
        let mut available: Vec<(TopicPartition, i64, i64)> = Vec::new();
        for partition in &member.assigned {
            let Some(log) = log(topics, partition).filter(|log| log.has_leader) else { continue };
            let position = self.positions.get(partition).copied().unwrap_or(0);
            // A position below the log start is reset to it; one beyond the end is not reset.
            let from = position.max(log.log_start());
            let end = if self.spec.start == Start::ReadingCommitted { log.stable_end(now_ms) } else { log.end(now_ms) };
            let written = log.first_at_or_after(now_ms - member.delay_ms + 1).min(end);
            let until = self.poison.get(partition).map_or(written, |poison| written.min(*poison));
            available.push((partition.clone(), from, (until - from).max(0)));
        }
        let total: i64 = available.iter().map(|(.., records)| records).sum();
        let part = |records: i64| {
            if total <= capacity {
                return records;
            }
            let share = i128::from(records) * i128::from(capacity) / i128::from(total.max(1));
            i64::try_from(share).unwrap_or(records)
        };
        for (partition, from, records) in available {
            self.positions.insert(partition, from + part(records));
        }
    }

    fn commit_if_due(&mut self, index: usize, topics: &BTreeMap<Arc<str>, Topic>, now_ms: i64) {
        let interval_ms = self.spec.commit_s * 1000;
        let Some(member) = self.members.get_mut(index).filter(|member| now_ms >= member.next_commit_ms) else { return };
        member.next_commit_ms += interval_ms * ((now_ms - member.next_commit_ms) / interval_ms + 1);
        if member.hangs {
            return;
        }
        let Some(member) = self.members.get(index) else { return };
        for partition in &member.assigned {
            let (Some(topic), Some(offset)) = (topics.get(&partition.topic), self.positions.get(partition).copied())
            else {
                continue;
            };
            let leader_epoch = log(topics, partition).map_or(0, |log| log.leader_epoch);
            // Only progress is committed.
            if self.commits.get(partition).is_none_or(|before| before.offset < offset) {
                let committed = Committed { offset, at_ms: now_ms, topic_id: topic.id, leader_epoch };
                self.commits.insert(partition.clone(), committed);
            }
        }
    }

    /// Moves the committed offset and the position of a partition.
    pub(in crate::simulation) fn reset(
        &mut self,
        topics: &BTreeMap<Arc<str>, Topic>,
        partition: &TopicPartition,
        to: impl FnOnce(i64) -> i64,
        now_ms: i64,
    ) {
        let (Some(topic), Some(log)) = (topics.get(&partition.topic), log(topics, partition)) else { return };
        let before = self.commits.get(partition).map_or(0, |committed| committed.offset);
        let offset = to(before).clamp(log.log_start(), log.end(now_ms));
        let committed = Committed { offset, at_ms: now_ms, topic_id: topic.id, leader_epoch: log.leader_epoch };
        self.commits.insert(partition.clone(), committed);
        self.positions.insert(partition.clone(), offset);
    }

    /// The offsets that the group has read and not committed.
    pub(in crate::simulation) fn read_ahead(&self, partition: &TopicPartition) -> i64 {
        let committed = self.commits.get(partition).map_or(0, |committed| committed.offset);
        self.positions.get(partition).map_or(0, |position| (position - committed).max(0))
    }
}

/// The log of a partition.
pub(in crate::simulation) fn log<'a>(
    topics: &'a BTreeMap<Arc<str>, Topic>,
    partition: &TopicPartition,
) -> Option<&'a Log> {
    topics.get(&partition.topic)?.logs.get(usize::try_from(partition.partition.0).ok()?)
}
