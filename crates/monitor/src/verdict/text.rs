//! Words of evidence.

pub use kreplay_model::domain::number::rounded_seconds as duration_text;
use kreplay_model::domain::{TopicPartition, number::Count};
use kreplay_model::watch::PartitionRow;

/// A lag with thousands separators.
pub(super) fn lag_text(lag: i64) -> String {
    let sign = if lag < 0 { "-" } else { "" };
    format!("{sign}{}", Count(lag.unsigned_abs()))
}

/// The name of a row's partition.
pub(super) fn name(row: &PartitionRow) -> TopicPartition {
    TopicPartition::new(row.topic.as_str(), row.partition)
}

/// The first of several things, and how many others there are.
pub(super) fn and_others(first: &str, count: usize) -> String {
    match count.saturating_sub(1) {
        0 => first.to_owned(),
        others => format!("{first} and {others} more"),
    }
}
