//! The topics that letters are sent back to: whether they exist, and what they do with timestamps.

use std::collections::{HashMap, HashSet};

use chrono::Utc;
use kreplay_kafka::{Catalog, TopicLimits, producer::time, span, topic_limits};

use super::{OutgoingLetter, Retrier};
use crate::dlq::{DeadLetter, DlqError};

/// A source topic.
pub(super) struct SourceTopic {
    partitions: i32,
    pub(super) limits: TopicLimits,
    /// Whether a warning was given about retention or timestamps of this topic.
    has_warned: bool,
}

impl Retrier<'_> {
    /// Checks that the source topic exists. Some brokers would create it otherwise.
    pub(super) fn check_target(&mut self, letter: &DeadLetter) -> Result<(), DlqError> {
        let topic = letter.source.topic.to_string();
        if !self.targets.contains_key(&topic) {
            let found = Catalog::new(self.client, self.options.timeout).topic(&topic);
            let found = found.map_err(|error| DlqError::Target { topic: topic.clone(), reason: error.to_string() })?;
            let limits =
                topic_limits(self.client.config(), &[&topic], self.options.timeout).remove(&topic).unwrap_or_default();
            self.producer.limit_batches(limits.max_message_bytes);
            self.targets.insert(topic.clone(), SourceTopic { partitions: found.partitions, limits, has_warned: false });
        }
        let partitions = self.targets[&topic].partitions;
        if self.options.same_partition && letter.source.partition.0 >= partitions {
            let reason = format!("it has no partition {}; omit --same-partition", letter.source.partition);
            return Err(DlqError::Target { topic, reason });
        }
        Ok(())
    }

    /// Warns once per topic about letters that retention will remove, and about timestamps that it does not keep.
    /// Returns the indexes of letters older than the retention.
    pub(super) fn warn_about_timestamps(&mut self, outgoing: &[OutgoingLetter]) -> HashSet<usize> {
        let now = Utc::now().timestamp_millis();
        let mut expired = HashSet::new();
        let mut oldest: HashMap<&str, i64> = HashMap::new();
        for (at, one) in outgoing.iter().enumerate() {
            let topic = &*one.letter.source.topic;
            let (Some(timestamp), Some(target)) = (one.timestamp_ms, self.targets.get_mut(topic)) else { continue };
            if target.limits.log_append_time && !target.has_warned {
                target.has_warned = true;
                (self.warn)(&format!(
                    "topic {topic} sets timestamps to the time of writing (message.timestamp.type = LogAppendTime): \
                     letters do not keep their own timestamps"
                ));
            }
            if target.limits.expires(timestamp, now) {
                expired.insert(at);
                let oldest_ms = oldest.entry(topic).or_insert(timestamp);
                *oldest_ms = timestamp.min(*oldest_ms);
            }
        }
        for (topic, timestamp) in oldest {
            let Some(target) = self.targets.get_mut(topic).filter(|target| !target.has_warned) else { continue };
            target.has_warned = true;
            (self.warn)(&format!(
                "topic {topic} keeps records for {} (retention.ms), but the oldest letter has the timestamp {} ({} \
                 ago), so it is removed soon after it is sent; raise retention.ms of {topic}, or use --timestamps now",
                span(target.limits.retention_ms.unwrap_or_default()),
                time(timestamp),
                span(now - timestamp)
            ));
        }
        expired
    }
}
