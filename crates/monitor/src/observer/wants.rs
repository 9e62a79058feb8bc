//! What an observer needs to know next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_model::watch::PartitionRow;

use super::Observer;
use crate::lag::{LagParts, worth_a_probe};

/// Looks at the same last stable offset before its transaction is looked up.
const LOOKS_BEFORE_TRANSACTION: u32 = 2;

/// What would complete the picture. The caller requests as much of it as its budget allows, the first items first, and
/// answers in the next look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Groups to describe, with their committed offsets: those never described first, then the one longest ago.
    pub describe: Vec<Arc<str>>,
    /// Partitions whose log start, last stable offset and end are needed.
    pub offsets: Vec<TopicPartition>,
    /// Topics whose partitions, id and settings are needed.
    pub topics: Vec<Arc<str>>,
    /// Partitions, some of them several times, and a time in milliseconds since 1970: which is the first record at or
    /// after it?
    pub time_queries: Vec<(TopicPartition, i64)>,
    /// Partitions whose newest record is needed.
    pub newest: Vec<TopicPartition>,
    /// Partitions with few offsets left, and where to begin a read of committed records.
    pub marker_probes: Vec<(TopicPartition, Offset)>,
    /// Partitions whose last stable offset does not move: which transaction begins there?
    pub transactions: Vec<TopicPartition>,
    /// Partitions whose end was below a committed offset, and may only be old.
    pub ends_again: Vec<TopicPartition>,
}

/// Which time queries are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedTimes {
    /// Those of all partitions whose ages are not known well enough.
    All,
    /// Those of partitions with an age that is not known at all.
    WithoutAge,
}

impl Observer {
    /// What is wanted after a look, except time queries.
    pub(super) fn wants(&self) -> Wants {
        let mut describe: Vec<_> =
            self.groups.iter().map(|(name, group)| (group.description.at(), name.clone())).collect();
        describe.sort();
        let partitions: BTreeSet<&TopicPartition> = self.groups.values().flat_map(|group| group.rows.keys()).collect();
        let subscribed = self.groups.values().flat_map(super::GroupTrack::subscribed_topics);
        let topics: BTreeSet<Arc<str>> =
            partitions.iter().map(|partition| partition.topic.clone()).chain(subscribed).collect();
        let mut wants = Wants {
            describe: describe.into_iter().map(|(_, name)| name).collect(),
            topics: topics.into_iter().filter(|topic| !self.topics.contains_key(topic)).collect(),
            offsets: partitions.into_iter().cloned().collect(),
            ..Wants::default()
        };
        for (partition, row) in self.rows() {
            self.add_row(&mut wants, &partition, row);
        }
        for list in [&mut wants.newest, &mut wants.transactions, &mut wants.ends_again] {
            list.sort();
            list.dedup();
        }
        wants.marker_probes.sort();
        wants.marker_probes.dedup();
        wants
    }

    /// The next time queries, some of them of the same partition.
    pub(super) fn time_queries(&mut self, now_ms: i64, wanted: WantedTimes) -> Vec<(TopicPartition, i64)> {
        let mut targets: BTreeMap<&TopicPartition, Vec<Offset>> = BTreeMap::new();
        for (partition, committed) in self.groups.values().flat_map(super::GroupTrack::positions) {
            let log_start = self.partitions.get(partition).and_then(|log| log.log_start.current());
            if let Some(start) = log_start {
                targets.entry(partition).or_default().push(committed.max(*start));
            }
        }
        let mut queries = Vec::new();
        for (partition, targets) in targets {
            let Some(log) = self.partitions.get_mut(partition) else { continue };
            if wanted == WantedTimes::All || log.times.lacks_age(&targets, now_ms) {
                let times = log.times.next_queries(&targets, now_ms);
                queries.extend(times.into_iter().map(|time| (partition.clone(), time)));
            }
        }
        queries
    }

    /// The rows that are not abandoned.
    fn rows(&self) -> impl Iterator<Item = (TopicPartition, &PartitionRow)> {
        let rows = self.groups.values().filter_map(super::GroupTrack::view).flat_map(|view| &view.partitions);
        rows.filter(|row| !row.abandoned).map(|row| (TopicPartition::new(row.topic.as_str(), row.partition), row))
    }

    fn add_row(&self, wants: &mut Wants, partition: &TopicPartition, row: &PartitionRow) {
        let (Some(committed), Some(start), Some(stable), Some(end)) =
            (row.committed, row.log_start, row.stable_end, row.end)
        else {
            return;
        };
        let Some(log) = self.partitions.get(partition) else { return };
        let parts = LagParts::split(committed, start, stable, end);
        if parts.ahead > 0 {
            wants.ends_again.push(partition.clone());
        }
        if parts.backlog() > 0 && log.newest_for != Some(end) {
            wants.newest.push(partition.clone());
        }
        if worth_a_probe(&parts, log.looks_unmoved, row.records_left) {
            wants.marker_probes.push((partition.clone(), committed));
        }
        let is_frozen = log.stable_since.is_some_and(|(_, _, looks)| looks >= LOOKS_BEFORE_TRANSACTION);
        if parts.held_back > 0 && is_frozen && log.transaction_for != Some(stable) {
            wants.transactions.push(partition.clone());
        }
    }
}
