//! Whether a topic can be read.

use std::{fmt, time::Duration};

use rdkafka::{
    consumer::{BaseConsumer, Consumer as _},
    error::RDKafkaErrorCode,
};

use super::context::ReadContext;

/// Why a topic can permanently not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// The topic does not exist.
    Missing,
    /// The credentials do not permit reading it.
    Forbidden,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Missing => "the topic no longer exists",
            Self::Forbidden => "topic authorization failed; READ and DESCRIBE on the topic are required",
        })
    }
}

/// Whether a topic can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// The topic can be read now or after a temporary error.
    There,
    /// The topic can permanently not be read.
    Gone(Gone),
}

/// Whether a topic can be read; `None` if no broker answers within `timeout`.
pub(crate) fn presence(consumer: &BaseConsumer<ReadContext>, topic: &str, timeout: Duration) -> Option<Presence> {
    let metadata = consumer.fetch_metadata(Some(topic), timeout).ok()?;
    let error = metadata.topics().iter().find(|one| one.name() == topic)?.error().map(RDKafkaErrorCode::from);
    Some(match error {
        Some(RDKafkaErrorCode::UnknownTopicOrPartition) => Presence::Gone(Gone::Missing),
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => Presence::Gone(Gone::Forbidden),
        _ => Presence::There,
    })
}
