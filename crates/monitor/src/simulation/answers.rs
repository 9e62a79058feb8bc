//! What the simulated cluster answers to a look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_model::watch::{
    GroupState, GroupType, MemberTasks, Reason, SeenBy, StreamsTask, StreamsTasks, StreamsView, SubtopologyView,
    Transaction,
};

use super::cluster::Cluster;
use super::group::{Group, Member, Start, log};
use super::log::Log;
use super::topic::Topic;
use crate::look::{
    self, Answer, Commit, CommitAnswer, Description, GroupLook, ListedGroup, Look, MarkerProbe, PartitionLook,
    Protocol, TimeAnswer, TopicId, TopicLook,
};
use crate::observer::Wants;

/// The time between the answers for committed offsets and for the ends of logs, in milliseconds.
const SKEW_MS: i64 = 40;

/// `offsets.retention.minutes` of the brokers: 7 days.
const OFFSETS_RETENTION_MINUTES: u64 = 10_080;

/// The rebalance timeout of members, in milliseconds.
const REBALANCE_TIMEOUT_MS: u64 = 60_000;

/// The timeout of transactions in seconds. It is longer than they stay open.
const TRANSACTION_TIMEOUT_S: u64 = 3_600;

/// The only part of the topology of a simulated Kafka Streams group.
const SUBTOPOLOGY: &str = "0";

impl Cluster {
    pub(super) fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.now_ms).unwrap_or_default()
    }

    /// A look at everything, with the answers that were wanted.
    pub(super) fn look(&self, name: &str, wants: &Wants) -> Look {
        let at = self.now();
        let partitions = self.topics.values().flat_map(|topic| {
            let numbered = (0..).zip(&topic.logs);
            numbered.map(|(number, log)| (TopicPartition::new(topic.spec.name, number), log))
        });
        let partitions = partitions.map(|(partition, log)| {
            let look = self.partition(&partition, log, wants);
            (partition, look)
        });
        Look {
            listing: Answer::Known(at, self.groups.values().map(listed).collect()),
            groups: self.groups.iter().map(|(name, group)| (name.clone(), self.group(group))).collect(),
            partitions: partitions.collect(),
            topics: self.topics(wants),
            offsets_retention_minutes: Answer::Known(at, OFFSETS_RETENTION_MINUTES),
            time_answers: self.answer_times(&wants.time_queries),
            marker_probes: wants.marker_probes.iter().filter_map(|(at, from)| self.probe(at, *from)).collect(),
            ..Look::empty(at, name)
        }
    }

    /// Answers to time queries.
    pub(super) fn answer_times(&self, queries: &[(TopicPartition, i64)]) -> Vec<(TopicPartition, TimeAnswer)> {
        let answer = |(partition, query_ms): &(TopicPartition, i64)| {
            let log = log(&self.topics, partition).filter(|log| log.has_leader)?;
            let topic_id = self.topics.get(&partition.topic).map(|topic| TopicId(topic.id));
            let first = log.first_record(*query_ms, self.now_ms);
            Some((partition.clone(), TimeAnswer { query_ms: *query_ms, first, topic_id }))
        };
        queries.iter().filter_map(answer).collect()
    }

    fn topics(&self, wants: &Wants) -> BTreeMap<Arc<str>, TopicLook> {
        let at = self.now();
        let known = |topic: &Topic| TopicLook {
            partitions: Answer::Known(at, u32::try_from(topic.logs.len()).unwrap_or(u32::MAX)),
            topic_id: Some(TopicId(topic.id)),
            compacted: Answer::Known(at, topic.spec.compacted),
            retention_ms: Answer::Known(at, u64::try_from(topic.spec.retention_ms).ok()),
        };
        let gone = wants.topics.iter().filter(|name| !self.topics.contains_key(*name)).map(|name| {
            let partitions = Answer::Failed(Reason::TopicGone);
            (name.clone(), TopicLook { partitions, ..TopicLook::default() })
        });
        self.topics.iter().map(|(name, topic)| (name.clone(), known(topic))).chain(gone).collect()
    }

    fn partition(&self, partition: &TopicPartition, log: &Log, wants: &Wants) -> PartitionLook {
        let at = self.now();
        if !log.has_leader {
            let failed = || Answer::Failed(Reason::NoLeader);
            return PartitionLook {
                log_start: failed(),
                stable_end: failed(),
                end: failed(),
                ..PartitionLook::default()
            };
        }
        let end = log.end(self.now_ms);
        let newest = wants.newest.contains(partition).then(|| log.record(end - 1, self.now_ms));
        let transaction = wants.transactions.contains(partition).then(|| {
            log.open_transaction.map(|open| Transaction {
                producer_id: 4_001,
                transactional_id: Some(format!("{}-writer-{}", partition.topic, partition.partition.0)),
                state: Some("Ongoing".to_owned()),
                started_at: DateTime::from_timestamp_millis(open.since_ms),
                timeout_s: Some(TRANSACTION_TIMEOUT_S),
            })
        });
        PartitionLook {
            log_start: Answer::Known(at, offset(log.log_start())),
            stable_end: Answer::Known(at, offset(log.stable_end(self.now_ms))),
            end: Answer::Known(at, offset(end)),
            leader_epoch: Some(log.leader_epoch),
            newest: newest.map_or(Answer::NotAsked, |newest| Answer::Known(at, newest)),
            transaction: transaction.map_or(Answer::NotAsked, |transaction| Answer::Known(at, transaction)),
        }
    }

    /// A read of committed records. Each offset of the simulated logs has a record.
    fn probe(&self, partition: &TopicPartition, from: Offset) -> Option<(TopicPartition, MarkerProbe)> {
        let log = log(&self.topics, partition).filter(|log| log.has_leader)?;
        let reached = offset(log.stable_end(self.now_ms));
        Some((partition.clone(), MarkerProbe { from, reached, records: reached.since(from) }))
    }

    fn group(&self, group: &Group) -> GroupLook {
        let at = self.now() - TimeDelta::milliseconds(SKEW_MS);
        if !Self::is_described(group) {
            let reason = match group.spec.start {
                Start::Forbidden => Reason::NotAuthorized {
                    operation: "DESCRIBE".to_owned(),
                    resource: format!("group {}", group.spec.name),
                },
                _ => Reason::Unsupported,
            };
            return GroupLook {
                description: Answer::Failed(reason.clone()),
                commits: Answer::Failed(reason),
                coordinator: Answer::NotAsked,
                seen_by: SeenBy::Listed,
            };
        }
        GroupLook {
            description: Answer::Known(at, description(group)),
            commits: Answer::Known(at, self.commits(group)),
            coordinator: Answer::Known(at, group.coordinator),
            seen_by: SeenBy::Wire,
        }
    }

    fn commits(&self, group: &Group) -> BTreeMap<TopicPartition, CommitAnswer> {
        let is_share = group.spec.group_type == GroupType::Share;
        let share_lag = |partition: &TopicPartition, start: i64| {
            let end = log(&self.topics, partition)?.end(self.now_ms);
            // Records that were acknowledged out of order are not part of the lag.
            u64::try_from(end - start - group.read_ahead(partition)).ok()
        };
        let answer = |partition: &TopicPartition| {
            let committed = group.commits.get(partition)?;
            if is_share {
                let lag = share_lag(partition, committed.offset);
                return Some(CommitAnswer::ShareStart { start: offset(committed.offset), lag });
            }
            Some(CommitAnswer::Offset(Commit {
                offset: offset(committed.offset),
                leader_epoch: Some(committed.leader_epoch),
                topic_id: Some(TopicId(committed.topic_id)),
                committed_at: DateTime::from_timestamp_millis(committed.at_ms),
                metadata: "".into(),
            }))
        };
        if is_share && group.commits.is_empty() {
            let starts = group.partitions().map(|partition| {
                let start = log(&self.topics, partition).map_or(0, Log::log_start);
                (partition.clone(), CommitAnswer::ShareStart { start: offset(start), lag: None })
            });
            return starts.collect();
        }
        group.commits.keys().filter_map(|partition| Some((partition.clone(), answer(partition)?))).collect()
    }
}

