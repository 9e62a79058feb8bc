//! A simulated cluster, which answers looks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kreplay_model::domain::{Offset, TopicPartition};
use kreplay_model::watch::{GroupState, GroupType, Reason, SeenBy, Transaction};

use super::Wants;
use crate::look::{
    Answer, Commit, CommitAnswer, Description, GroupLook, ListedGroup, Look, Member, PartitionLook, Protocol, RecordAt,
    TimeAnswer, TopicId, TopicLook,
};

pub const TOPICS: [&str; 2] = ["orders", "payments"];
pub const PARTITIONS: i32 = 2;
pub const GROUPS: [&str; 2] = ["billing", "audit"];

/// What happens between two looks. Numbers choose a group, a partition or an amount.
#[derive(Clone, Debug)]
pub enum Happening {
    Produce(usize, i64),
    Consume(usize, usize, i64),
    /// A consumer that also reads records of open transactions commits.
    ConsumeUncommitted(usize, usize, i64),
    Rewind(usize, usize),
    Truncate(usize),
    Recreate(usize),
    DeleteTopic(usize),
    LoseLeader(usize, bool),
    Forbid(usize, bool),
    Load(usize, bool),
    Rebalance(usize, usize),
    DeleteGroup(usize),
    OpenTransaction(usize, bool),
    DeleteRecords(usize, i64),
    MoveCoordinator(usize),
}

/// A log: the timestamps of all its records.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub times: Vec<i64>,
    pub start: i64,
    /// The offset at which an open transaction begins.
    pub open: Option<i64>,
    pub has_leader: bool,
}

impl Log {
    pub fn end(&self) -> i64 {
        i64::try_from(self.times.len()).unwrap()
    }

    pub fn stable(&self) -> i64 {
        self.open.unwrap_or(self.end()).clamp(self.start, self.end())
    }
}

#[derive(Clone, Debug)]
pub struct Group {
    pub commits: BTreeMap<TopicPartition, i64>,
    pub is_there: bool,
    pub is_forbidden: bool,
    pub is_loading: bool,
    /// The number of partitions, the last ones, that have no owner.
    pub unowned: usize,
    members: usize,
    epoch: i32,
    coordinator: i32,
}

#[derive(Clone, Debug)]
pub struct Cluster {
    pub logs: BTreeMap<TopicPartition, Log>,
    pub groups: Vec<Group>,
    topic_ids: BTreeMap<&'static str, u128>,
    pub now_ms: i64,
    pub retention_ms: u64,
    /// The retention of topics that have another one.
    pub topic_retention_ms: BTreeMap<&'static str, u64>,
    /// When open transactions began; `None` if the brokers do not report it.
    pub transaction_began_ms: Option<i64>,
}

impl Cluster {
    pub fn new() -> Self {
        let group = Group {
            commits: BTreeMap::new(),
            is_there: true,
            is_forbidden: false,
            is_loading: false,
            unowned: 0,
            members: 2,
            epoch: 1,
            coordinator: 1,
        };
        let mut cluster = Self {
            logs: BTreeMap::new(),
            groups: vec![group; GROUPS.len()],
            topic_ids: BTreeMap::new(),
            now_ms: 1_700_000_000_000,
            retention_ms: 30 * 86_400_000,
            topic_retention_ms: BTreeMap::new(),
            transaction_began_ms: None,
        };
        (0..TOPICS.len()).for_each(|topic| cluster.create_topic(topic, 1));
        cluster
    }

    fn create_topic(&mut self, topic: usize, id: u128) {
        let name = TOPICS[topic % TOPICS.len()];
        self.topic_ids.insert(name, id);
        for number in 0..PARTITIONS {
            self.logs.insert(TopicPartition::new(name, number), Log { has_leader: true, ..Log::default() });
        }
    }

    pub fn partition(index: usize) -> TopicPartition {
        let partitions = usize::try_from(PARTITIONS).unwrap();
        TopicPartition::new(TOPICS[index / partitions % TOPICS.len()], i32::try_from(index % partitions).unwrap())
    }

