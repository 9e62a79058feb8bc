//! Simulated groups.

mod membership;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::GroupType;

pub(super) use reading::log;

use super::topic::Topic;

/// What a group is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupSpec {
    pub name: &'static str,
    pub group_type: GroupType,
    pub topics: &'static [&'static str],
    pub members: u32,
    /// What the group can read, compared with what arrives on its topics when the simulation begins.
    pub capacity: f64,
    /// How much the capacity varies, as a fraction.
    pub jitter: f64,
    pub commit_s: i64,
    /// For how long its records have been waiting when the simulation begins.
    pub behind_s: i64,
    pub start: Start,
}

/// How a group begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// It reads.
    Reading,
    /// It reads up to open transactions.
    ReadingCommitted,
    /// The first member reads records only when they are this old, in seconds.
    FirstMemberDelayed(i64),
    /// All members read records only when they are this old, in seconds.
    AllDelayed(i64),
    /// The members do not read.
    Hanging,
    /// It has not committed anything, and does not read.
    NeverCommitted,
    /// It has had no members for this number of seconds.
    EmptyFor(i64),
    /// The last partition of its first topic has no owner.
    WithOrphan,
    /// It has a position on a topic that does not exist any more.
    WithDeletedTopic(&'static str),
    /// The permission to describe it is missing.
    Forbidden,
    /// The coordinator does not describe groups of its type.
    NotDescribed,
}

/// A committed offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct Committed {
    pub offset: i64,
    pub at_ms: i64,
    pub topic_id: u128,
    pub leader_epoch: i32,
}

/// A member.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub number: u32,
    /// What differs when a member with the same number joins again.
    pub incarnation: u32,
    pub epoch: i32,
    pub assigned: BTreeSet<TopicPartition>,
    pub target: BTreeSet<TopicPartition>,
    pub hangs: bool,
    /// Whether it keeps partitions that are in the target of another member.
    pub holds_on: bool,
    pub delay_ms: i64,
    pub next_commit_ms: i64,
}

/// A group.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub spec: GroupSpec,
    pub members: Vec<Member>,
    pub epoch: i32,
    pub commits: BTreeMap<TopicPartition, Committed>,
    pub coordinator: i32,
    /// The partitions of its topics.
    partitions: BTreeSet<TopicPartition>,
    pub unowned: BTreeSet<TopicPartition>,
    positions: BTreeMap<TopicPartition, i64>,
    /// Offsets that cannot be handled.
    pub poison: BTreeMap<TopicPartition, i64>,
    /// What one member can read, in records per second.
    pub member_per_s: f64,
    /// When members take over their targets; `None` if they have.
    settles_at_ms: Option<i64>,
}

impl Group {
    /// The group when the simulation begins. `phase_ms` is the time until the first commit.
    pub(super) fn new(
        spec: GroupSpec,
        topics: &BTreeMap<Arc<str>, Topic>,
        now_ms: i64,
        phase_ms: i64,
        coordinator: i32,
    ) -> Self {
        let mut group = Self {
            spec,
            members: Vec::new(),
            epoch: 1,
            commits: BTreeMap::new(),
            coordinator,
            partitions: BTreeSet::new(),
            unowned: BTreeSet::new(),
            positions: BTreeMap::new(),
            poison: BTreeMap::new(),
            member_per_s: 0.0,
            settles_at_ms: None,
        };
        let mut arriving = 0.0;
        for topic in spec.topics.iter().filter_map(|name| topics.get(*name)) {
            arriving += topic.rate(now_ms);
            for (log, number) in topic.logs.iter().zip(0..) {
                let partition = TopicPartition::new(topic.spec.name, number);
                let position = log.first_at_or_after(now_ms - spec.behind_s * 1000).min(log.end(now_ms));
                let limit = if spec.start == Start::ReadingCommitted { log.stable_end(now_ms) } else { i64::MAX };
                let offset = position.min(limit);
                if spec.start != Start::NeverCommitted {
                    let idle_ms = if let Start::EmptyFor(seconds) = spec.start { seconds * 1000 } else { 0 };
                    let leader_epoch = log.leader_epoch;
                    let committed = Committed { offset, at_ms: now_ms - idle_ms, topic_id: topic.id, leader_epoch };
                    group.commits.insert(partition.clone(), committed);
                }
                group.positions.insert(partition.clone(), offset);
                group.partitions.insert(partition);
            }
        }
        if let Start::WithDeletedTopic(name) = spec.start {
            let old = Committed { offset: 48_211, at_ms: now_ms - 86_400_000, topic_id: 1, leader_epoch: 0 };
            group.commits.insert(TopicPartition::new(name, 0), old);
        }
        if spec.start == Start::WithOrphan {
            group.unowned.extend(group.partitions.last().cloned());
        }
        let count = if matches!(spec.start, Start::EmptyFor(_)) { 0 } else { spec.members };
        group.member_per_s = arriving * spec.capacity / f64::from(count.max(1));
        for number in 0..count {
            let delay_ms = match spec.start {
                Start::FirstMemberDelayed(seconds) if number == 0 => seconds * 1000,
                Start::AllDelayed(seconds) => seconds * 1000,
                _ => 0,
            };
            let member = Member {
                delay_ms,
                hangs: matches!(spec.start, Start::Hanging | Start::NeverCommitted),
                // Members do not commit at the same time.
                next_commit_ms: now_ms + (phase_ms + i64::from(number) * 1_300) % (spec.commit_s * 1000),
                ..Member::new(number, group.epoch)
            };
            group.members.push(member);
        }
        group.assign_targets();
        for member in &mut group.members {
            member.assigned = member.target.clone();
            for partition in &member.assigned {
                let Some(log) = log(topics, partition).filter(|_| member.delay_ms > 0) else { continue };
                let position = log.first_at_or_after(now_ms - member.delay_ms);
                group.positions.insert(partition.clone(), position);
                group.commits.entry(partition.clone()).and_modify(|committed| committed.offset = position);
            }
        }
        group
    }
}

impl Group {
    /// The partitions of its topics.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.iter()
    }
}

impl Member {
    pub(super) fn new(number: u32, epoch: i32) -> Self {
        Self {
            number,
            incarnation: 0,
            epoch,
            assigned: BTreeSet::new(),
            target: BTreeSet::new(),
            hangs: false,
            holds_on: false,
            delay_ms: 0,
            next_commit_ms: 0,
        }
    }
}
