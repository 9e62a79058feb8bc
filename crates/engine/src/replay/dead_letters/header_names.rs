//! The names of the headers of a dead letter.

/// The record's topic. It is the first header added by kreplay; the headers before it are the record's own.
pub const TOPIC: &str = "kreplay-topic";
/// The record's partition, in decimal.
pub const PARTITION: &str = "kreplay-partition";
/// The record's offset, in decimal.
pub const OFFSET: &str = "kreplay-offset";
/// The record's timestamp in milliseconds since 1970; -1 if it has none.
pub const TIMESTAMP: &str = "kreplay-timestamp";
/// The key that a key template built from the record. Present only if there is a template.
pub const KEY: &str = "kreplay-key";
/// The handler's error.
pub const ERROR: &str = "kreplay-error";
/// The number of attempts; 0 for a record that was not tried because its key had failed before.
pub const ATTEMPTS: &str = "kreplay-attempts";
/// The id of the run.
pub const RUN: &str = "kreplay-run";
/// When the record was dead-lettered: RFC 3339, UTC.
pub const FAILED_AT: &str = "kreplay-failed-at";
