//! The context from which the handlers of one run are created.

use std::{sync::Arc, time::Duration};

use kreplay_kafka::KafkaConfig;
use kreplay_model::{
    domain::{AppendOnlyVec, TopicPartition},
    feed::EventLog,
};

use crate::rules::Rules;

/// Everything that a handler may use when a run opens it.
#[derive(Clone)]
pub struct HandlerContext {
    /// The run's id. A resumed run keeps the id of its first attempt.
    pub run_id: String,
    /// The run's partitions. [`Record::partition`](kreplay_model::domain::Record) is an index into them.
    pub partitions: Arc<AppendOnlyVec<TopicPartition>>,
    /// Decodes values and derives keys and event types. [`Rules::examine`] gives handlers the same fields that filters
    /// see.
    pub rules: Arc<Rules>,
    /// The source cluster.
    pub kafka: KafkaConfig,
    /// How long to wait for each response from a cluster.
    pub cluster_timeout: Duration,
    /// The run's consumer group.
    pub group: Option<String>,
    /// Whether the run follows the log and therefore has no end.
    pub follow: bool,
    /// The run's event log, for what does not appear in a failure: a child's standard error, a reconnect.
    pub events: EventLog,
    /// When the run started, in milliseconds since 1970. Previews use it as the current time.
    pub now_ms: i64,
    /// Only previews are needed: no target may be written to, created, changed or claimed.
    pub preview_only: bool,
}

impl HandlerContext {
    /// A context for tests of handlers: the given partitions, and defaults for everything else.
    #[must_use]
    pub fn testing(partitions: &[TopicPartition]) -> Self {
        Self {
            run_id: "test".into(),
            partitions: Arc::new(partitions.iter().cloned().collect()),
            rules: Arc::default(),
            kafka: KafkaConfig::default(),
            cluster_timeout: Duration::from_secs(30),
            group: None,
            follow: false,
            events: EventLog::default(),
            now_ms: 1_700_000_000_000,
            preview_only: false,
        }
    }
}
