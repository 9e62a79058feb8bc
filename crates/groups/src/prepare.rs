//! Plans of `reset`, `skip`, `forget` and `delete`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kreplay_kafka::{CatalogError, DescribedGroup, GroupAdmin, RecordLookup, RecordLookupError, StoredOffset};
use kreplay_model::{
    domain::{Offset, TopicPartition},
    inspect::RecordId,
};

use super::{
    error::GroupsError,
    guard::{require_no_members, require_unused_topics},
    inspect::{add_times, catalog, cluster, logs},
    plan::{Action, GroupPlan, LeftOut, PlannedRow},
    scope::{Scope, SkippedRecord, TopicScope},
    target::{Adjustment, LogRange, PartitionFacts, Target, place},
};

/// Maximum time of each request for the record to skip: a user waits for the plan.
const MAX_RECORD_TIMEOUT: Duration = Duration::from_secs(10);

/// A plan that sets offsets. Without a scope, it concerns the partitions that the target lists.
///
/// # Errors
/// The group has members or is not used by consumers, the scope has no partitions or unknown ones, an offset to shift
/// is not there, or the cluster cannot be queried.
pub fn plan_reset(admin: &GroupAdmin, target: &Target, scope: Option<&Scope>) -> Result<GroupPlan, GroupsError> {
    require_no_members(admin.group(), admin.describe()?)?;
    let committed = admin.offsets()?;
    let mut selected = selected(admin, target, scope, &committed)?;
    if let (Target::Each(offsets), Some(_)) = (target, scope) {
        selected.retain(|id| offsets.contains_key(id));
    }
    if selected.is_empty() {
        return Err(GroupsError::NothingSelected("no partition of the scope has an offset to set".to_owned()));
    }
    let logs = logs(admin, &selected)?;
    let existing: Vec<TopicPartition> = logs.keys().cloned().collect();
    let at_time: BTreeMap<TopicPartition, Option<Offset>> = match target {
        Target::Time(time) => {
            let wanted: Vec<_> = existing.iter().map(|id| (id.clone(), *time)).collect();
            let at_time = catalog(&admin.client(), admin).offsets_at(&wanted)?;
            existing.iter().cloned().zip(at_time).collect()
        }
        _ => BTreeMap::new(),
    };
    let mut left_out = Vec::new();
    let mut rows = Vec::with_capacity(selected.len());
    for id in selected {
        let Some(log) = logs.get(&id) else {
            left_out.push(missing(&id));
            continue;
        };
        let from = committed.get(&id);
        let facts = PartitionFacts {
            committed: from.map(|stored| stored.offset),
            log: *log,
            at_time: at_time.get(&id).copied().flatten(),
        };
        let Some((to, adjustment)) = place(target, &id, &facts) else { return Err(GroupsError::NothingToShift(id)) };
        let mut row = PlannedRow::new(id, from.cloned(), Some(moved_to(to, from)));
        (row.log, row.adjustment) = (Some(*log), adjustment);
        rows.push(row);
    }
    add_times(admin, &mut rows);
    Ok(plan(admin, Action::Reset, rows, left_out))
}

/// A plan that moves one offset past one record: the one that a consumer reads from the committed offset on.
///
/// # Errors
/// The offset given is neither the committed one nor that of the record, the log has no record from there on, or as for
/// [`plan_reset`].
pub fn plan_skip(admin: &GroupAdmin, record: &SkippedRecord) -> Result<GroupPlan, GroupsError> {
    require_no_members(admin.group(), admin.describe()?)?;
    let from = admin.offsets()?.remove(&record.id);
    let found = from.as_ref().map(|stored| stored.offset);
    let moved = || GroupsError::Moved {
        id: record.id.clone(),
        expected: Some(record.offset),
        found,
        what: "only the record at the committed offset, or the next one if there is none, can be skipped",
    };
    let Some(committed) = found.filter(|committed| *committed <= record.offset) else { return Err(moved()) };
    let log = one_log(admin, &record.id)?;
    let next = next_record(admin, &record.id, committed, log);
    if record.offset != committed && !next.as_ref().is_ok_and(|(next, _)| *next == record.offset) {
        return Err(moved());
    }
    let (skipped, adjustment) = next?;
    let to = StoredOffset { offset: skipped.next(), metadata: String::new() };
    let mut row = PlannedRow::new(record.id.clone(), from, Some(to));
    row.log = Some(log);
    row.adjustment = adjustment;
    let mut rows = vec![row];
    add_times(admin, &mut rows);
    Ok(plan(admin, Action::Skip, rows, Vec::new()))
}

/// The offset of the record that a consumer reads from this offset on: there is none at the offset itself if compaction
/// has removed it, or if a transaction marker is there. Also whether that is another offset, or unknown.
///
/// # Errors
/// The log has no such record.
fn next_record(
    admin: &GroupAdmin,
    id: &TopicPartition,
    offset: Offset,
    log: LogRange,
) -> Result<(Offset, Option<Adjustment>), GroupsError> {
    let none = |log: LogRange| GroupsError::NoRecord { id: id.clone(), offset, start: log.start, end: log.end };
    if offset < log.start || offset >= log.end {
        return Err(none(log));
    }
    let asked = RecordId { partition: id.clone(), offset };
    let timeout = admin.timeout().min(MAX_RECORD_TIMEOUT);
    match RecordLookup::new(admin.client().config(), timeout, &|| false).find(&asked) {
        Ok(found) => {
            let next = Offset::new(found.record.offset).unwrap_or(offset);
            Ok((next, (next != offset).then_some(Adjustment::NextRecord { asked: offset.get() })))
        }
        Err(RecordLookupError::Deleted { first, .. }) => Err(none(LogRange { start: first, ..log })),
        Err(RecordLookupError::BeyondEnd { end, .. }) => Err(none(LogRange { end, ..log })),
        Err(RecordLookupError::NothingFollows { .. }) => Err(none(log)),
        // The record cannot be read: READ on the topic may be missing, or the group may be stuck on damaged data.
        Err(_) => Ok((offset, Some(Adjustment::NotRead))),
    }
}

