//! Queries for the positions and applied records of a target.

use std::collections::BTreeMap;

use kreplay_model::domain::{OffsetSet, TopicPartition, printable};
use rand::RngExt as _;
use tokio_postgres::{
    Row, SimpleQueryMessage, SimpleQueryRow,
    types::{ToSql, Type},
};

use super::{
    super::{
        log_identity::{LogMismatch, check_logs},
        store::{PartitionSum, RunPartition},
    },
    claimed_partitions::{AppliedRows, PartitionClaim},
    connection::{Connection, PostgresError, with_script_timeout, with_timeout},
    sql,
    transaction::partition_arrays,
    worker_connection::WorkerConnection,
};
use crate::{LogId, Logs};

/// Whether an earlier transaction that held the advisory lock `lock_id` was committed; `rows` is what it applied. Waits
/// until that transaction has ended.
///
/// Every offset of every partition has to be applied. Another process may have claimed one of the partitions meanwhile
/// and applied the same records, although the transaction was rolled back.
pub async fn was_committed(
    connection: &WorkerConnection,
    lock_id: i64,
    projection: &str,
    claims: &[PartitionClaim],
    rows: &AppliedRows,
) -> Result<bool, PostgresError> {
    if rows.is_empty() {
        return Ok(false);
    }
    let client = connection.client();
    with_timeout(client.batch_execute(&connection.begin_with_lock(lock_id))).await?;
    let (topics, partitions) = partition_arrays(claims.iter().filter(|claim| rows.contains_key(&claim.index)));
    let parameters = partition_parameters(&projection, &topics, &partitions);
    // In this order: a compaction moves offsets from the first table to the second.
    let applied = with_timeout(client.query_typed(sql::SELECT_APPLIED, &parameters)).await?;
    let positions = with_timeout(client.query_typed(sql::SELECT_POSITIONS, &parameters)).await?;
    with_timeout(client.batch_execute("COMMIT")).await?;
    let mut settled = offset_sets(&applied)?;
    for row in &positions {
        if let Some(position) = row.try_get::<_, Option<i64>>(2)? {
            settled.entry(topic_partition(row)?).or_default().insert(0, position);
        }
    }
    Ok(has_all(&settled, claims, rows))
}

/// Whether all offsets of `rows` are settled.
fn has_all(settled: &BTreeMap<(String, i32), OffsetSet>, claims: &[PartitionClaim], rows: &AppliedRows) -> bool {
    rows.iter().all(|(index, row)| {
        let claim = claims.iter().find(|claim| claim.index == *index);
        let set = claim.and_then(|claim| settled.get(&(claim.id.topic.to_string(), claim.id.partition.0)));
        set.is_some_and(|set| row.offsets.runs().all(|(first, end)| set.contiguous_end(first) >= end))
    })
}

/// What a target has of a partition, and the new token.
pub struct ClaimResult {
    /// The token.
    pub owner: i64,
    /// The stored position, if any.
    pub position: Option<i64>,
    /// The applied offsets.
    pub applied: OffsetSet,
}

