//! A simulated cluster: topics, groups, and what happens to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use kreplay_model::domain::TopicPartition;

use super::group::{Group, Start, log};
use super::log::OpenTransaction;
use super::scene;
use super::topic::Topic;
use crate::random::Random;

/// The simulation proceeds in steps of this length, in milliseconds.
const STEP_MS: i64 = 1_000;

/// Brokers that coordinate groups.
const BROKERS: usize = 3;

/// Something that happens to a topic or a group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Happening {
    /// All members of a group stop reading.
    Hang(&'static str),
    /// They read again.
    Continue(&'static str),
    /// A member joins.
    Join(&'static str),
    /// The last member leaves.
    Leave(&'static str),
    /// The first member keeps its partitions in the next rebalance.
    HoldOn(&'static str),
    /// It gives them up.
    GiveUp(&'static str),
    /// The record that follows the position in a partition cannot be handled.
    Poison(&'static str, &'static str, i32),
    /// Such records are skipped.
    SkipPoison(&'static str),
    /// The offset of a partition is set back by a number.
    SetBack(&'static str, &'static str, i32, i64),
    /// The offsets of a group are set to the end of the log.
    ResetToEnd(&'static str),
    /// The last partition of a group has no owner, or has one again.
    Orphan(&'static str, bool),
    /// The capacity of a group is multiplied.
    Scale(&'static str, f64),
    /// A topic is deleted and created again.
    Recreate(&'static str),
    /// A transaction is opened in a partition and stays open, or is aborted.
    Transaction(&'static str, usize, bool),
    /// A partition has no leader, or has one again.
    Leader(&'static str, usize, bool),
    /// Another broker coordinates a group.
    MoveCoordinator(&'static str),
}

/// The cluster.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    pub now_ms: i64,
    pub topics: BTreeMap<Arc<str>, Topic>,
    pub groups: BTreeMap<Arc<str>, Group>,
    random: Random,
    seed: u64,
}

impl Cluster {
    pub(super) fn new(seed: u64, now_ms: i64) -> Self {
        let mut random = Random::new(seed);
        let mut topics = BTreeMap::new();
        for (spec, id) in scene::TOPICS.into_iter().zip(0x6b72_6570_6c61_7900..) {
            topics.insert(Arc::from(spec.name), Topic::with_history(spec, id, now_ms, &mut random));
        }
        for (name, partition, seconds) in scene::OPEN_TRANSACTIONS {
            open_transaction(&mut topics, name, partition, now_ms - seconds * 1000);
        }
        let mut groups = BTreeMap::new();
        for spec in scene::GROUPS {
            let phase_ms = i64::try_from(random.below(10_000)).unwrap_or(0);
            let coordinator = i32::try_from(random.below(BROKERS)).unwrap_or(0) + 1;
            groups.insert(Arc::from(spec.name), Group::new(spec, &topics, now_ms, phase_ms, coordinator));
        }
        Self { now_ms, topics, groups, random, seed }
    }

    /// Lets time pass.
    pub(super) fn advance(&mut self, until_ms: i64) {
        while self.now_ms < until_ms {
            let passed_ms = STEP_MS.min(until_ms - self.now_ms);
            self.now_ms += passed_ms;
            for topic in self.topics.values_mut() {
                topic.advance(self.now_ms, &mut self.random);
            }
            for (group, number) in self.groups.values_mut().zip(1_u64..) {
                group.advance(&self.topics, self.now_ms, passed_ms, self.seed ^ (number << 48));
            }
        }
    }

    pub(super) fn happen(&mut self, happening: Happening) {
        let now_ms = self.now_ms;
        match happening {
            Happening::Hang(name) => self.change(name, |group| group.members.iter_mut().for_each(|m| m.hangs = true)),
            Happening::Continue(name) => {
                self.change(name, |group| group.members.iter_mut().for_each(|member| member.hangs = false));
            }
            Happening::Join(name) => self.change(name, |group| group.join(now_ms)),
            Happening::Leave(name) => self.change(name, |group| group.leave(now_ms)),
            Happening::HoldOn(name) => self.hold_on(name, true),
            Happening::GiveUp(name) => self.hold_on(name, false),
            Happening::Poison(name, topic, number) => {
                let partition = TopicPartition::new(topic, number);
                self.change(name, |group| {
                    let committed = group.commits.get(&partition).map_or(0, |committed| committed.offset);
                    let next = committed + group.read_ahead(&partition);
                    group.poison.insert(partition, next);
                });
            }
            Happening::SkipPoison(name) => self.change(name, |group| group.poison.clear()),
            Happening::SetBack(name, topic, number, by) => {
                self.reset(name, &TopicPartition::new(topic, number), |before, _| before - by);
            }
            Happening::ResetToEnd(name) => {
                let partitions: Vec<TopicPartition> =
                    self.groups.get(name).into_iter().flat_map(|group| group.commits.keys().cloned()).collect();
                for partition in partitions {
                    self.reset(name, &partition, |_, end| end);
                }
            }
            Happening::Orphan(name, begins) => self.change(name, |group| group.set_orphan(begins, now_ms)),
            Happening::Scale(name, factor) => self.change(name, |group| group.member_per_s *= factor),
            Happening::Recreate(name) => {
                if let Some(topic) = self.topics.get_mut(name) {
                    topic.recreate(now_ms);
                }
            }
            Happening::Transaction(name, partition, true) => {
                open_transaction(&mut self.topics, name, partition, now_ms);
            }
            Happening::Transaction(name, partition, false) => {
                self.change_log(name, partition, |log| log.open_transaction = None);
            }
            Happening::Leader(name, partition, is_back) => self.change_log(name, partition, |log| {
                log.has_leader = is_back;
                log.leader_epoch += i32::from(is_back);
            }),
            Happening::MoveCoordinator(name) => self.change(name, |group| {
                group.coordinator = group.coordinator % i32::try_from(BROKERS).unwrap_or(1) + 1;
            }),
        }
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut Group)) {
        if let Some(group) = self.groups.get_mut(name) {
            change(group);
        }
    }

    fn change_log(&mut self, name: &str, partition: usize, change: impl FnOnce(&mut super::log::Log)) {
        if let Some(log) = self.topics.get_mut(name).and_then(|topic| topic.logs.get_mut(partition)) {
            change(log);
        }
    }

    fn hold_on(&mut self, name: &str, holds_on: bool) {
        self.change(name, |group| {
            if let Some(first) = group.members.first_mut() {
                first.holds_on = holds_on;
            }
        });
    }

    fn reset(&mut self, name: &str, partition: &TopicPartition, to: impl FnOnce(i64, i64) -> i64) {
        let end = log(&self.topics, partition).map_or(0, |log| log.end(self.now_ms));
        if let Some(group) = self.groups.get_mut(name) {
            group.reset(&self.topics, partition, |before| to(before, end), self.now_ms);
        }
    }

    /// The groups whose descriptions and offsets can be requested.
    pub(super) fn is_described(group: &Group) -> bool {
        !matches!(group.spec.start, Start::Forbidden | Start::NotDescribed)
    }
}

/// Opens a transaction in a partition, as of a time that may have passed.
fn open_transaction(topics: &mut BTreeMap<Arc<str>, Topic>, name: &str, partition: usize, since_ms: i64) {
    if let Some(log) = topics.get_mut(name).and_then(|topic| topic.logs.get_mut(partition)) {
        log.open_transaction = Some(OpenTransaction { first: log.first_at_or_after(since_ms), since_ms });
    }
}
