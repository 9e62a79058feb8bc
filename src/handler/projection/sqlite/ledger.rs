//! kreplay's own tables in an SQLite file: who owns a partition, how far it is, and what is applied above that.

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::fault::Fault;
use crate::{
    domain::TopicPartition,
    handler::{
        Advice, LogId,
        projection::{applied::OffsetSet, batch::BoundRecord},
    },
};

/// kreplay's own tables. `position` is null until it is known; `past` is the end of the last run of `offsets`.
/// `cluster_id` and `topic_id` are null where they are not known; files of earlier versions have no such columns yet.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS kreplay_positions (
        id INTEGER PRIMARY KEY,
        projection TEXT NOT NULL,
        topic TEXT NOT NULL,
        partition INTEGER NOT NULL,
        position INTEGER,
        owner TEXT NOT NULL,
        cluster_id TEXT,
        topic_id TEXT,
        UNIQUE (projection, topic, partition)
    );
    CREATE TABLE IF NOT EXISTS kreplay_applied (
        partition_id INTEGER NOT NULL,
        past INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        offsets BLOB NOT NULL,
        PRIMARY KEY (partition_id, past, seq)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS kreplay_sums (
        partition_id INTEGER PRIMARY KEY,
        records INTEGER NOT NULL,
        digest INTEGER NOT NULL
    );
";

/// Makes kreplay's own tables, or adds to them what earlier versions did not know.
pub(super) fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLES)?;
    for column in ["cluster_id", "topic_id"] {
        let known = "SELECT count(*) FROM pragma_table_info('kreplay_positions') WHERE name = ?1";
        if transaction.query_row(known, [column], |row| row.get::<_, i64>(0))? == 0 {
            transaction.execute_batch(&format!("ALTER TABLE kreplay_positions ADD COLUMN {column} TEXT"))?;
        }
    }
    transaction.commit()
}

