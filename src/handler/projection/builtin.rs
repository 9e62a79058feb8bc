//! The projection that needs no SQL of the user's: what each key came to.
//!
//! The table `kreplay_projection` has a row for each key that order goes by:
//!
//! | column | what |
//! |---|---|
//! | `key` | the record's key, or what the key template makes of it; empty where there is none |
//! | `unkeyed` | empty; for records without a key `TOPIC-PARTITION`, whose order they keep |
//! | `last_value` | the value of the last record, null for a tombstone |
//! | `records` | how many there were |
//! | `last_topic`, `last_partition`, `last_offset`, `last_timestamp` | where the last record stands; milliseconds since 1970 |
//! | `digest` | a hash over contents and order: equal for the same records in the same order, however many workers there were |
//!
//! The digest begins with 0, and each record makes it (digest × 524287 + `:content_hash`) mod 17592186044399.

use std::path::Path;

use super::{
    definition::{Definition, DefinitionError},
    statement::{Dialect, HASH_FACTOR, HASH_MODULUS},
    target::Target,
};

/// The built-in projection in PostgreSQL for many records: each row is what several records of a key come to. `$8` has their
/// chains from 0, `$9` how many they are, and `$10` by how much so many records move a chain.
pub(super) const CHAINED: &str = "
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

/// A chain of hashes with one more.
pub(super) fn chained(chain: i64, hash: i64) -> i64 {
    // Both fit: see [`HASH_MODULUS`].
    (chain * HASH_FACTOR + hash) % HASH_MODULUS
}

/// By how much 1, 2, … records move a chain.
pub(super) fn factors(most: u32) -> Vec<i64> {
    let further = |factor: &i64| Some(moved(*factor));
    std::iter::successors(Some(HASH_FACTOR), further).take(most as usize).collect()
}

/// A factor for one more record. The product of the two is below 2⁶³.
fn moved(factor: i64) -> i64 {
    factor * HASH_FACTOR % HASH_MODULUS
}

/// What positions of the built-in projection are kept under.
const NAME: &str = "built-in";

/// The built-in projection for a target.
///
/// # Errors
/// Never, unless the text here is wrong.
pub(super) fn builtin(target: &Target) -> Result<Definition, DefinitionError> {
    let (any, whole, nothing) = match target.dialect() {
        // No type: text stays text, bytes stay bytes.
        Dialect::Sqlite => ("", "INTEGER", "''"),
        // Without the type the parameter beside it would be taken for text.
        Dialect::Postgres => ("BYTEA", "BIGINT", "CAST('' AS BYTEA)"),
    };
    let text = format!(
        r#"
        name = "{NAME}"
        schema = """
            CREATE TABLE IF NOT EXISTS kreplay_projection (
                key {any} NOT NULL,
                unkeyed TEXT NOT NULL,
                last_value {any},
                records {whole} NOT NULL,
                last_topic TEXT NOT NULL,
                last_partition INTEGER NOT NULL,
                last_offset {whole} NOT NULL,
                last_timestamp {whole},
                digest {whole} NOT NULL,
                PRIMARY KEY (key, unkeyed)
            );
        """
        [[on]]
        sql = """
            INSERT INTO kreplay_projection
            VALUES (coalesce(:lane_key, {nothing}), :unkeyed, :value, 1, :topic, :partition, :offset, :timestamp, :content_hash)
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