/// Claims partitions in one transaction: waits until all transactions of earlier owners have ended, then stores new
/// tokens. Changes nothing and returns a mismatch if stored positions belong to another log.
pub async fn claim(
    connection: &Connection,
    projection: &str,
    partitions: &[RunPartition],
    logs: &Logs,
) -> Result<Result<Vec<ClaimResult>, LogMismatch>, PostgresError> {
    let (topics, numbers): (Vec<&str>, Vec<i32>) =
        partitions.iter().map(|one| (&*one.id.topic, one.id.partition.0)).unzip();
    let client = &connection.client;
    with_timeout(client.batch_execute(connection.begin())).await?;
    let parameters = partition_parameters(&projection, &topics, &numbers);
    with_timeout(client.execute_typed(sql::INSERT_POSITIONS, &parameters)).await?;
    with_timeout(client.query_typed(sql::LOCK_POSITIONS, &parameters)).await?;
    let mut stored_logs = Vec::new();
    for row in &with_timeout(client.query_typed(sql::SELECT_LOGS, &parameters[..1])).await? {
        stored_logs.push((row.try_get(0)?, LogId { cluster: row.try_get(1)?, topic: row.try_get(2)? }));
    }
    if let Err(mismatch) = check_logs(stored_logs, logs) {
        with_timeout(client.batch_execute("ROLLBACK")).await?;
        return Ok(Err(mismatch));
    }
    let run_logs: Vec<LogId> = partitions.iter().map(|one| logs.of(&one.id.topic).unwrap_or_default()).collect();
    let cluster = run_logs.iter().find_map(|log| log.cluster.as_deref());
    let topic_ids: Vec<Option<&str>> = run_logs.iter().map(|log| log.topic.as_deref()).collect();
    // Random, so that a token is never used twice in any table or schema.
    let token: i64 = rand::rng().random();
    let further: [(&(dyn ToSql + Sync), Type); 3] =
        [(&token, Type::INT8), (&cluster, Type::TEXT), (&topic_ids, Type::TEXT_ARRAY)];
    let all: Vec<_> = parameters.iter().cloned().chain(further).collect();
    let claimed = with_timeout(client.query_typed(sql::CLAIM_POSITIONS, &all)).await?;
    let applied_rows = with_timeout(client.query_typed(sql::SELECT_APPLIED, &parameters)).await?;
    with_timeout(client.batch_execute("COMMIT")).await?;
    let mut sets = offset_sets(&applied_rows)?;
    let mut found = BTreeMap::new();
    for row in &claimed {
        let (owner, position) = (row.try_get(2)?, row.try_get(3)?);
        let applied = sets.remove(&topic_partition(row)?).unwrap_or_default();
        found.insert(topic_partition(row)?, ClaimResult { owner, position, applied });
    }
    let none = || ClaimResult { owner: 0, position: None, applied: OffsetSet::default() };
    Ok(Ok(partitions
        .iter()
        .map(|one| found.remove(&(one.id.topic.to_string(), one.id.partition.0)).unwrap_or_else(none))
        .collect()))
}

/// The number of applied records and the sum of their fingerprints, by partition.
pub async fn sums(connection: &Connection, projection: &str) -> Result<Vec<PartitionSum>, PostgresError> {
    let client = &connection.client;
    with_timeout(client.batch_execute(connection.begin())).await?;
    let rows = with_timeout(client.query_typed(sql::SELECT_SUMS, &[(&projection, Type::TEXT)])).await?;
    with_timeout(client.batch_execute("COMMIT")).await?;
    let mut sums: BTreeMap<(String, i32), (u64, u64)> = BTreeMap::new();
    for row in rows {
        let sum = sums.entry(topic_partition(&row)?).or_default();
        let (records, digest): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
        *sum = (sum.0 + records.cast_unsigned(), sum.1.wrapping_add(digest.cast_unsigned()));
    }
    let sum = |((topic, partition), (records, digest))| PartitionSum {
        id: TopicPartition::new(topic, partition),
        records,
        digest,
    };
    Ok(sums.into_iter().map(sum).collect())
}

/// The first rows of a query's result, as text. A cursor reads only them, since the result may be large.
pub async fn first_rows(connection: &Connection, query: &str, max_rows: usize) -> Result<Vec<String>, PostgresError> {
    let client = &connection.client;
    with_timeout(client.batch_execute(connection.begin())).await?;
    // The usual result is empty, so the plan should be the best one for the whole result, not for its first rows.
    with_timeout(client.batch_execute("SET LOCAL cursor_tuple_fraction = 1")).await?;
    let declare = format!("DECLARE kreplay_check NO SCROLL CURSOR FOR {query}");
    // With the extended protocol, the server rejects a text with several statements. Otherwise it would run all of
    // them, but the cursor would only have the rows of the first.
    let fetch = match with_script_timeout(client.execute_typed(&declare, &[])).await {
        Ok(_) => format!("FETCH FORWARD {max_rows} FROM kreplay_check"),
        // There can be no cursor for this SQL, or it is invalid: then it is rejected again, and the error is its own.
        Err(PostgresError::Database(error)) if error.as_db_error().is_some() => {
            with_timeout(client.batch_execute("ROLLBACK")).await?;
            with_timeout(client.batch_execute(connection.begin())).await?;
            query.to_owned()
        }
        Err(error) => return Err(error),
    };
    let replies = with_script_timeout(client.simple_query(&fetch)).await?;
    with_timeout(client.batch_execute("COMMIT")).await?;
    let rows = replies.iter().filter_map(|reply| match reply {
        SimpleQueryMessage::Row(row) => Some(row_text(row)),
        _ => None,
    });
    Ok(rows.take(max_rows).collect())
}

