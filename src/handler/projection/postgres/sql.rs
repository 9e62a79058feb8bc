//! What kreplay itself asks of PostgreSQL.

/// kreplay's own tables. The layout is part of what a target keeps: it may be added to, never changed.
pub const TABLES: &str = "
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

/// The columns of `kreplay_positions` that tables of earlier versions lack. Adding a column locks the table, even one that
/// is there, and only its owner may: so they are looked for first.
pub const LACKING: &str = "
SELECT wanted.name FROM unnest(ARRAY['cluster_id', 'topic_id']) AS wanted(name)
WHERE NOT EXISTS (SELECT FROM pg_attribute AS one
    WHERE one.attrelid = 'kreplay_positions'::regclass AND one.attname = wanted.name AND NOT one.attisdropped)";

/// Settings of each connection (`SET`), or of a transaction (`SET LOCAL`). Whoever stops in the middle of a transaction must not
/// hold up others for long.
pub fn settings(set: &str, schema: Option<&str>) -> String {
    let path = schema.map_or(String::new(), |schema| format!("{set} search_path TO {}, public; ", quoted(schema)));
    format!(
        "{path}{set} lock_timeout = '30s'; {set} idle_in_transaction_session_timeout = '60s'; \
         {set} client_min_messages = warning"
    )
}

/// The types of the parameters of a statement that SQL's `PREPARE` has made.
pub const PREPARED: &str = "
SELECT t.oid, t.typname::text, n.nspname::text
FROM pg_catalog.pg_prepared_statements s
CROSS JOIN unnest(s.parameter_types) WITH ORDINALITY AS one(kind, number)
JOIN pg_catalog.pg_type t ON t.oid = one.kind
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
WHERE s.name = $1 ORDER BY one.number";

/// The arrays of some types. Left out are those that `unnest` takes apart in another way, or that are written in another way.
pub const ARRAYS: &str = "
SELECT t.oid, a.oid, a.typname::text, n.nspname::text, pg_catalog.format_type(a.oid, NULL)
FROM pg_catalog.pg_type t
JOIN pg_catalog.pg_type a ON a.oid = t.typarray
JOIN pg_catalog.pg_namespace n ON n.oid = a.typnamespace
WHERE t.oid = ANY($1) AND t.typtype IN ('b', 'd', 'e', 'r', 'm') AND t.typcategory <> 'A' AND t.typdelim = ','";

/// A name as it is, whatever characters it has.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The partitions whose tokens are still ours, and stay so until the end of the transaction.
pub const FENCE: &str = "
SELECT held.topic, held.partition FROM kreplay_positions AS held
JOIN unnest($2, $3, $4) AS mine(topic, partition, owner)
  ON held.topic = mine.topic AND held.partition = mine.partition AND held.owner = mine.owner
WHERE held.projection = $1
FOR KEY SHARE OF held";

/// Notes what a transaction has applied.
pub const NOTE: &str = "
INSERT INTO kreplay_applied (projection, topic, partition, offsets, records, digest)
SELECT $1, mine.* FROM unnest($2, $3, $4, $5, $6) AS mine(topic, partition, offsets, records, digest)";

/// Takes all notes of some partitions, to draw them together.
pub const DRAW: &str = "
DELETE FROM kreplay_applied AS noted USING unnest($2, $3) AS mine(topic, partition)
WHERE noted.projection = $1 AND noted.topic = mine.topic AND noted.partition = mine.partition
RETURNING noted.topic, noted.partition, noted.offsets, noted.records, noted.digest";

/// Moves positions, never back.
pub const POSITION: &str = "
UPDATE kreplay_positions AS held SET position = greatest(held.position, mine.position)
FROM unnest($2, $3, $4) AS mine(topic, partition, position)
WHERE held.projection = $1 AND held.topic = mine.topic AND held.partition = mine.partition";

/// Makes the rows of partitions that are claimed for the first time.
pub const NEW: &str = "
INSERT INTO kreplay_positions (projection, topic, partition, owner)
SELECT $1::text, mine.topic, mine.partition, 0 FROM unnest($2::text[], $3::int4[]) AS mine(topic, partition)
ORDER BY 2, 3
ON CONFLICT DO NOTHING";

/// Waits until no transaction of an earlier owner is left, in one order for everybody.
pub const WAIT: &str = "
SELECT held.topic, held.partition FROM kreplay_positions AS held
JOIN unnest($2::text[], $3::int4[]) AS mine(topic, partition) ON held.topic = mine.topic AND held.partition = mine.partition
WHERE held.projection = $1
ORDER BY held.topic, held.partition
FOR UPDATE OF held";

/// The logs that the positions of a projection belong to, by topic.
pub const LOGS: &str = "SELECT DISTINCT topic, cluster_id, topic_id FROM kreplay_positions WHERE projection = $1";

/// Gives out new tokens, and notes of the logs what was not known before.
pub const TAKE: &str = "
UPDATE kreplay_positions AS held SET owner = $4,
    cluster_id = coalesce(held.cluster_id, $5), topic_id = coalesce(held.topic_id, mine.topic_id)
FROM unnest($2::text[], $3::int4[], $6::text[]) AS mine(topic, partition, topic_id)
WHERE held.projection = $1 AND held.topic = mine.topic AND held.partition = mine.partition
RETURNING held.topic, held.partition, held.owner, held.position";

/// What is noted of some partitions.
pub const NOTED: &str = "
SELECT noted.topic, noted.partition, noted.offsets FROM kreplay_applied AS noted
JOIN unnest($2::text[], $3::int4[]) AS mine(topic, partition) ON noted.topic = mine.topic AND noted.partition = mine.partition
WHERE noted.projection = $1";

/// The position of a partition.
pub const STANDS: &str = "
SELECT held.position FROM kreplay_positions AS held
JOIN unnest($2::text[], $3::int4[]) AS mine(topic, partition) ON held.topic = mine.topic AND held.partition = mine.partition
WHERE held.projection = $1";

/// What is applied of each partition, note by note.
pub const SUMS: &str = "SELECT topic, partition, records, digest FROM kreplay_applied WHERE projection = $1";
