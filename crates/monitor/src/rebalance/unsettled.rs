//! Whether a group is in a rebalance, and which members hold it up.

use std::collections::BTreeSet;

use kreplay_model::domain::TopicPartition;

use crate::look::{Description, Member};

/// Whether no member has anything to change: each has the epoch of the group, and the assignment that is its target.
/// Where epochs are not known, the state decides. A group without members has nothing to move:
/// no assignment is computed for the epoch in which the last one left.
#[must_use]
pub fn is_settled(group: &Description) -> bool {
    if group.state.is_rebalancing() {
        return false;
    }
    if group.members.is_empty() {
        return true;
    }
    let Some(epoch) = group.group_epoch else { return true };
    let is_assigned = group.assignment_epoch.is_none_or(|assignment| assignment >= epoch);
    is_assigned && group.members.iter().all(|member| is_current(member, epoch) && has_target(member))
}

fn is_current(member: &Member, epoch: i32) -> bool {
    member.epoch.is_none_or(|member| member >= epoch)
}

fn has_target(member: &Member) -> bool {
    match (&member.assigned, &member.target) {
        (Some(assigned), Some(target)) => assigned == target,
        _ => true,
    }
}

/// The names of the members that a rebalance waits for: those that still have partitions that another member shall
/// have; without any, those whose epoch is below that of the assignment.
#[must_use]
pub fn waiting_for(group: &Description) -> Vec<String> {
    if is_settled(group) {
        return Vec::new();
    }
    let holders: Vec<String> =
        group.members.iter().filter(|member| holds_others(member, group)).map(Member::name).collect();
    if !holders.is_empty() {
        return holders;
    }
    let Some(epoch) = group.assignment_epoch.or(group.group_epoch) else { return Vec::new() };
    group.members.iter().filter(|member| !is_current(member, epoch)).map(Member::name).collect()
}

/// Whether a member has a partition that is in the target of another member and not in its own.
fn holds_others(member: &Member, group: &Description) -> bool {
    let (Some(assigned), Some(target)) = (&member.assigned, &member.target) else { return false };
    let given_up: BTreeSet<&TopicPartition> = assigned.difference(target).collect();
    let others = group.members.iter().filter(|other| other.member_id != member.member_id);
    !given_up.is_empty()
        && others.flat_map(|other| other.target.iter().flatten()).any(|partition| given_up.contains(partition))
}
