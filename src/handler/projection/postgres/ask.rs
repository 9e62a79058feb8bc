//! Questions to a target about what it has.

use std::collections::BTreeMap;

use rand::RngExt as _;
use tokio_postgres::{Client, Row, SimpleQueryMessage};

use super::{
    super::{
        applied::OffsetSet,
        belonging::{Mismatch, check},
        shadow::Sum,
        store::Claimed,
    },
    held::{Notes, Owned},
    link::{Link, Trouble, bounded},
    sql,
    transaction::names,
};
use crate::{
    domain::TopicPartition,
    feed::printable,
    handler::{LogId, Logs},
};

/// Whether a transaction of this number, which is over, was committed. Waits until it is over.
pub async fn is_noted(
    link: &Link,
    alone: i64,
    projection: &str,
    owned: &[Owned],
    notes: &Notes,
) -> Result<bool, Trouble> {
    let Some((index, note)) = notes.first_key_value() else { return Ok(false) };
    let Some(one) = owned.iter().find(|one| one.index == *index) else { return Ok(false) };
    let Some(offset) = note.offsets.first() else { return Ok(false) };
    let client = &link.client;
    bounded(client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED")).await?;
    bounded(client.execute(&link.alone, &[&alone])).await?;
    let (topics, partitions) = names([one].into_iter());
    let rows = bounded(client.query(sql::NOTED, &[&projection, &topics, &partitions])).await?;
    let position = bounded(client.query_opt(sql::STANDS, &[&projection, &topics, &partitions])).await?;
    bounded(client.batch_execute("COMMIT")).await?;
    let passed = match position {
        Some(row) => row.try_get::<_, Option<i64>>(0)?.is_some_and(|position| offset < position),
        None => false,
    };
    Ok(passed || sets(&rows)?.values().any(|set| set.contains(offset)))
}

/// What a target has of a partition.
pub struct Taken {
    pub owner: i64,
    pub position: Option<i64>,
    pub applied: OffsetSet,
}

/// Gives partitions new tokens, when everybody who had the last ones is done, in one transaction; or changes nothing, where
/// positions are those of another log.
pub async fn claim(
    client: &Client,
    projection: &str,
    partitions: &[Claimed],
    logs: &Logs,
) -> Result<Result<Vec<Taken>, Mismatch>, Trouble> {
    let (topics, numbers): (Vec<&str>, Vec<i32>) =
        partitions.iter().map(|one| (&*one.id.topic, one.id.partition.0)).unzip();
    bounded(client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE")).await?;
    bounded(client.execute(sql::NEW, &[&projection, &topics, &numbers])).await?;
    bounded(client.execute(sql::WAIT, &[&projection, &topics, &numbers])).await?;
    let mut known = Vec::new();
    for row in &bounded(client.query(sql::LOGS, &[&projection])).await? {
        known.push((row.try_get(0)?, LogId { cluster: row.try_get(1)?, topic: row.try_get(2)? }));
    }
    if let Err(mismatch) = check(known, logs) {
        bounded(client.batch_execute("ROLLBACK")).await?;
        return Ok(Err(mismatch));
    }
    let ours: Vec<LogId> = partitions.iter().map(|one| logs.of(&one.id.topic).unwrap_or_default()).collect();
    let cluster = ours.iter().find_map(|log| log.cluster.as_deref());
    let topic_ids: Vec<Option<&str>> = ours.iter().map(|log| log.topic.as_deref()).collect();
    // Never one that was given out before, in whatever table of whatever schema.
    let token: i64 = rand::rng().random();
    let claimed =
        bounded(client.query(sql::TAKE, &[&projection, &topics, &numbers, &token, &cluster, &topic_ids])).await?;
    let noted = bounded(client.query(sql::NOTED, &[&projection, &topics, &numbers])).await?;
    bounded(client.batch_execute("COMMIT")).await?;
    let mut sets = sets(&noted)?;
    let mut found = BTreeMap::new();
    for row in &claimed {
        let (owner, position) = (row.try_get(2)?, row.try_get(3)?);
        let applied = sets.remove(&place(row)?).unwrap_or_default();
        found.insert(place(row)?, Taken { owner, position, applied });
    }
    let none = || Taken { owner: 0, position: None, applied: OffsetSet::default() };
    Ok(Ok(partitions
        .iter()
        .map(|one| found.remove(&(one.id.topic.to_string(), one.id.partition.0)).unwrap_or_else(none))
        .collect()))
}

/// What is applied of each partition.
pub async fn sums(client: &Client, projection: &str) -> Result<Vec<Sum>, Trouble> {
    let mut sums: BTreeMap<(String, i32), (u64, u64)> = BTreeMap::new();
    for row in bounded(client.query(sql::SUMS, &[&projection])).await? {
        let sum = sums.entry(place(&row)?).or_default();
        let (records, digest): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
        *sum = (sum.0 + records.cast_unsigned(), sum.1.wrapping_add(digest.cast_unsigned()));
    }
    let sum =
        |((topic, partition), (records, digest))| Sum { id: TopicPartition::new(topic, partition), records, digest };
    Ok(sums.into_iter().map(sum).collect())
}

/// The first rows of a query, as text.
pub async fn first_rows(client: &Client, query: &str, most: usize) -> Result<Vec<String>, Trouble> {
    let mut texts = Vec::new();
    for message in bounded(client.simple_query(query)).await? {
        if let SimpleQueryMessage::Row(row) = message
            && texts.len() < most
        {
            let column = |at| printable(row.get(at).unwrap_or("null")).into_owned();
            texts.push((0..row.len()).map(column).collect::<Vec<_>>().join(", "));
        }
    }
    Ok(texts)
}

fn place(row: &Row) -> Result<(String, i32), Trouble> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

fn sets(rows: &[Row]) -> Result<BTreeMap<(String, i32), OffsetSet>, Trouble> {
    let mut sets: BTreeMap<_, OffsetSet> = BTreeMap::new();
    for row in rows {
        let offsets: &[u8] = row.try_get(2)?;
        sets.entry(place(row)?).or_default().merge(&OffsetSet::decode(offsets).ok_or(Trouble::Damaged)?);
    }
    Ok(sets)
}