/// The logs that the positions of a projection belong to, by topic.
pub(super) fn logs(connection: &Connection, projection: &str) -> Result<Vec<(String, LogId)>, Fault> {
    let mut statement = connection
        .prepare_cached("SELECT DISTINCT topic, cluster_id, topic_id FROM kreplay_positions WHERE projection = ?1")?;
    let rows = statement
        .query_map([projection], |row| Ok((row.get(0)?, LogId { cluster: row.get(1)?, topic: row.get(2)? })))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Rows of a partition are looked after when there are so many: written with every commit, a position would cost more than
/// the few rows that it saves.
const ROWS: usize = 32;

/// What a target knows of a partition that is claimed.
#[derive(Debug)]
pub(super) struct Partition {
    id: i64,
    token: String,
    /// As the database has it.
    position: Option<i64>,
    /// What is applied above the position.
    pub(super) applied: OffsetSet,
    /// Rows of `kreplay_applied`.
    rows: usize,
    /// Bytes of the rows written since all were drawn together, and of the one that was made then.
    bytes: (usize, usize),
    next_row: i64,
    /// How many records are applied, and the sum of their fingerprints; of a rebuild only.
    sum: Option<(i64, u64)>,
    /// What is known here may not be what is in the database.
    pub(super) stale: bool,
    /// Somebody else has taken it over.
    pub(super) lost: bool,
}

impl Partition {
    /// Takes a partition over: from here on another token is the right one. Notes of its log what was not known before.
    pub(super) fn claim(
        connection: &Connection,
        projection: &str,
        partition: &TopicPartition,
        log: &LogId,
        token: &str,
        rebuild: bool,
    ) -> Result<Self, Fault> {
        let id = connection
            .prepare_cached(
                "INSERT INTO kreplay_positions (projection, topic, partition, owner, cluster_id, topic_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (projection, topic, partition) DO UPDATE SET owner = excluded.owner,
                    cluster_id = coalesce(cluster_id, excluded.cluster_id),
                    topic_id = coalesce(topic_id, excluded.topic_id) RETURNING id",
            )?
            .query_row(
                params![projection, &*partition.topic, partition.partition.0, token, log.cluster, log.topic],
                |row| row.get(0),
            )?;
        let mut claimed = Self {
            id,
            token: token.to_owned(),
            position: None,
            applied: OffsetSet::default(),
            rows: 0,
            bytes: (0, 0),
            next_row: 0,
            sum: rebuild.then_some((0, 0)),
            stale: false,
            lost: false,
        };
        claimed.load(connection)?;
        Ok(claimed)
    }

    /// Takes from the database what is known of the partition.
    pub(super) fn load(&mut self, connection: &Connection) -> Result<(), Fault> {
        let damaged = || {
            let text = "kreplay_applied is damaged: what it says cannot be read; rebuild the projection in a new file";
            Fault::of_target(text, Advice::Stop)
        };
        self.position = connection
            .prepare_cached("SELECT position FROM kreplay_positions WHERE id = ?1")?
            .query_row([self.id], |row| row.get(0))?;
        (self.applied, self.rows, self.bytes, self.next_row) = (OffsetSet::default(), 0, (0, 0), 0);
        let mut rows = connection.prepare_cached("SELECT seq, offsets FROM kreplay_applied WHERE partition_id = ?1")?;
        let mut rows = rows.query([self.id])?;
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(1)?.as_blob().map_err(|_| damaged())?;
            self.applied.merge(&OffsetSet::decode(bytes).ok_or_else(damaged)?);
            self.next_row = self.next_row.max(row.get::<_, i64>(0)? + 1);
            self.rows += 1;
            self.bytes.0 += bytes.len();
        }
        self.applied.prune(self.position.unwrap_or(i64::MIN));
        if let Some(sum) = &mut self.sum {
            *sum = connection
                .prepare_cached("SELECT records, digest FROM kreplay_sums WHERE partition_id = ?1")?
                .query_row([self.id], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned())))
                .optional()?
                .unwrap_or_default();
        }
        self.stale = false;
        Ok(())
    }

    /// Adds a record to what is applied.
    pub(super) fn add(&mut self, record: &BoundRecord) {
        self.applied.insert(record.offset, record.offset + 1);
        if let Some((records, digest)) = &mut self.sum {
            (*records, *digest) = (*records + 1, digest.wrapping_add(record.fingerprint));
        }
    }

    /// Everything below is applied or dealt with; `None` where the position is not known.
    pub(super) fn stands(&self) -> Option<i64> {
        self.position.map(|position| self.applied.reaches(position))
    }

    /// Whether a record needs nothing any more.
    pub(super) fn has(&self, offset: i64) -> bool {
        self.position.is_some_and(|position| offset < position) || self.applied.contains(offset)
    }

    /// Whether the token in the database is still the one of this claim.
    pub(super) fn is_ours(&self, connection: &Connection) -> Result<bool, Fault> {
        let owner: Option<String> = connection
            .prepare_cached("SELECT owner FROM kreplay_positions WHERE id = ?1")?
            .query_row([self.id], |row| row.get(0))
            .optional()?;
        Ok(owner.is_some_and(|owner| owner == self.token))
    }

    /// Notes that these offsets are applied, which [`Self::applied`] has already. Now and then the position is written,
    /// too, and what it has passed goes.
    pub(super) fn note(&mut self, connection: &Connection, fresh: &[i64], position: Option<i64>) -> Result<(), Fault> {
        let set: OffsetSet = fresh.iter().map(|offset| (*offset, offset + 1)).collect();
        self.append(connection, &set)?;
        if let Some((records, digest)) = self.sum {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO kreplay_sums (partition_id, records, digest) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![self.id, records, digest.cast_signed()])?;
        }
        if self.rows >= ROWS || self.position.is_none() {
            self.advance(connection, position)?;
        }
        if self.rows >= 2 * ROWS && self.bytes.0 >= self.bytes.1 {
            self.draw_together(connection)?;
        }
        Ok(())
    }

    /// Writes the position, and forgets what it has passed.
    pub(super) fn advance(&mut self, connection: &Connection, position: Option<i64>) -> Result<(), Fault> {
        let Some(position) = position.filter(|position| self.position.is_none_or(|before| *position > before)) else {
            return Ok(());
        };
        connection
            .prepare_cached("UPDATE kreplay_positions SET position = ?2 WHERE id = ?1")?
            .execute(params![self.id, position])?;
        let gone = connection
            .prepare_cached("DELETE FROM kreplay_applied WHERE partition_id = ?1 AND past <= ?2")?
            .execute(params![self.id, position])?;
        self.rows = self.rows.saturating_sub(gone);
        self.position = Some(position);
        self.applied.prune(position);
        Ok(())
    }

    fn append(&mut self, connection: &Connection, set: &OffsetSet) -> Result<usize, Fault> {
        let Some(past) = set.end() else { return Ok(0) };
        let bytes = set.encode();
        connection
            .prepare_cached("INSERT INTO kreplay_applied (partition_id, past, seq, offsets) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![self.id, past, self.next_row, bytes])?;
        self.next_row += 1;
        self.rows += 1;
        self.bytes.0 += bytes.len();
        Ok(bytes.len())
    }

    /// Makes one row of all. It is done when as much was written since the last time as that had made: each byte is
    /// written a few times at most, however much is above the position.
    fn draw_together(&mut self, connection: &Connection) -> Result<(), Fault> {
        connection.prepare_cached("DELETE FROM kreplay_applied WHERE partition_id = ?1")?.execute([self.id])?;
        self.rows = 0;
        let applied = std::mem::take(&mut self.applied);
        let written = self.append(connection, &applied);
        self.applied = applied;
        self.bytes = (0, written?);
        Ok(())
    }
}