    pub fn happen(&mut self, happening: &Happening) {
        let now_ms = self.now_ms;
        match *happening {
            Happening::Produce(at, count) => self.change_log(at, |log| log.times.extend((0..count).map(|_| now_ms))),
            Happening::Consume(group, at, count) => self.commit(group, at, |log, committed| {
                (committed.max(log.start) + count).min(log.stable()).max(committed)
            }),
            Happening::ConsumeUncommitted(group, at, count) => {
                self.commit(group, at, |log, committed| (committed.max(log.start) + count).min(log.end()));
            }
            Happening::Rewind(group, at) => self.commit(group, at, |log, _| log.start),
            Happening::Truncate(at) => self.change_log(at, |log| {
                log.times.truncate(usize::try_from((log.end() - 3).max(log.start)).unwrap());
                log.open = None;
            }),
            Happening::Recreate(topic) => self.create_topic(topic, u128::try_from(now_ms).unwrap()),
            Happening::DeleteTopic(topic) => {
                let name = TOPICS[topic % TOPICS.len()];
                self.topic_ids.remove(name);
                self.logs.retain(|partition, _| &*partition.topic != name);
            }
            Happening::LoseLeader(at, lost) => self.change_log(at, |log| log.has_leader = !lost),
            Happening::Forbid(group, on) => self.groups[group % GROUPS.len()].is_forbidden = on,
            Happening::Load(group, on) => self.groups[group % GROUPS.len()].is_loading = on,
            Happening::Rebalance(group, members) => {
                let group = &mut self.groups[group % GROUPS.len()];
                group.epoch += 1;
                group.members = members % 5;
            }
            Happening::DeleteGroup(group) => {
                let group = &mut self.groups[group % GROUPS.len()];
                group.is_there = !group.is_there;
                group.commits.clear();
            }
            Happening::OpenTransaction(at, open) => self.change_log(at, |log| log.open = open.then(|| log.end())),
            Happening::DeleteRecords(at, count) => {
                self.change_log(at, |log| log.start = (log.start + count).min(log.end()));
            }
            Happening::MoveCoordinator(group) => self.groups[group % GROUPS.len()].coordinator += 1,
        }
    }

    fn change_log(&mut self, at: usize, change: impl FnOnce(&mut Log)) {
        if let Some(log) = self.logs.get_mut(&Self::partition(at)) {
            change(log);
        }
    }

