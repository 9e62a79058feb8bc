//! What a plan shows about the logs of the partitions.

use std::collections::{BTreeMap, BTreeSet};

use kreplay_kafka::{Catalog, Client, GroupAdmin, StoredOffset};
use kreplay_model::domain::{Offset, TopicPartition};

use super::{error::GroupsError, plan::PlannedRow, target::LogRange};

/// The id of the cluster, or its bootstrap servers if it has none.
pub(super) fn cluster(admin: &GroupAdmin) -> String {
    let id = catalog(&admin.client(), admin).cluster_id();
    id.unwrap_or_else(|| admin.client().config().bootstrap_servers.clone())
}

/// The same for a cluster that answers.
///
/// # Errors
/// It does not answer.
pub(super) fn reachable_cluster(admin: &GroupAdmin) -> Result<String, GroupsError> {
    let id = catalog(&admin.client(), admin).cluster_id();
    match id {
        Some(id) => Ok(id),
        // A cluster without an id is known by its address, but only if it answers.
        None => admin.describe().map(|_| cluster(admin)).map_err(GroupsError::from),
    }
}

/// Queries about topics within the timeout of the group's requests. `client` is the present one.
pub(super) fn catalog<'a>(client: &'a Client, admin: &GroupAdmin) -> Catalog<'a> {
    Catalog::new(client, admin.timeout())
}

/// The logs of partitions. Those that do not exist are left out.
///
/// # Errors
/// No broker answers, or a topic may not be described.
pub(super) fn logs(
    admin: &GroupAdmin,
    partitions: &BTreeSet<TopicPartition>,
) -> Result<BTreeMap<TopicPartition, LogRange>, GroupsError> {
    if partitions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let client = admin.client();
    let catalog = catalog(&client, admin);
    let topics: BTreeMap<String, i32> =
        catalog.topics()?.into_iter().map(|topic| (topic.name, topic.partitions)).collect();
    let exists = |id: &&TopicPartition| topics.get(&*id.topic).is_some_and(|count| id.partition.0 < *count);
    let existing: Vec<TopicPartition> = partitions.iter().filter(exists).cloned().collect();
    let ends = catalog.log_ends(&existing)?;
    Ok(ends.into_iter().map(|ends| (ends.id, LogRange { start: ends.low, end: ends.end })).collect())
}

/// Adds logs and timestamps to the rows. A timestamp stays unknown if the record cannot be read, for example without
/// READ on the topic, or if the log has none there.
pub(super) fn add_times(admin: &GroupAdmin, rows: &mut [PlannedRow]) {
    let at = |row: &PlannedRow, offset: Option<&StoredOffset>| {
        let (log, offset) = (row.log?, offset?.offset);
        // The first record at or after a deleted offset is the first of the log.
        (offset < log.end).then(|| (row.id.clone(), offset.max(log.start)))
    };
    let from = times(admin, rows.iter().map(|row| at(row, row.from.as_ref())));
    let to = times(admin, rows.iter().map(|row| at(row, row.to.as_ref())));
    for (row, (from, to)) in rows.iter_mut().zip(from.into_iter().zip(to)) {
        (row.from_time, row.to_time) = (from, to);
    }
}

fn times(admin: &GroupAdmin, positions: impl Iterator<Item = Option<(TopicPartition, Offset)>>) -> Vec<Option<i64>> {
    let positions: Vec<_> = positions.collect();
    let known: Vec<_> = positions.iter().flatten().cloned().collect();
    let found =
        if known.is_empty() { Vec::new() } else { catalog(&admin.client(), admin).uncommitted_timestamps(&known) };
    let mut found = found.into_iter();
    positions.iter().map(|position| position.as_ref().and_then(|_| found.next().flatten())).collect()
}
