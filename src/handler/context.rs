//! What the handlers of one run are made with.

use std::sync::Arc;

use super::HandlerSettings;
use crate::{
    domain::{Growing, TopicPartition},
    feed::EventLog,
    kafka::KafkaConfig,
    plan::Rules,
};

/// What the handlers of one run are made with.
#[derive(Clone)]
pub struct HandlerContext {
    /// The run's id; that of the first attempt where a run goes on.
    pub run_id: String,
    /// The run's partitions: a record names its own by index.
    pub partitions: Arc<Growing<TopicPartition>>,
    /// What decodes values and names keys and event types: [`Rules::examine`] shows handlers the fields that filters see.
    pub rules: Arc<Rules>,
    /// The cluster that is read from.
    pub kafka: KafkaConfig,
    /// The run's consumer group.
    pub group: Option<String>,
    /// Whether the run follows the log, and has no end.
    pub follow: bool,
    /// Where handlers tell what nobody can see in a failure: the standard error of a child, a connection made again.
    pub events: EventLog,
    /// The tables `[projection]`, `[topic]`, `[exec]`, `[http]` and `[export]`.
    pub settings: HandlerSettings,
    /// When the run was begun, in milliseconds since 1970: the current time of previews.
    pub now_ms: i64,
    /// Nothing but previews is asked for: no target is written to, made, changed or taken over.
    pub preview_only: bool,
}

#[cfg(test)]
impl HandlerContext {
    /// For tests of handlers: these partitions, and nothing else that matters.
    pub(super) fn testing(partitions: &[TopicPartition]) -> Self {
        Self {
            run_id: "test".into(),
            partitions: Arc::new(partitions.iter().cloned().collect()),
            rules: Arc::default(),
            kafka: KafkaConfig::default(),
            group: None,
            follow: false,
            events: EventLog::default(),
            settings: HandlerSettings::default(),
            now_ms: 1_700_000_000_000,
            preview_only: false,
        }
    }
}
