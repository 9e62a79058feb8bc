//! Questions to a target about what it has.

use std::collections::BTreeMap;

use rand::RngExt as _;
use tokio_postgres::{
    Row, SimpleQueryMessage,
    types::{ToSql, Type},
};

use super::{
    super::{
        applied::OffsetSet,
        belonging::{Mismatch, check},
        shadow::Sum,
        store::Claimed,
    },
    held::{Notes, Owned},
    link::{Connection, Link, Trouble, bounded},
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
    let client = link.client();
    bounded(client.batch_execute(&link.begin_alone(alone))).await?;
    let (topics, partitions) = names([one].into_iter());
    let of = of(&projection, &topics, &partitions);
    let rows = bounded(client.query_typed(sql::NOTED, &of)).await?;
    let position = bounded(client.query_typed(sql::STANDS, &of)).await?;
    bounded(client.batch_execute("COMMIT")).await?;
    let passed = match position.first() {
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
    connection: &Connection,
    projection: &str,
    partitions: &[Claimed],
    logs: &Logs,
) -> Result<Result<Vec<Taken>, Mismatch>, Trouble> {
    let (topics, numbers): (Vec<&str>, Vec<i32>) =
        partitions.iter().map(|one| (&*one.id.topic, one.id.partition.0)).unzip();
    let client = &connection.client;
    bounded(client.batch_execute(connection.begin())).await?;
    let of = of(&projection, &topics, &numbers);
    bounded(client.execute_typed(sql::NEW, &of)).await?;
    bounded(client.query_typed(sql::WAIT, &of)).await?;
    let mut known = Vec::new();
    for row in &bounded(client.query_typed(sql::LOGS, &of[..1])).await? {
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
    let further: [(&(dyn ToSql + Sync), Type); 3] =
        [(&token, Type::INT8), (&cluster, Type::TEXT), (&topic_ids, Type::TEXT_ARRAY)];
    let all: Vec<_> = of.iter().cloned().chain(further).collect();
    let claimed = bounded(client.query_typed(sql::TAKE, &all)).await?;
    let noted = bounded(client.query_typed(sql::NOTED, &of)).await?;
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
pub async fn sums(connection: &Connection, projection: &str) -> Result<Vec<Sum>, Trouble> {
    let client = &connection.client;
    bounded(client.batch_execute(connection.begin())).await?;
    let rows = bounded(client.query_typed(sql::SUMS, &[(&projection, Type::TEXT)])).await?;
    bounded(client.batch_execute("COMMIT")).await?;
    let mut sums: BTreeMap<(String, i32), (u64, u64)> = BTreeMap::new();
    for row in rows {
        let sum = sums.entry(place(&row)?).or_default();
        let (records, digest): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
        *sum = (sum.0 + records.cast_unsigned(), sum.1.wrapping_add(digest.cast_unsigned()));
    }
    let sum =
        |((topic, partition), (records, digest))| Sum { id: TopicPartition::new(topic, partition), records, digest };
    Ok(sums.into_iter().map(sum).collect())
}

/// The first rows of a query, as text.
pub async fn first_rows(connection: &Connection, query: &str, most: usize) -> Result<Vec<String>, Trouble> {
    let client = &connection.client;
    bounded(client.batch_execute(connection.begin())).await?;
    let mut texts = Vec::new();
    for message in bounded(client.simple_query(query)).await? {
        if let SimpleQueryMessage::Row(row) = message
            && texts.len() < most
        {
            let column = |at| printable(row.get(at).unwrap_or("null")).into_owned();
            texts.push((0..row.len()).map(column).collect::<Vec<_>>().join(", "));
        }
    }
    bounded(client.batch_execute("COMMIT")).await?;
    Ok(texts)
}

/// A projection and some of its partitions, as the first three parameters.
fn of<'a>(
    projection: &'a (dyn ToSql + Sync),
    topics: &'a (dyn ToSql + Sync),
    partitions: &'a (dyn ToSql + Sync),
) -> [(&'a (dyn ToSql + Sync), Type); 3] {
    [(projection, Type::TEXT), (topics, Type::TEXT_ARRAY), (partitions, Type::INT4_ARRAY)]
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
