//! The history of groups, from the records of `__consumer_offsets`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::domain::{PartitionId, TopicPartition};
use kreplay_model::watch::{HistoryView, Reason};
use kreplay_monitor::history::{GroupHistory, HistoryChange, PastCommit};
use kreplay_monitor::look::{Member, Protocol, TopicId};
use kreplay_wire::offsets_topic::{
    Change, Generation, MemberMetadata, RecordError, StoredCommit, decode, partition_of,
};
use kreplay_wire::types::MemberData;

/// The histories of some groups. The reader of the topic passes each record of its partitions to [`Histories::add`].
#[derive(Clone, Debug)]
pub struct Histories {
    from: DateTime<Utc>,
    groups: BTreeMap<Arc<str>, (PartitionId, GroupHistory)>,
    records: u64,
    records_unknown: u64,
    groups_unknown: u64,
    why_unknown: Option<Reason>,
}

impl Histories {
    /// Histories that begin at `from`. The topic has this many partitions; each group is in one of them.
    #[must_use]
    pub fn new(groups: impl IntoIterator<Item = Arc<str>>, from: DateTime<Utc>, partitions: u32) -> Self {
        let placed = groups
            .into_iter()
            .filter_map(|group| Some((group.clone(), (partition_of(&group, partitions)?, GroupHistory::new(from)))));
        Self { from, groups: placed.collect(), records: 0, records_unknown: 0, groups_unknown: 0, why_unknown: None }
    }

    /// Histories of groups whose topic cannot be read.
    #[must_use]
    pub fn unknown(groups: u64, from: DateTime<Utc>, why: Reason) -> Self {
        Self { groups_unknown: groups, why_unknown: Some(why), ..Self::new([], from, 0) }
    }

    /// The partitions to read.
    #[must_use]
    pub fn partitions(&self) -> BTreeSet<PartitionId> {
        self.groups.values().map(|(partition, _)| *partition).collect()
    }

    /// Takes a record, in the order of the offsets of its partition. A record of an unknown type is counted; after one
    /// that cannot be read, the history of the partition's groups is not known.
    pub fn add(&mut self, partition: PartitionId, timestamp_ms: i64, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.records += 1;
        let record = match decode(key, value) {
            Ok(record) => record,
            Err(RecordError::UnknownType(_)) => return self.records_unknown += 1,
            Err(error) => {
                self.records_unknown += 1;
                return self.fail(partition, &Reason::Other(error.to_string()));
            }
        };
        let Some((_, history)) = self.groups.get_mut(record.group.as_str()) else { return };
        let at = DateTime::from_timestamp_millis(timestamp_ms).unwrap_or_default();
        if let Some(change) = changed(record.change) {
            history.add(at, change);
        }
    }

    /// Ends the histories of a partition, which were read until `to`. `is_whole` says whether no offset was missing.
    pub fn end(&mut self, partition: PartitionId, to: DateTime<Utc>, is_whole: bool) {
        for (_, history) in self.groups.values_mut().filter(|(at, _)| *at == partition) {
            history.end(to, is_whole);
        }
    }

    /// Drops the histories of a partition that cannot be read.
    pub fn fail(&mut self, partition: PartitionId, why: &Reason) {
        let before = self.groups.len();
        self.groups.retain(|_, (at, _)| *at != partition);
        self.groups_unknown += u64::try_from(before - self.groups.len()).unwrap_or(0);
        self.why_unknown.get_or_insert_with(|| why.clone());
    }

    /// The groups with a history.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&Arc<str>, &GroupHistory)> {
        self.groups.iter().map(|(name, (_, history))| (name, history))
    }

    /// What was read.
    #[must_use]
    pub fn view(&self) -> HistoryView {
        HistoryView {
            from: self.from,
            groups: u64::try_from(self.groups.len()).unwrap_or(u64::MAX),
            groups_unknown: self.groups_unknown,
            records: self.records,
            records_unknown: self.records_unknown,
            why_unknown: self.why_unknown.clone(),
        }
    }
}

