//! kreplay's own SQL for PostgreSQL.

/// kreplay's own tables. Existing targets contain them, so columns may be added, but never changed.
pub const CREATE_TABLES: &str = "
CREATE TABLE IF NOT EXISTS kreplay_positions (
    projection text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    owner bigint NOT NULL,
    position bigint,
    cluster_id text,
    topic_id text,
    PRIMARY KEY (projection, topic, partition)
);
CREATE TABLE IF NOT EXISTS kreplay_applied (
    projection text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    offsets bytea NOT NULL,
    records bigint NOT NULL,
    digest bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS kreplay_applied_partition ON kreplay_applied (projection, topic, partition);
";

/// The columns that are missing in a `kreplay_positions` of an earlier version. They are queried first, because
/// `ADD COLUMN IF NOT EXISTS` locks the table even if the column exists, and needs its owner.
pub const MISSING_COLUMNS: &str = "
SELECT wanted.name FROM unnest(ARRAY['cluster_id', 'topic_id']) AS wanted(name)
WHERE NOT EXISTS (SELECT FROM pg_attribute AS one
    WHERE one.attrelid = 'kreplay_positions'::regclass AND one.attname = wanted.name AND NOT one.attisdropped)";

/// The settings of a connection (`SET`) or of a transaction (`SET LOCAL`). The timeouts keep a process that stops
/// within a transaction from blocking others for long.
pub fn session_settings(set: &str, schema: Option<&str>) -> String {
    let search_path =
        schema.map_or(String::new(), |schema| format!("{set} search_path TO {}, public; ", quoted(schema)));
    format!(
        "{search_path}{set} lock_timeout = '30s'; {set} idle_in_transaction_session_timeout = '60s'; \
         {set} client_min_messages = warning"
    )
}

/// The parameter types of a statement that was prepared with SQL's `PREPARE`.
pub const PREPARED_PARAMETER_TYPES: &str = "
SELECT t.oid, t.typname::text, n.nspname::text
FROM pg_catalog.pg_prepared_statements s
CROSS JOIN unnest(s.parameter_types) WITH ORDINALITY AS one(kind, number)
JOIN pg_catalog.pg_type t ON t.oid = one.kind
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE s.name = $1 ORDER BY one.number";

/// The array types of some types, except those that `unnest` expands differently or whose text format differs.
pub const ARRAY_TYPES: &str = "
SELECT t.oid, a.oid, a.typname::text, n.nspname::text, pg_catalog.format_type(a.oid, NULL)
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_type a ON a.oid = t.typarray
JOIN pg_catalog.pg_namespace n ON n.oid = a.typnamespace
WHERE t.oid = ANY($1) AND t.typtype IN ('b', 'd', 'e', 'r', 'm') AND t.typcategory <> 'A' AND t.typdelim = ','";

/// A name as a quoted identifier.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The partitions that still have the tokens of this process. The row locks keep them until the end of the transaction.
pub const FENCE_CLAIMS: &str = "
SELECT held.topic, held.partition FROM kreplay_positions AS held
JOIN unnest($2, $3, $4) AS mine(topic, partition, owner)
  ON held.topic = mine.topic AND held.partition = mine.partition AND held.owner = mine.owner
WHERE held.projection = $1
FOR KEY SHARE OF held";

/// Stores what a transaction has applied.
pub const INSERT_APPLIED: &str = "
INSERT INTO kreplay_applied (projection, topic, partition, offsets, records, digest)
SELECT $1, mine.* FROM unnest($2, $3, $4, $5, $6) AS mine(topic, partition, offsets, records, digest)";

/// Deletes and returns all rows of some partitions, for a compaction.
pub const TAKE_APPLIED: &str = "
DELETE FROM kreplay_applied AS noted USING unnest($2, $3) AS mine(topic, partition)
WHERE noted.projection = $1 AND noted.topic = mine.topic AND noted.partition = mine.partition
RETURNING noted.topic, noted.partition, noted.offsets, noted.records, noted.digest";

/// Advances positions; never moves one back.
pub const UPDATE_POSITIONS: &str = "
UPDATE kreplay_positions AS held SET position = greatest(held.position, mine.position)
FROM unnest($2, $3, $4) AS mine(topic, partition, position)
WHERE held.projection = $1 AND held.topic = mine.topic AND held.partition = mine.partition";

/// Inserts the rows of partitions that are claimed for the first time.
pub const INSERT_POSITIONS: &str = "
INSERT INTO kreplay_positions (projection, topic, partition, owner)
SELECT $1::text, mine.topic, mine.partition, 0 FROM unnest($2::text[], $3::int4[]) AS mine(topic, partition)
ORDER BY 2, 3
ON CONFLICT DO NOTHING";

/// Locks rows, which waits for all transactions of earlier owners. Every process locks in the same order to avoid
/// deadlocks.
pub const LOCK_POSITIONS: &str = "
SELECT held.topic, held.partition FROM kreplay_positions AS held
JOIN unnest($2::text[], $3::int4[]) AS mine(topic, partition) ON held.topic = mine.topic AND held.partition = mine.partition
WHERE held.projection = $1
ORDER BY held.topic, held.partition
FOR UPDATE OF held";

/// The identities of the logs that the positions of a projection belong to, by topic.
pub const SELECT_LOGS: &str =
    "SELECT DISTINCT topic, cluster_id, topic_id FROM kreplay_positions WHERE projection = $1";

/// Stores the new token, and those log identities that were unknown before.
pub const CLAIM_POSITIONS: &str = "
UPDATE kreplay_positions AS held SET owner = $4,
    cluster_id = coalesce(held.cluster_id, $5), topic_id = coalesce(held.topic_id, mine.topic_id)
FROM unnest($2::text[], $3::int4[], $6::text[]) AS mine(topic, partition, topic_id)
WHERE held.projection = $1 AND held.topic = mine.topic AND held.partition = mine.partition
RETURNING held.topic, held.partition, held.owner, held.position";

/// The applied offsets of some partitions.
pub const SELECT_APPLIED: &str = "
SELECT noted.topic, noted.partition, noted.offsets FROM kreplay_applied AS noted
JOIN unnest($2::text[], $3::int4[]) AS mine(topic, partition) ON noted.topic = mine.topic AND noted.partition = mine.partition
WHERE noted.projection = $1";

/// The positions of some partitions.
pub const SELECT_POSITIONS: &str = "
SELECT held.topic, held.partition, held.position FROM kreplay_positions AS held
JOIN unnest($2::text[], $3::int4[]) AS mine(topic, partition) ON held.topic = mine.topic AND held.partition = mine.partition
WHERE held.projection = $1";

/// The record counts and digests of all rows of a projection.
pub const SELECT_SUMS: &str = "SELECT topic, partition, records, digest FROM kreplay_applied WHERE projection = $1";
