//! The built-in projection, which needs no SQL from the user: the latest state of each key.
//!
//! The table `kreplay_projection` has a row for each key that the order depends on:
//!
//! | column | content |
//! |---|---|
//! | `key` | the record's key, or the result of the key template; empty if there is none |
//! | `unkeyed` | `TOPIC-PARTITION` for records without a key (they keep their order); otherwise empty |
//! | `last_value` | the value of the last record, null for a tombstone |
//! | `records` | the number of records |
//! | `last_topic`, `last_partition`, `last_offset`, `last_timestamp` | of the last record; the time in ms since 1970 |
//! | `digest` | a hash of contents and order, equal for the same records in the same order with any number of workers |
//!
//! The digest is 0 at first. Each record changes it to (digest × 524287 + `:content_hash`) mod 17592186044399.

use std::path::Path;

use super::{
    definition::{Definition, DefinitionError},
    statement::{Dialect, HASH_FACTOR, HASH_MODULUS},
    target::ProjectionTarget,
};

/// The built-in projection's statement in PostgreSQL for many records. Each row merges several records of a key: `$8`
/// has the chains of their hashes, beginning with 0, and `$9` the numbers of records. `$10` has the chain factors, by
/// number of records.
pub(super) const MULTI_RECORD_UPSERT: &str = "
INSERT INTO kreplay_projection AS held
SELECT coalesce(p1, CAST('' AS BYTEA)), p2, p3, p9, p4, p5, p6, p7, p8
FROM (SELECT unnest($1) AS p1, unnest($2) AS p2, unnest($3) AS p3, unnest($4) AS p4, unnest($5) AS p5, unnest($6) AS p6,
    unnest($7) AS p7, unnest($8) AS p8, unnest($9) AS p9) AS kreplay_rows
ON CONFLICT (key, unkeyed) DO UPDATE SET
    last_value = excluded.last_value,
    records = held.records + excluded.records,
    last_topic = excluded.last_topic,
    last_partition = excluded.last_partition,
    last_offset = excluded.last_offset,
    last_timestamp = excluded.last_timestamp,
    digest = (held.digest::numeric * ($10)[excluded.records::int4] + excluded.digest) % 17592186044399";

/// Extends a chain of hashes by one hash.
pub(super) fn extend_chain(chain: i64, hash: i64) -> i64 {
    // Does not overflow: see [`HASH_MODULUS`].
    (chain * HASH_FACTOR + hash) % HASH_MODULUS
}

/// The factors by which 1, 2, … further records multiply a chain.
pub(super) fn chain_factors(max_records: u32) -> Vec<i64> {
    let next = |factor: &i64| Some(next_factor(*factor));
    std::iter::successors(Some(HASH_FACTOR), next).take(max_records as usize).collect()
}

/// The factor for one more record. The product is below 2⁶³.
fn next_factor(factor: i64) -> i64 {
    factor * HASH_FACTOR % HASH_MODULUS
}

/// The name under which the positions of the built-in projection are stored.
const BUILTIN_NAME: &str = "built-in";

/// The definition of the built-in projection for a target.
///
/// # Errors
/// Never, unless the definition here is invalid.
pub(super) fn builtin(target: &ProjectionTarget) -> Result<Definition, DefinitionError> {
    let (any, integer, empty) = match target.dialect() {
        // Columns without a type store text as text and bytes as bytes.
        Dialect::Sqlite => ("", "INTEGER", "''"),
        // Without the cast the parameter would be inferred as text.
        Dialect::Postgres => ("BYTEA", "BIGINT", "CAST('' AS BYTEA)"),
    };
    let text = format!(
        r#"
        name = "{BUILTIN_NAME}"
        schema = """
            CREATE TABLE IF NOT EXISTS kreplay_projection (
                key {any} NOT NULL,
                unkeyed TEXT NOT NULL,
                last_value {any},
                records {integer} NOT NULL,
                last_topic TEXT NOT NULL,
                last_partition INTEGER NOT NULL,
                last_offset {integer} NOT NULL,
                last_timestamp {integer},
                digest {integer} NOT NULL,
                PRIMARY KEY (key, unkeyed)
            );
        """
        [[on]]
        sql = """
            INSERT INTO kreplay_projection
            VALUES (coalesce(:lane_key, {empty}), :unkeyed, :value, 1, :topic, :partition, :offset, :timestamp, :content_hash)
            ON CONFLICT (key, unkeyed) DO UPDATE SET
                last_value = excluded.last_value,
                records = kreplay_projection.records + 1,
                last_topic = excluded.last_topic,
                last_partition = excluded.last_partition,
                last_offset = excluded.last_offset,
                last_timestamp = excluded.last_timestamp,
                digest = (kreplay_projection.digest * {HASH_FACTOR} + excluded.digest) % {HASH_MODULUS}
        """
        "#
    );
    let definition = Definition::parse(Path::new("the built-in projection"), &text, Some(target))?;
    Ok(Definition { is_builtin: true, ..definition })
}
