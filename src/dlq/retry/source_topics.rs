//! The topics that letters are sent back to: whether they exist, and what they do with timestamps.

use std::collections::{HashMap, HashSet};

use chrono::Utc;
use kreplay_kafka::{Catalog, TopicLimits, producer::time, span, topic_limits};
use kreplay_model::domain::KeyHash;

use super::{OutgoingLetter, Retrier};
use crate::dlq::{DeadLetter, DlqError};

/// A source topic.
pub(super) struct SourceTopic {
    partitions: i32,
    pub(super) limits: TopicLimits,
    /// Whether a warning was given about retention or timestamps of this topic.
    has_warned: bool,
    /// Whether a warning was given about partitions of this topic.
    has_warned_of_partitions: bool,
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
            let target = SourceTopic {
                partitions: found.partitions,
                limits,
                has_warned: false,
                has_warned_of_partitions: false,
            };
            self.targets.insert(topic.clone(), target);
        }
        let partitions = self.targets[&topic].partitions;
        if self.options.same_partition && letter.source.partition.0 >= partitions {
            let reason = format!("it has no partition {}; omit --same-partition", letter.source.partition);
            return Err(DlqError::Target { topic, reason });
        }
        Ok(())
    }

    /// Warns once per topic if keys go to other partitions than those that their letters came from.
    pub(super) fn warn_about_partitions(&mut self, outgoing: &[OutgoingLetter]) {
        // Another partitioner is the user's choice.
        if self.options.same_partition || self.client.config().properties.contains_key("partitioner") {
            return;
        }
        for one in outgoing {
            let source = &one.letter.source;
            let (Some(key), Some(target)) = (one.record.key(), self.targets.get_mut(&*source.topic)) else { continue };
            let goes_to = KeyHash::Murmur2.partition(key, target.partitions);
            if target.has_warned_of_partitions || goes_to == source.partition.0 {
                continue;
            }
            target.has_warned_of_partitions = true;
            (self.warn)(&format!(
                "letters do not go back to the partitions of {} that they came from (such as from {} to {goes_to}): \
                 its producers do not choose partitions by murmur2 of the key, or it has more partitions now; use \
                 --same-partition to keep the keys where they are",
                source.topic, source.partition
            ));
        }
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
