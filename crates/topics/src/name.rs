//! Topic names.

/// Whether a name is a valid topic name (`org.apache.kafka.common.internals.Topic`).
#[must_use]
pub fn is_topic_name(name: &str) -> bool {
    (1..=249).contains(&name.len())
        && !matches!(name, "." | "..")
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}