    fn commit(&mut self, group: usize, at: usize, to: impl FnOnce(&Log, i64) -> i64) {
        let partition = Self::partition(at);
        let group = &mut self.groups[group % GROUPS.len()];
        if let Some(log) = self.logs.get(&partition).filter(|_| group.is_there) {
            let committed = group.commits.get(&partition).copied().unwrap_or(0);
            group.commits.insert(partition, to(log, committed));
        }
    }

    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.now_ms).unwrap()
    }

    /// A look at everything, with the answers that were wanted.
    pub fn look(&self, wants: &Wants) -> Look {
        let mut look = Look::empty(self.now(), "simulated");
        let there = || GROUPS.iter().zip(&self.groups).filter(|(_, group)| group.is_there);
        let listed = there().map(|(name, _)| ListedGroup {
            group: Arc::from(*name),
            group_type: GroupType::Consumer,
            protocol: "consumer".into(),
            state: None,
        });
        look.listing = Answer::Known(self.now(), listed.collect());
        look.groups = there().map(|(name, group)| (Arc::from(*name), self.group(group))).collect();
        for number in 0..TOPICS.len() * usize::try_from(PARTITIONS).unwrap() {
            let partition = Self::partition(number);
            look.partitions.insert(partition.clone(), self.log(self.logs.get(&partition)));
        }
        for name in TOPICS {
            let id = self.topic_ids.get(name);
            let partitions = match id {
                Some(_) => Answer::Known(self.now(), u32::try_from(PARTITIONS).unwrap()),
                None => Answer::Failed(Reason::TopicGone),
            };
            let retention_ms = self.topic_retention_ms.get(name).copied().unwrap_or(self.retention_ms);
            let known = TopicLook {
                partitions,
                topic_id: id.copied().map(TopicId),
                compacted: Answer::Known(self.now(), false),
                retention_ms: Answer::Known(self.now(), Some(retention_ms)),
            };
            look.topics.insert(name.into(), known);
        }
        for partition in &wants.transactions {
            let is_open = self.logs.get(partition).is_some_and(|log| log.open.is_some());
            if let (Some(look), true, Some(began_ms)) =
                (look.partitions.get_mut(partition), is_open, self.transaction_began_ms)
            {
                let started_at = DateTime::from_timestamp_millis(began_ms);
                let transaction = Transaction {
                    producer_id: 7,
                    transactional_id: None,
                    state: Some("Ongoing".into()),
                    started_at,
                    timeout_s: None,
                };
                look.transaction = Answer::Known(look.end.at().unwrap_or_default(), Some(transaction));
            }
        }
        look.time_answers = self.answer_times(&wants.time_queries);
        look
    }

    /// Answers time queries.
    pub(super) fn answer_times(&self, queries: &[(TopicPartition, i64)]) -> Vec<(TopicPartition, TimeAnswer)> {
        queries.iter().filter_map(|(at, query)| Some((at.clone(), self.answer(at, *query)?))).collect()
    }

    fn answer(&self, partition: &TopicPartition, query_ms: i64) -> Option<TimeAnswer> {
        let log = self.logs.get(partition).filter(|log| log.has_leader)?;
        let start = usize::try_from(log.start).unwrap();
        let first = log.times.iter().enumerate().skip(start).find(|(_, at)| **at >= query_ms).map(|(offset, at)| {
            RecordAt { offset: Offset::new(i64::try_from(offset).unwrap()).unwrap(), timestamp_ms: *at }
        });
        let topic_id = self.topic_ids.get(&*partition.topic).copied().map(TopicId);
        Some(TimeAnswer { query_ms, first, topic_id })
    }

    fn log(&self, log: Option<&Log>) -> PartitionLook {
        let offset = |raw: fn(&Log) -> i64| match log {
            None => Answer::Failed(Reason::TopicGone),
            Some(log) if !log.has_leader => Answer::Failed(Reason::NoLeader),
            Some(log) => Answer::Known(self.now(), Offset::new(raw(log)).unwrap()),
        };
        PartitionLook {
            log_start: offset(|log| log.start),
            stable_end: offset(Log::stable),
            end: offset(Log::end),
            ..PartitionLook::default()
        }
    }

    fn group(&self, group: &Group) -> GroupLook {
        let failure = if group.is_forbidden {
            Some(Reason::NotAuthorized { operation: "READ".into(), resource: "group".into() })
        } else {
            group.is_loading.then_some(Reason::CoordinatorLoading)
        };
        if let Some(reason) = failure {
            return GroupLook {
                description: Answer::Failed(reason.clone()),
                commits: Answer::Failed(reason),
                coordinator: Answer::Known(self.now(), group.coordinator),
                seen_by: SeenBy::Wire,
            };
        }
        let commits = group.commits.iter().map(|(partition, offset)| {
            let commit = Commit {
                offset: Offset::new(*offset).unwrap(),
                leader_epoch: None,
                topic_id: None,
                committed_at: None,
                metadata: "".into(),
            };
            (partition.clone(), CommitAnswer::Offset(commit))
        });
        GroupLook {
            description: Answer::Known(self.now(), self.description(group)),
            commits: Answer::Known(self.now(), commits.collect()),
            coordinator: Answer::Known(self.now(), group.coordinator),
            seen_by: SeenBy::Wire,
        }
    }

    fn description(&self, group: &Group) -> Description {
        let mut members: Vec<Member> = (0..group.members)
            .map(|number| Member {
                member_id: format!("m{number}").into(),
                client_id: Some(format!("client-{number}").into()),
                epoch: Some(group.epoch),
                protocol: Protocol::Native,
                subscription: Some(TOPICS.iter().map(|topic| Arc::from(*topic)).collect()),
                assigned: Some(BTreeSet::new()),
                target: Some(BTreeSet::new()),
                ..Member::default()
            })
            .collect();
        let owned = self.logs.len().saturating_sub(group.unowned);
        for (number, partition) in self.logs.keys().enumerate().take(owned) {
            let count = members.len().max(1);
            if let Some(member) = members.get_mut(number % count) {
                member.assigned.get_or_insert_default().insert(partition.clone());
                member.target.get_or_insert_default().insert(partition.clone());
            }
        }
        Description {
            group_type: GroupType::Consumer,
            protocol: Some("uniform".into()),
            state: if members.is_empty() { GroupState::Empty } else { GroupState::Stable },
            group_epoch: Some(group.epoch),
            assignment_epoch: Some(group.epoch),
            members,
            rebalance_timeout_ms: None,
            streams: None,
        }
    }
}
