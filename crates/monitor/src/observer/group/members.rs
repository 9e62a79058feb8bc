//! The rows of members.

use std::collections::{BTreeMap, BTreeSet};

use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{MemberRow, PartitionRow};

use crate::look::Description;

/// The members, sorted by name.
pub(super) fn member_rows(group: &Description, rows: &[(TopicPartition, PartitionRow)]) -> Vec<MemberRow> {
    let lags: BTreeMap<&TopicPartition, Option<i64>> = rows.iter().map(|(at, row)| (at, row.lag)).collect();
    let list =
        |partitions: &Option<BTreeSet<TopicPartition>>| partitions.as_ref().map(|set| set.iter().cloned().collect());
    let lag = |partitions: &BTreeSet<TopicPartition>| {
        partitions.iter().try_fold(0_i64, |sum, at| sum.checked_add((*lags.get(at)?)?))
    };
    let mut members: Vec<MemberRow> = group
        .members
        .iter()
        .map(|member| MemberRow {
            member_id: member.member_id.to_string(),
            instance_id: member.instance_id.as_ref().map(ToString::to_string),
            client_id: member.client_id.as_ref().map(ToString::to_string),
            host: member.host.as_ref().map(ToString::to_string),
            epoch: member.epoch,
            assigned: list(&member.assigned),
            target: list(&member.target),
            lag: member.assigned.as_ref().and_then(lag),
            tasks: member.tasks.clone(),
        })
        .collect();
    members.sort_by(|a, b| (a.name(), &a.member_id).cmp(&(b.name(), &b.member_id)));
    members
}
