//! Queries for the positions and applied records of a target.

use std::collections::BTreeMap;

use kreplay_model::domain::{OffsetSet, TopicPartition, printable};
use rand::RngExt as _;
use tokio_postgres::{
    Row, SimpleQueryMessage,
    types::{ToSql, Type},
};

use super::{
    super::{
        log_identity::{LogMismatch, check_logs},
        store::{PartitionSum, RunPartition},
    },
    claimed_partitions::{AppliedRows, PartitionClaim},
    connection::{Connection, PostgresError, with_timeout},
    sql,
    transaction::partition_arrays,
    worker_connection::WorkerConnection,
};
use crate::{LogId, Logs};

/// Whether an earlier transaction that held the advisory lock `lock_id` was committed; `rows` is what it applied. Waits
/// until that transaction has ended.
pub async fn was_committed(
    connection: &WorkerConnection,
    lock_id: i64,
    projection: &str,
    claims: &[PartitionClaim],
    rows: &AppliedRows,
) -> Result<bool, PostgresError> {
    let Some((index, row)) = rows.first_key_value() else { return Ok(false) };
    let Some(claim) = claims.iter().find(|claim| claim.index == *index) else { return Ok(false) };
    let Some(offset) = row.offsets.first() else { return Ok(false) };
    let client = connection.client();
    with_timeout(client.batch_execute(&connection.begin_with_lock(lock_id))).await?;
    let (topics, partitions) = partition_arrays([claim].into_iter());
    let parameters = partition_parameters(&projection, &topics, &partitions);
    let stored = with_timeout(client.query_typed(sql::SELECT_APPLIED, &parameters)).await?;
    let position = with_timeout(client.query_typed(sql::SELECT_POSITION, &parameters)).await?;
    with_timeout(client.batch_execute("COMMIT")).await?;
    let is_below_position = match position.first() {
        Some(row) => row.try_get::<_, Option<i64>>(0)?.is_some_and(|position| offset < position),
        None => false,
    };
    Ok(is_below_position || offset_sets(&stored)?.values().any(|set| set.contains(offset)))
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

/// The first rows of a query's result, as text.
pub async fn first_rows(connection: &Connection, query: &str, max_rows: usize) -> Result<Vec<String>, PostgresError> {
    let client = &connection.client;
    with_timeout(client.batch_execute(connection.begin())).await?;
    let mut texts = Vec::new();
    for message in with_timeout(client.simple_query(query)).await? {
        if let SimpleQueryMessage::Row(row) = message
            && texts.len() < max_rows
        {
            let column = |at| printable(row.get(at).unwrap_or("null")).into_owned();
            texts.push((0..row.len()).map(column).collect::<Vec<_>>().join(", "));
        }
    }
    with_timeout(client.batch_execute("COMMIT")).await?;
    Ok(texts)
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
