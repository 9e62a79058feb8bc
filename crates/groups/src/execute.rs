//! Executes a plan.

use std::collections::BTreeMap;

use chrono::Utc;
use kreplay_kafka::{ChangeFailure, ChangeResults, GroupAdmin, GroupAdminError, StoredOffset};
use kreplay_model::domain::TopicPartition;

use super::{
    access::WriteAccess,
    changes::ChangeStore,
    error::GroupsError,
    guard::{require_no_members, require_unused_topics},
    plan::{Action, GroupPlan, PlannedRow},
};

type Committed = BTreeMap<TopicPartition, StoredOffset>;

/// The result for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowOutcome {
    /// It already had the planned offset, so nothing was written.
    Unchanged,
    /// It has the planned offset.
    Changed,
    /// It does not have the planned offset; the reason.
    Failed(String),
}

/// The result of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeOutcome {
    /// The id for `undo`; `None` if there was nothing to change.
    pub change: Option<String>,
    /// The results, in the order of the plan's rows.
    pub rows: Vec<RowOutcome>,
}

impl ChangeOutcome {
    /// Whether every partition has the planned offset.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !self.rows.iter().any(|row| matches!(row, RowOutcome::Failed(_)))
    }
}

/// Executes a plan: checks that the group still has no members and that no offset has moved since the plan was made,
/// stores what is there in `store`, writes, and reads back what was written.
///
/// Between the second check and the write, a member may join; the broker then rejects the write. A commit by a client
/// that is not a member is noticed only if what is read back differs.
///
/// # Errors
/// A guard or the broker refused, or nothing could be written. If only some partitions failed, this is not an error;
/// see [`ChangeOutcome::is_complete`].
pub fn execute(
    admin: &GroupAdmin,
    plan: &GroupPlan,
    store: &ChangeStore,
    _access: &WriteAccess,
) -> Result<ChangeOutcome, GroupsError> {
    let described = admin.describe()?;
    if plan.action == Action::Forget {
        require_unused_topics(&plan.group, described, plan.rows.iter().map(|row| &*row.id.topic))?;
    } else {
        require_no_members(&plan.group, described)?;
    }
    require_unmoved(plan, &admin.offsets()?)?;
    if !plan.has_changes() {
        return Ok(ChangeOutcome { change: None, rows: vec![RowOutcome::Unchanged; plan.rows.len()] });
    }
    let change = store.begin(plan, Utc::now())?;
    let written = write(admin, plan);
    let committed = admin.offsets_after_change().map_err(|error| GroupsError::Unknown {
        group: plan.group.clone(),
        reason: written.as_ref().err().unwrap_or(&error).to_string(),
        cluster_flags: String::new(),
    })?;
    let (failures, failed) = match written {
        Ok(results) => (results.into_iter().filter_map(|(id, result)| Some((id, result.err()?))).collect(), None),
        Err(error) => (BTreeMap::new(), Some(error)),
    };
    let rows = outcomes(plan, &committed, &failures, failed.as_ref());
    // A group without offsets has no rows to compare, so its deletion rests on the broker's answer.
    let nothing = if plan.rows.is_empty() {
        failed.is_some() || !failures.is_empty()
    } else {
        !rows.contains(&RowOutcome::Changed)
    };
    if nothing {
        // A request without an answer may still take effect.
        if let Some(error @ GroupAdminError::Client(_)) = &failed {
            let (group, reason) = (plan.group.clone(), error.to_string());
            return Err(GroupsError::Unknown { group, reason, cluster_flags: String::new() });
        }
        store.discard(&change)?;
        return Err(rejected(plan, failures, failed));
    }
    Ok(ChangeOutcome { change: Some(change.id), rows })
}