fn row_text(row: &SimpleQueryRow) -> String {
    let column = |at: usize| printable(row.get(at).unwrap_or("null")).into_owned();
    (0..row.len()).map(column).collect::<Vec<_>>().join(", ")
}

/// The first three parameters of most statements: a projection and some of its partitions.
fn partition_parameters<'a>(
    projection: &'a (dyn ToSql + Sync),
    topics: &'a (dyn ToSql + Sync),
    partitions: &'a (dyn ToSql + Sync),
) -> [(&'a (dyn ToSql + Sync), Type); 3] {
    [(projection, Type::TEXT), (topics, Type::TEXT_ARRAY), (partitions, Type::INT4_ARRAY)]
}

fn topic_partition(row: &Row) -> Result<(String, i32), PostgresError> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

fn offset_sets(rows: &[Row]) -> Result<BTreeMap<(String, i32), OffsetSet>, PostgresError> {
    let mut sets: BTreeMap<_, OffsetSet> = BTreeMap::new();
    for row in rows {
        let offsets: &[u8] = row.try_get(2)?;
        sets.entry(topic_partition(row)?)
            .or_default()
            .merge(&OffsetSet::decode(offsets).ok_or(PostgresError::CorruptRow)?);
    }
    Ok(sets)
}

#[cfg(test)]
mod tests {
    use super::super::claimed_partitions::AppliedRow;
    use super::*;

    fn settled(sets: &[(i32, &[(i64, i64)])]) -> BTreeMap<(String, i32), OffsetSet> {
        let set = |(partition, runs): &(i32, &[(i64, i64)])| {
            (("t".to_owned(), *partition), runs.iter().copied().collect::<OffsetSet>())
        };
        sets.iter().map(set).collect()
    }

    #[test]
    fn a_batch_is_applied_only_if_every_offset_of_every_partition_is() {
        let claim = |(index, partition)| PartitionClaim { index, id: TopicPartition::new("t", partition), owner: 9 };
        let claims = [(3, 0), (4, 1)].map(claim);
        let row = |offsets: OffsetSet| AppliedRow { offsets, ..AppliedRow::default() };
        let (first, second) = ([(5, 7), (9, 10)].into_iter().collect(), [(2, 4)].into_iter().collect());
        let rows: AppliedRows = [(3, row(first)), (4, row(second))].into();
        let is_applied = |sets: &[(i32, &[(i64, i64)])]| has_all(&settled(sets), &claims, &rows);
        assert!(is_applied(&[(0, &[(5, 7), (9, 10)]), (1, &[(2, 4)])]));
        assert!(is_applied(&[(0, &[(0, 20)]), (1, &[(0, 4)])]));
        assert!(!is_applied(&[(0, &[(0, 20)])]), "nothing of the second partition");
        assert!(!is_applied(&[(0, &[(0, 20)]), (1, &[(2, 3)])]), "only its first offset");
        assert!(!is_applied(&[(0, &[(5, 7)]), (1, &[(0, 9)])]), "not the last run of the first");
        assert!(!is_applied(&[(0, &[(6, 7), (9, 10)]), (1, &[(0, 9)])]), "not its first offset");
        assert!(!is_applied(&[]));
        let all = settled(&[(0, &[(0, 20)]), (1, &[(0, 20)])]);
        assert!(has_all(&all, &claims, &rows));
        assert!(!has_all(&all, &claims[..1], &rows), "the second is no longer claimed");
    }
}
