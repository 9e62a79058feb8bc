//! Members that join and leave, and the rebalances that follow.

use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{GroupState, GroupType};

use super::{Group, Member};

/// The time from a change of members until they take over their partitions, in milliseconds.
const SETTLE_MS: i64 = 5_000;

impl Group {
    /// A member joins: the one with the lowest number that is free.
    pub(in crate::simulation) fn join(&mut self, now_ms: i64) {
        let number =
            (0..=u32::MAX).find(|number| self.members.iter().all(|member| member.number != *number)).unwrap_or(0);
        let member = Member {
            incarnation: self.epoch.unsigned_abs(),
            next_commit_ms: now_ms + self.spec.commit_s * 1000,
            ..Member::new(number, 0)
        };
        self.members.push(member);
        self.members.sort_by_key(|member| member.number);
        self.rebalance(now_ms);
    }

    /// The member with the largest number leaves.
    pub(in crate::simulation) fn leave(&mut self, now_ms: i64) {
        if self.members.pop().is_some() {
            self.rebalance(now_ms);
        }
    }

    /// The last partition loses its owner, or gets one again.
    pub(in crate::simulation) fn set_orphan(&mut self, begins: bool, now_ms: i64) {
        self.unowned.clear();
        if begins {
            self.unowned.extend(self.partitions.last().cloned());
        }
        self.rebalance(now_ms);
    }

    /// Computes a new assignment, which members take over later.
    pub(in crate::simulation) fn rebalance(&mut self, now_ms: i64) {
        self.epoch += 1;
        self.assign_targets();
        self.settles_at_ms = Some(now_ms + SETTLE_MS);
    }

    /// Divides the partitions among the members: each gets a range.
    pub(super) fn assign_targets(&mut self) {
        let partitions: Vec<&TopicPartition> =
            self.partitions.iter().filter(|partition| !self.unowned.contains(*partition)).collect();
        let members = self.members.len().max(1);
        for (index, member) in self.members.iter_mut().enumerate() {
            let range = partitions.len() * index / members..partitions.len() * (index + 1) / members;
            member.target = partitions.get(range).into_iter().flatten().map(|at| (*at).clone()).collect();
        }
    }

    /// Members that do not hold on take over what no other member still has.
    pub(super) fn settle(&mut self, now_ms: i64) {
        if self.settles_at_ms.is_none_or(|at_ms| now_ms < at_ms) {
            return;
        }
        for member in self.members.iter_mut().filter(|member| !member.holds_on) {
            member.assigned = member.assigned.intersection(&member.target).cloned().collect();
        }
        for index in 0..self.members.len() {
            let others = self.members.iter().enumerate().filter(|(other, _)| *other != index);
            let held: Vec<TopicPartition> = others.flat_map(|(_, other)| &other.assigned).cloned().collect();
            if let Some(member) = self.members.get_mut(index).filter(|member| !member.holds_on) {
                let new: Vec<TopicPartition> =
                    member.target.difference(&member.assigned).filter(|at| !held.contains(at)).cloned().collect();
                member.epoch = self.epoch;
                // A new owner begins at the committed offset.
                for partition in &new {
                    if let Some(committed) = self.commits.get(partition) {
                        self.positions.insert(partition.clone(), committed.offset);
                    }
                }
                member.assigned.extend(new);
            }
        }
        if self.members.iter().all(|member| member.assigned == member.target) {
            self.settles_at_ms = None;
        }
    }

    pub(in crate::simulation) fn state(&self) -> GroupState {
        match (self.members.is_empty(), self.settles_at_ms.is_some(), self.spec.group_type) {
            (true, ..) => GroupState::Empty,
            (false, true, GroupType::Classic) => GroupState::PreparingRebalance,
            (false, true, _) => GroupState::Reconciling,
            (false, false, _) => GroupState::Stable,
        }
    }
}