/// Refuses a plan if the offsets are not those that it was made from.
fn require_unmoved(plan: &GroupPlan, committed: &Committed) -> Result<(), GroupsError> {
    let moved = |id: &TopicPartition, planned: Option<&StoredOffset>, now: Option<&StoredOffset>| GroupsError::Moved {
        id: id.clone(),
        expected: planned.map(|stored| stored.offset),
        found: now.map(|stored| stored.offset),
        what: "it has changed since the plan was made; make the plan again",
    };
    for row in &plan.rows {
        let now = committed.get(&row.id);
        if now != row.from.as_ref() {
            return Err(moved(&row.id, row.from.as_ref(), now));
        }
    }
    if plan.action == Action::Delete {
        // Deleting the group also deletes offsets that the plan does not show.
        let is_planned = |id: &TopicPartition| plan.rows.iter().any(|row| row.id == *id);
        if let Some((id, now)) = committed.iter().find(|(id, _)| !is_planned(id)) {
            return Err(moved(id, None, Some(now)));
        }
    }
    Ok(())
}

fn write(admin: &GroupAdmin, plan: &GroupPlan) -> Result<ChangeResults, GroupAdminError> {
    if plan.action == Action::Delete {
        let refused = admin.delete()?.err();
        let result = |id: &TopicPartition| (id.clone(), refused.clone().map_or(Ok(()), Err));
        // The broker's answer is about the group. One without offsets needs a place for it.
        let mut results: ChangeResults = plan.rows.iter().map(|row| result(&row.id)).collect();
        if results.is_empty() {
            results.push(result(&TopicPartition::new("", 0)));
        }
        return Ok(results);
    }
    let changed = || plan.rows.iter().filter(|row| row.is_change());
    let offsets: Vec<_> = changed().filter_map(|row| Some((row.id.clone(), row.to.clone()?))).collect();
    let deleted: Vec<_> = changed().filter(|row| row.to.is_none()).map(|row| row.id.clone()).collect();
    let mut results = if offsets.is_empty() { Vec::new() } else { admin.alter(&offsets)? };
    if !deleted.is_empty() {
        results.extend(admin.delete_offsets(&deleted)?);
    }
    Ok(results)
}

/// The result for each row: what was read back decides, and the broker's answers explain it.
fn outcomes(
    plan: &GroupPlan,
    committed: &Committed,
    failures: &BTreeMap<TopicPartition, ChangeFailure>,
    failed: Option<&GroupAdminError>,
) -> Vec<RowOutcome> {
    let outcome = |row: &PlannedRow| {
        let now = committed.get(&row.id);
        match (failures.get(&row.id), failed) {
            _ if !row.is_change() => RowOutcome::Unchanged,
            (None, None | Some(_)) if now == row.to.as_ref() => RowOutcome::Changed,
            (Some(failure), _) => RowOutcome::Failed(text(failure)),
            (None, Some(error)) => RowOutcome::Failed(error.to_string()),
            (None, None) => RowOutcome::Failed("another client has committed an offset at the same time".to_owned()),
        }
    };
    plan.rows.iter().map(outcome).collect()
}

/// The error for a change of which nothing took effect.
fn rejected(
    plan: &GroupPlan,
    failures: BTreeMap<TopicPartition, ChangeFailure>,
    failed: Option<GroupAdminError>,
) -> GroupsError {
    let group = plan.group.clone();
    match (failed, failures.into_iter().next()) {
        (Some(error), _) => error.into(),
        (None, Some((_, ChangeFailure::HasMembers))) => GroupsError::HasMembers(group),
        (None, Some((id, ChangeFailure::Subscribed))) => GroupsError::Subscribed { group, topic: id.topic.to_string() },
        (None, Some((_, ChangeFailure::Other(reason)))) => GroupsError::NotChanged { group, reason },
        (None, None) => {
            let reason = "the offsets read back are not those written; another client is committing as well".into();
            GroupsError::NotChanged { group, reason }
        }
    }
}

fn text(failure: &ChangeFailure) -> String {
    match failure {
        ChangeFailure::HasMembers => "the group has members".to_owned(),
        ChangeFailure::Subscribed => "a member is subscribed to the topic".to_owned(),
        ChangeFailure::Other(reason) => reason.clone(),
    }
}