fn listed(group: &Group) -> ListedGroup {
    let group_type = group.spec.group_type;
    let protocol = match group_type {
        GroupType::Other => "connect".to_owned(),
        GroupType::Classic => "consumer".to_owned(),
        _ => group_type.to_string(),
    };
    let state = if group_type == GroupType::Other { GroupState::Stable } else { group.state() };
    ListedGroup { group: group.spec.name.into(), group_type, protocol, state: Some(state) }
}

fn description(group: &Group) -> Description {
    let has_epochs = group.spec.group_type != GroupType::Classic;
    let protocol = match group.spec.group_type {
        GroupType::Classic => "range",
        GroupType::Share => "simple",
        _ => "uniform",
    };
    Description {
        group_type: group.spec.group_type,
        protocol: Some(protocol.to_owned()),
        state: group.state(),
        group_epoch: has_epochs.then_some(group.epoch),
        assignment_epoch: has_epochs.then_some(group.epoch),
        members: group.members.iter().map(|of| member(group, of, has_epochs)).collect(),
        rebalance_timeout_ms: Some(REBALANCE_TIMEOUT_MS),
        streams: (group.spec.group_type == GroupType::Streams).then(|| topology(group)),
    }
}

/// A topology of one part, which reads all topics of the group and keeps a state.
fn topology(group: &Group) -> StreamsView {
    let part = SubtopologyView {
        id: SUBTOPOLOGY.to_owned(),
        source_topics: group.spec.topics.iter().map(|topic| (*topic).to_owned()).collect(),
        repartition_topics: Vec::new(),
        changelog_topics: vec![format!("{}-state-changelog", group.spec.name)],
    };
    StreamsView { subtopologies: Some(vec![part]), not_ready: None }
}

/// The tasks that read these partitions.
fn tasks(partitions: &BTreeSet<TopicPartition>) -> StreamsTasks {
    let numbers: BTreeSet<i32> = partitions.iter().map(|partition| partition.partition.0).collect();
    let task = |partition| StreamsTask { subtopology: SUBTOPOLOGY.to_owned(), partition };
    StreamsTasks { active: numbers.into_iter().map(task).collect(), ..StreamsTasks::default() }
}

fn member(group: &Group, of: &Member, has_epochs: bool) -> look::Member {
    let client_id = format!("{}-{}", group.spec.name, of.number);
    look::Member {
        member_id: format!("{client_id}-{:04x}", of.incarnation).into(),
        instance_id: None,
        client_id: Some(client_id.into()),
        host: Some(format!("/10.0.{}.{}", group.coordinator, 10 + of.number).into()),
        epoch: has_epochs.then_some(of.epoch),
        protocol: if has_epochs { Protocol::Native } else { Protocol::Classic },
        subscription: Some(group.spec.topics.iter().map(|topic| Arc::from(*topic)).collect()),
        assigned: Some(of.assigned.clone()),
        target: has_epochs.then(|| of.target.clone()),
        tasks: (group.spec.group_type == GroupType::Streams)
            .then(|| MemberTasks { current: tasks(&of.assigned), target: tasks(&of.target) }),
    }
}

/// An offset of the simulation, which is never negative.
fn offset(raw: i64) -> Offset {
    Offset::new(raw).unwrap_or(Offset::ZERO)
}
