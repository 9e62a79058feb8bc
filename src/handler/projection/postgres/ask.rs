//! Questions to a target about what it has.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Row};

use super::{
    super::{applied::OffsetSet, store::Claimed},
    held::{Notes, Owned},
    link::{Link, Trouble, bounded},
    sql,
    transaction::names,
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

/// Gives partitions new tokens, when everybody who had the last ones is done, in one transaction.
pub async fn claim(client: &Client, projection: &str, partitions: &[Claimed]) -> Result<Vec<Taken>, Trouble> {
    let (topics, numbers): (Vec<&str>, Vec<i32>) =
        partitions.iter().map(|one| (&*one.id.topic, one.id.partition.0)).unzip();
    bounded(client.batch_execute("BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE")).await?;
    bounded(client.execute(sql::NEW, &[&projection, &topics, &numbers])).await?;
    bounded(client.execute(sql::WAIT, &[&projection, &topics, &numbers])).await?;
    let taken = bounded(client.query(sql::TAKE, &[&projection, &topics, &numbers])).await?;
    let noted = bounded(client.query(sql::NOTED, &[&projection, &topics, &numbers])).await?;
    bounded(client.batch_execute("COMMIT")).await?;
    let mut sets = sets(&noted)?;
    let mut found = BTreeMap::new();
    for row in &taken {
        let (owner, position) = (row.try_get(2)?, row.try_get(3)?);
        let applied = sets.remove(&place(row)?).unwrap_or_default();
        found.insert(place(row)?, Taken { owner, position, applied });
    }
    let none = || Taken { owner: 0, position: None, applied: OffsetSet::default() };
    Ok(partitions
        .iter()
        .map(|one| found.remove(&(one.id.topic.to_string(), one.id.partition.0)).unwrap_or_else(none))
        .collect())
}

fn place(row: &Row) -> Result<(String, i32), Trouble> {
    Ok((row.try_get(0)?, row.try_get(1)?))
}

fn sets(rows: &[Row]) -> Result<BTreeMap<(String, i32), OffsetSet>, Trouble> {
    let mut sets: BTreeMap<_, OffsetSet> = BTreeMap::new();
    for row in rows {
        let offsets: &[u8] = row.try_get(2)?;
        sets.entry(place(row)?).or_default().merge(&OffsetSet::decode(offsets).unwrap_or_default());
    }
    Ok(sets)
}