/// A plan that deletes the offsets of topics, or of some of their partitions. The group may have members that do not
/// read these topics, and the topics need not exist any more.
///
/// # Errors
/// The group has no offsets there, a member owns partitions of a topic, the group is not used by consumers, or the
/// cluster cannot be queried.
pub fn plan_forget(admin: &GroupAdmin, topics: &[TopicScope]) -> Result<GroupPlan, GroupsError> {
    let described = admin.describe()?;
    require_unused_topics(admin.group(), described, topics.iter().map(|scope| scope.topic.as_str()))?;
    let is_selected = |id: &TopicPartition| {
        let fits = |scope: &TopicScope| {
            scope.topic == *id.topic && (scope.partitions.is_empty() || scope.partitions.contains(&id.partition.0))
        };
        topics.iter().any(fits)
    };
    let committed = admin.offsets()?;
    let rows: Vec<PlannedRow> = committed
        .into_iter()
        .filter(|(id, _)| is_selected(id))
        .map(|(id, stored)| PlannedRow::new(id, Some(stored), None))
        .collect();
    if rows.is_empty() {
        return Err(no_offsets(admin, "for these topics; check their names"));
    }
    deletion(admin, Action::Forget, rows)
}

/// A plan that deletes the group with all its offsets.
///
/// # Errors
/// The group does not exist, has members, or is not used by consumers; or the cluster cannot be queried.
pub fn plan_delete(admin: &GroupAdmin) -> Result<GroupPlan, GroupsError> {
    let described = admin.describe()?;
    let committed = admin.offsets()?;
    // A group without members may have offsets only, and then look as if it did not exist.
    if described == DescribedGroup::Missing && committed.is_empty() {
        return Err(GroupsError::NoGroup(admin.group().to_owned()));
    }
    require_no_members(admin.group(), described)?;
    let rows = committed.into_iter().map(|(id, stored)| PlannedRow::new(id, Some(stored), None)).collect();
    deletion(admin, Action::Delete, rows)
}

fn deletion(admin: &GroupAdmin, action: Action, mut rows: Vec<PlannedRow>) -> Result<GroupPlan, GroupsError> {
    let logs = logs(admin, &rows.iter().map(|row| row.id.clone()).collect())?;
    for row in &mut rows {
        row.log = logs.get(&row.id).copied();
    }
    add_times(admin, &mut rows);
    Ok(plan(admin, action, rows, Vec::new()))
}

/// The partitions that a reset concerns.
fn selected(
    admin: &GroupAdmin,
    target: &Target,
    scope: Option<&Scope>,
    committed: &BTreeMap<TopicPartition, StoredOffset>,
) -> Result<BTreeSet<TopicPartition>, GroupsError> {
    match (scope, target) {
        (None | Some(Scope::AllTopics), Target::Each(offsets)) => Ok(offsets.keys().cloned().collect()),
        (None, _) => {
            let missing = "no partitions given; use --topic TOPIC, --topic TOPIC:0,1 or --all-topics";
            Err(GroupsError::NothingSelected(missing.to_owned()))
        }
        (Some(Scope::AllTopics), _) if committed.is_empty() => {
            Err(no_offsets(admin, "yet; name its topics with --topic"))
        }
        (Some(Scope::AllTopics), _) => Ok(committed.keys().cloned().collect()),
        (Some(Scope::Topics(topics)), _) => {
            let mut found = BTreeSet::new();
            for scope in topics {
                let count = catalog(&admin.client(), admin).topic(&scope.topic)?.partitions;
                let all = 0..count;
                let wanted: Vec<i32> =
                    if scope.partitions.is_empty() { all.collect() } else { scope.partitions.clone() };
                for partition in wanted {
                    let id = TopicPartition::new(scope.topic.as_str(), partition);
                    if partition >= count {
                        return Err(GroupsError::NoPartition { id, partitions: count });
                    }
                    found.insert(id);
                }
            }
            Ok(found)
        }
    }
}

/// An offset that does not move keeps its metadata: kreplay stores there which records above it are handled.
fn moved_to(to: Offset, from: Option<&StoredOffset>) -> StoredOffset {
    match from {
        Some(stored) if stored.offset == to => stored.clone(),
        _ => StoredOffset { offset: to, metadata: String::new() },
    }
}

fn one_log(admin: &GroupAdmin, id: &TopicPartition) -> Result<LogRange, GroupsError> {
    let found = logs(admin, &[id.clone()].into())?.remove(id);
    found.ok_or_else(|| CatalogError::UnknownTopic(id.topic.to_string()).into())
}

fn missing(id: &TopicPartition) -> LeftOut {
    LeftOut {
        topic: id.topic.to_string(),
        partition: id.partition.0,
        reason: "the topic does not exist, or does not have this partition".to_owned(),
    }
}

fn no_offsets(admin: &GroupAdmin, scope: &str) -> GroupsError {
    GroupsError::NoOffsets { group: admin.group().to_owned(), scope: scope.to_owned() }
}

fn plan(admin: &GroupAdmin, action: Action, rows: Vec<PlannedRow>, left_out: Vec<LeftOut>) -> GroupPlan {
    GroupPlan { cluster: cluster(admin), group: admin.group().to_owned(), action, rows, left_out, undoes: None }
}
