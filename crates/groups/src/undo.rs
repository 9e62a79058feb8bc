//! The plan that restores what was there before a change.

use std::collections::BTreeMap;

use kreplay_kafka::{GroupAdmin, StoredOffset};
use kreplay_model::domain::TopicPartition;

use super::{
    changes::{Change, ChangeStore, ChangedPartition},
    error::GroupsError,
    guard::require_no_members,
    inspect::{add_times, logs, reachable_cluster},
    plan::{Action, GroupPlan, PlannedRow},
};

/// A plan that restores what was there before the change with this id, or before the last one.
///
/// # Errors
/// No such change is stored, an offset is neither what the change wrote nor what was there before, the group has
/// members or is not used by consumers, or the cluster cannot be queried.
pub fn plan_undo(admin: &GroupAdmin, store: &ChangeStore, id: Option<&str>) -> Result<GroupPlan, GroupsError> {
    let cluster = reachable_cluster(admin)?;
    let change = store.find(&cluster, admin.group(), id)?;
    require_no_members(admin.group(), admin.describe()?)?;
    let mut rows = restored(&change, &admin.offsets()?)?;
    let logs = logs(admin, &rows.iter().map(|row| row.id.clone()).collect())?;
    for row in &mut rows {
        row.log = logs.get(&row.id).copied();
    }
    add_times(admin, &mut rows);
    let undoes = Some(change.id);
    Ok(GroupPlan { cluster, group: admin.group().to_owned(), action: Action::Undo, rows, left_out: Vec::new(), undoes })
}

/// The stored changes of the group, the newest first.
///
/// # Errors
/// The cluster does not answer, or one of them cannot be read.
pub fn stored_changes(admin: &GroupAdmin, store: &ChangeStore) -> Result<Vec<Change>, GroupsError> {
    Ok(store.list(&reachable_cluster(admin)?, admin.group())?)
}

/// The rows that restore what was there before a change. A partition that the change did not reach already has it.
fn restored(
    change: &Change,
    committed: &BTreeMap<TopicPartition, StoredOffset>,
) -> Result<Vec<PlannedRow>, GroupsError> {
    let row = |one: &ChangedPartition| {
        let id = one.id();
        let now = committed.get(&id).cloned();
        let before = one.before.as_ref().map(StoredOffset::from);
        let after = one.after.as_ref().map(StoredOffset::from);
        if now != after && now != before {
            return Err(GroupsError::Moved {
                id,
                expected: after.map(|stored| stored.offset),
                found: now.map(|stored| stored.offset),
                what: "the group has moved since the change, so it cannot be undone",
            });
        }
        Ok(PlannedRow::new(id, now, before))
    };
    change.partitions.iter().map(row).collect()
}