/// What a record changes; `None` if it does not matter for the history.
fn changed(change: Change) -> Option<HistoryChange> {
    Some(match change {
        Change::Offset { partition, commit: Some(commit) } => {
            HistoryChange::Committed { partition, commit: past_commit(&commit)? }
        }
        Change::Offset { partition, commit: None } => HistoryChange::CommitDeleted(partition),
        Change::Generation(Some(generation)) => rebalanced(generation),
        Change::Generation(None) | Change::Epoch(None) => HistoryChange::GroupDeleted,
        Change::Epoch(Some(epoch)) => HistoryChange::Epoch(epoch.0),
        Change::Member { member_id, metadata: Some(metadata) } => {
            let rebalance_timeout_ms = metadata.rebalance_timeout_ms.map(u64::from);
            HistoryChange::MemberKnown { member: member(&member_id, metadata), rebalance_timeout_ms }
        }
        Change::Current { member_id, member: Some(member) } => HistoryChange::MemberEpoch {
            member_id: member_id.into(),
            epoch: member.epoch.0,
            is_new: member.previous_epoch.0 <= 0,
            is_stable: member.is_stable,
        },
        Change::Member { member_id, metadata: None } => HistoryChange::MemberGone(member_id.into()),
        // A member that leaves has tombstones of all three kinds; one of them is enough.
        Change::Current { member: None, .. } | Change::Target { .. } | Change::TargetEpoch(_) | Change::Other => {
            return None;
        }
    })
}

fn past_commit(commit: &StoredCommit) -> Option<PastCommit> {
    Some(PastCommit {
        offset: commit.offset,
        at: DateTime::from_timestamp_millis(commit.committed_ms)?,
        topic_id: commit.topic_id.map(|id| TopicId(u128::from_be_bytes(id.0))),
    })
}

fn rebalanced(generation: Generation) -> HistoryChange {
    let timeouts = generation.members.values().filter_map(|member| member.rebalance_timeout_ms.map(u64::from));
    let rebalance_timeout_ms = timeouts.max();
    let assignments = generation.assignments;
    let with_partitions = |(id, metadata): (String, MemberMetadata)| {
        let assigned = match assignments.get(&id) {
            Some(MemberData::Known(topics)) => {
                let of_topic = |(topic, partitions): (&String, &Vec<PartitionId>)| {
                    let topic: Arc<str> = topic.as_str().into();
                    partitions.iter().map(move |at| TopicPartition::new(topic.clone(), at.0)).collect::<Vec<_>>()
                };
                Some(topics.iter().flat_map(of_topic).collect())
            }
            _ => None,
        };
        Member { assigned, ..member(&id, metadata) }
    };
    HistoryChange::Generation {
        number: generation.number,
        since: generation.state_since_ms.and_then(DateTime::from_timestamp_millis),
        members: generation.members.into_iter().map(with_partitions).collect(),
        rebalance_timeout_ms,
    }
}

fn member(id: &str, metadata: MemberMetadata) -> Member {
    let name = |text: String| (!text.is_empty()).then(|| Arc::from(text));
    Member {
        member_id: id.into(),
        instance_id: metadata.instance_id.and_then(name),
        client_id: name(metadata.client_id),
        host: name(metadata.client_host),
        protocol: Protocol::Unknown,
        ..Member::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_cannot_be_read_makes_the_history_of_its_partition_unknown() {
        let mut histories = Histories::new(["a", "b"].map(Arc::from), DateTime::UNIX_EPOCH, 50);
        let [a, b] = ["a", "b"].map(|group| partition_of(group, 50).unwrap());
        assert_eq!(histories.partitions(), BTreeSet::from([a, b]));
        histories.add(a, 0, Some(&24_i16.to_be_bytes()), None);
        assert_eq!((histories.view().groups, histories.view().records_unknown), (2, 1));
        histories.add(a, 0, Some(b"\0\x02\0\x01a"), Some(b"\0"));
        let view = histories.view();
        assert_eq!((view.groups, view.groups_unknown, view.records, view.records_unknown), (1, 1, 2, 2));
        assert!(view.why_unknown.is_some_and(|why| why.to_string().contains("type 2")));
    }
}
