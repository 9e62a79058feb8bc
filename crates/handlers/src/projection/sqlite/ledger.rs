//! kreplay's own tables in an SQLite file: the owner and the position of each partition, and the applied offsets above
//! it.

use kreplay_model::domain::{OffsetSet, TopicPartition};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use super::error_class::ClassifiedError;
use crate::{Advice, LogId, projection::batch::BoundRecord};

/// kreplay's own tables. `position` is null while it is unknown; `past` is the end of the last run of `offsets`.
/// `cluster_id` and `topic_id` are null if they are unknown; files of earlier versions lack these columns.
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

/// Creates kreplay's own tables, or adds columns that are missing in tables of earlier versions.
pub(super) fn create_tables(connection: &Connection) -> rusqlite::Result<()> {
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

/// The identities of the logs that the positions of a projection belong to, by topic.
pub(super) fn logs(connection: &Connection, projection: &str) -> Result<Vec<(String, LogId)>, ClassifiedError> {
    let mut statement = connection
        .prepare_cached("SELECT DISTINCT topic, cluster_id, topic_id FROM kreplay_positions WHERE projection = ?1")?;
    let rows = statement
        .query_map([projection], |row| Ok((row.get(0)?, LogId { cluster: row.get(1)?, topic: row.get(2)? })))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The number of rows of a partition after which its position is written and passed rows are deleted. Writing the
/// position with every commit would cost more than the few rows that it saves.
const MAINTENANCE_ROWS: usize = 32;

/// The state of a claimed partition.
#[derive(Debug)]
pub(super) struct PartitionLedger {
    id: i64,
    token: String,
    /// The stored position.
    position: Option<i64>,
    /// The applied offsets above the position.
    pub(super) applied: OffsetSet,
    /// The number of its rows in `kreplay_applied`.
    rows: usize,
    /// The bytes written to rows since the last compaction, and the bytes of the row that it wrote.
    bytes: (usize, usize),
    next_row: i64,
    /// The number of applied records and the sum of their fingerprints; only for a rebuild.
    sum: Option<(i64, u64)>,
    /// Whether this state may differ from the database.
    pub(super) stale: bool,
    /// Whether another process has claimed the partition.
    pub(super) lost: bool,
}

impl PartitionLedger {
    /// Claims a partition: stores a new token, and those parts of the log's identity that were unknown before.
    pub(super) fn claim(
        connection: &Connection,
        projection: &str,
        partition: &TopicPartition,
        log: &LogId,
        token: &str,
        keeps_sum: bool,
    ) -> Result<Self, ClassifiedError> {
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
            sum: keeps_sum.then_some((0, 0)),
            stale: false,
            lost: false,
        };
        claimed.load(connection)?;
        Ok(claimed)
    }

    /// Loads the state from the database.
    pub(super) fn load(&mut self, connection: &Connection) -> Result<(), ClassifiedError> {
        let corrupt = || {
            let text = "kreplay_applied is damaged: a row cannot be decoded; rebuild the projection in a new file";
            ClassifiedError::of_target(text, Advice::Stop)
        };
        self.position = connection
            .prepare_cached("SELECT position FROM kreplay_positions WHERE id = ?1")?
            .query_row([self.id], |row| row.get(0))?;
        (self.applied, self.rows, self.bytes, self.next_row) = (OffsetSet::default(), 0, (0, 0), 0);
        let mut rows = connection.prepare_cached("SELECT seq, offsets FROM kreplay_applied WHERE partition_id = ?1")?;
        let mut rows = rows.query([self.id])?;
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(1)?.as_blob().map_err(|_| corrupt())?;
            self.applied.merge(&OffsetSet::decode(bytes).ok_or_else(corrupt)?);
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

    /// Adds a record to the applied ones, in memory.
    pub(super) fn add(&mut self, record: &BoundRecord) {
        self.applied.insert(record.offset, record.offset + 1);
        if let Some((records, digest)) = &mut self.sum {
            (*records, *digest) = (*records + 1, digest.wrapping_add(record.fingerprint));
        }
    }

    /// The position below which every record is settled or applied; `None` if no position is stored.
    pub(super) fn contiguous_position(&self) -> Option<i64> {
        self.position.map(|position| self.applied.contiguous_end(position))
    }

    /// Whether a record is already settled or applied.
    pub(super) fn is_applied(&self, offset: i64) -> bool {
        self.position.is_some_and(|position| offset < position) || self.applied.contains(offset)
    }

    /// Whether the token in the database is still that of this claim.
    pub(super) fn is_ours(&self, connection: &Connection) -> Result<bool, ClassifiedError> {
        let owner: Option<String> = connection
            .prepare_cached("SELECT owner FROM kreplay_positions WHERE id = ?1")?
            .query_row([self.id], |row| row.get(0))
            .optional()?;
        Ok(owner.is_some_and(|owner| owner == self.token))
    }

    /// Stores newly applied offsets, which [`Self::applied`] already contains. Occasionally writes the position and
    /// deletes the rows that it has passed.
    pub(super) fn record_applied(
        &mut self,
        connection: &Connection,
        new_offsets: &[i64],
        position: Option<i64>,
    ) -> Result<(), ClassifiedError> {
        let new_set: OffsetSet = new_offsets.iter().copied().collect();
        self.append(connection, &new_set)?;
        if let Some((records, digest)) = self.sum {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO kreplay_sums (partition_id, records, digest) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![self.id, records, digest.cast_signed()])?;
        }
        if self.rows >= MAINTENANCE_ROWS || self.position.is_none() {
            self.advance(connection, position)?;
        }
        if self.rows >= 2 * MAINTENANCE_ROWS && self.bytes.0 >= self.bytes.1 {
            self.compact(connection)?;
        }
        Ok(())
    }

    /// Writes the position, and deletes the rows that it has passed.
    pub(super) fn advance(&mut self, connection: &Connection, position: Option<i64>) -> Result<(), ClassifiedError> {
        let Some(position) = position.filter(|position| self.position.is_none_or(|before| *position > before)) else {
            return Ok(());
        };
        connection
            .prepare_cached("UPDATE kreplay_positions SET position = ?2 WHERE id = ?1")?
            .execute(params![self.id, position])?;
        let deleted = connection
            .prepare_cached("DELETE FROM kreplay_applied WHERE partition_id = ?1 AND past <= ?2")?
            .execute(params![self.id, position])?;
        self.rows = self.rows.saturating_sub(deleted);
        self.position = Some(position);
        self.applied.prune(position);
        Ok(())
    }

    fn append(&mut self, connection: &Connection, new_set: &OffsetSet) -> Result<usize, ClassifiedError> {
        let Some(past) = new_set.end() else { return Ok(0) };
        let bytes = new_set.encode();
        connection
            .prepare_cached("INSERT INTO kreplay_applied (partition_id, past, seq, offsets) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![self.id, past, self.next_row, bytes])?;
        self.next_row += 1;
        self.rows += 1;
        self.bytes.0 += bytes.len();
        Ok(bytes.len())
    }

    /// Merges all rows into one. This is done once as many bytes were written as the last compaction wrote, so that
    /// each byte is rewritten only a few times, however much is above the position.
    fn compact(&mut self, connection: &Connection) -> Result<(), ClassifiedError> {
        connection.prepare_cached("DELETE FROM kreplay_applied WHERE partition_id = ?1")?.execute([self.id])?;
        self.rows = 0;
        let applied = std::mem::take(&mut self.applied);
        let written = self.append(connection, &applied);
        self.applied = applied;
        self.bytes = (0, written?);
        Ok(())
    }
}
