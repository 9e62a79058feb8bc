//! Limits that a topic's settings place on records written to it: maximum size, accepted timestamps, and retention.

use std::{collections::BTreeMap, time::Duration};

use rdkafka::{
    admin::{ConfigResource, OwnedResourceSpecifier, ResourceSpecifier},
    consumer::Consumer as _,
};

use super::{
    client::{Client, KafkaConfig},
    create::{admin, block_on, options},
    producer::RecordFacts,
};

/// The limits of a topic. A setting that is unknown, or means "no limit", is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicLimits {
    /// `max.message.bytes`: the largest batch, compressed.
    pub max_message_bytes: Option<u64>,
    /// `message.timestamp.type` is `LogAppendTime`: the broker replaces record timestamps with its own time.
    pub log_append_time: bool,
    /// `message.timestamp.before.max.ms`: how far a timestamp may be behind the broker's time.
    pub before_max_ms: Option<i64>,
    /// `message.timestamp.after.max.ms`: how far a timestamp may be ahead of the broker's time.
    pub after_max_ms: Option<i64>,
    /// `retention.ms`, if `cleanup.policy` includes `delete`.
    pub retention_ms: Option<i64>,
    /// `cleanup.policy` includes `compact`: records need a key.
    pub compacts: bool,
}

/// The setting that a rejected timestamp violates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampRefusal {
    /// The setting's name.
    pub setting: &'static str,
    /// Its value in milliseconds.
    pub limit_ms: i64,
}

const BEFORE_SETTING: &str = "message.timestamp.before.max.ms";
const AFTER_SETTING: &str = "message.timestamp.after.max.ms";
/// Brokers before Kafka 3.6 have a single setting for both directions.
const DIFFERENCE_SETTING: &str = "message.timestamp.difference.max.ms";

impl TopicLimits {
    /// Limits from a topic's settings; `get` returns a setting's value by name.
    fn of_topic(get: impl Fn(&str) -> Option<String>) -> Self {
        let number = |name: &str| get(name)?.trim().parse::<i64>().ok();
        // Kafka represents "no limit" as the largest number.
        let limit = |name: &str| number(name).or_else(|| number(DIFFERENCE_SETTING)).filter(|limit| *limit < i64::MAX);
        let policy = get("cleanup.policy").unwrap_or_default();
        let has = |word: &str| policy.split(',').any(|one| one.trim() == word);
        let retention = number("retention.ms").filter(|retention| *retention >= 0 && has("delete"));
        Self {
            max_message_bytes: number("max.message.bytes").and_then(|bytes| u64::try_from(bytes).ok()),
            log_append_time: get("message.timestamp.type").is_some_and(|kind| kind == "LogAppendTime"),
            before_max_ms: limit(BEFORE_SETTING),
            after_max_ms: limit(AFTER_SETTING),
            retention_ms: retention,
            compacts: has("compact"),
        }
    }

    /// Limits of a topic created without settings, from a broker's settings.
    fn of_broker(get: impl Fn(&str) -> Option<String>) -> Self {
        let in_ms = |name: &str, unit_ms: i64| {
            let value: i64 = get(name)?.trim().parse().ok()?;
            Some(if value < 0 { -1 } else { value.saturating_mul(unit_ms) }.to_string())
        };
        Self::of_topic(|name| match name {
            "max.message.bytes" => get("message.max.bytes"),
            "retention.ms" => in_ms("log.retention.ms", 1)
                .or_else(|| in_ms("log.retention.minutes", 60_000))
                .or_else(|| in_ms("log.retention.hours", 3_600_000)),
            other => get(&format!("log.{other}")),
        })
    }

    /// The setting for which a broker whose clock shows `now_ms` rejects this timestamp; `None` if it accepts it.
    #[must_use]
    pub fn refuses_time(&self, timestamp_ms: i64, now_ms: i64) -> Option<TimestampRefusal> {
        if self.log_append_time || timestamp_ms < 0 {
            return None;
        }
        let beyond = |limit: Option<i64>, distance: i64, setting| {
            limit.filter(|limit| distance > *limit).map(|limit_ms| TimestampRefusal { setting, limit_ms })
        };
        beyond(self.after_max_ms, timestamp_ms.saturating_sub(now_ms), AFTER_SETTING)
            .or_else(|| beyond(self.before_max_ms, now_ms.saturating_sub(timestamp_ms), BEFORE_SETTING))
    }

    /// Whether a broker whose clock shows `now_ms` will probably reject a record. A record that is too large may still
    /// become small enough by compression.
    #[must_use]
    pub fn refuses(&self, record: &RecordFacts<'_>, now_ms: i64) -> bool {
        self.max_message_bytes.is_some_and(|limit| record.batch_bytes > limit)
            || record.timestamp_ms.is_some_and(|timestamp| self.refuses_time(timestamp, now_ms).is_some())
            || self.compacts && !record.has_key
    }

    /// Whether retention deletes a record with this timestamp at its next check, once the record's segment is no longer
    /// active.
    #[must_use]
    pub fn expires(&self, timestamp_ms: i64, now_ms: i64) -> bool {
        let age_ms = now_ms.saturating_sub(timestamp_ms);
        !self.log_append_time && timestamp_ms >= 0 && self.retention_ms.is_some_and(|retention| age_ms > retention)
    }
}

/// The limits of topics by topic name. Topics that do not exist or may not be described are left out: their limits
/// become known when the broker rejects a record.
#[must_use]
pub fn topic_limits(config: &KafkaConfig, topics: &[&str], within: Duration) -> BTreeMap<String, TopicLimits> {
    let wanted: Vec<ResourceSpecifier<'_>> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let named = |resource: ConfigResource| match &resource.specifier {
        OwnedResourceSpecifier::Topic(name) => {
            Some((name.clone(), TopicLimits::of_topic(|setting| value_of(&resource, setting))))
        }
        _ => None,
    };
    describe_configs(config, &wanted, within).into_iter().filter_map(named).collect()
}

/// The limits of a topic created without settings; `None` if the cluster does not report them.
#[must_use]
pub fn default_limits(client: &Client, within: Duration) -> Option<TopicLimits> {
    let metadata = client.consumer.fetch_metadata(None, within).ok()?;
    let broker = metadata.brokers().first()?.id();
    let resource =
        describe_configs(client.config(), &[ResourceSpecifier::Broker(broker)], within).into_iter().next()?;
    Some(TopicLimits::of_broker(|setting| value_of(&resource, setting)))
}

/// Formats a duration in the largest unit of which it has at least two, or exactly one.
#[must_use]
pub fn span(ms: i64) -> String {
    const UNITS: [(i64, &str); 4] = [(86_400_000, "day"), (3_600_000, "h"), (60_000, "min"), (1000, "s")];
    let ms = ms.max(0);
    match UNITS.iter().find(|(unit, _)| ms >= 2 * unit || ms == *unit) {
        Some((unit, "day")) if ms > *unit => format!("{} days", ms / unit),
        Some((unit, name)) => format!("{} {name}", ms / unit),
        None => format!("{ms} ms"),
    }
}

fn describe_configs(config: &KafkaConfig, wanted: &[ResourceSpecifier<'_>], within: Duration) -> Vec<ConfigResource> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let Ok(admin) = admin(config) else { return Vec::new() };
    let answers = block_on(admin.describe_configs(wanted, &options(within))).unwrap_or_default();
    answers.into_iter().filter_map(Result::ok).collect()
}

fn value_of(resource: &ConfigResource, setting: &str) -> Option<String> {
    resource.get(setting).and_then(|entry| entry.value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn of_topic(pairs: &[(&str, &str)]) -> TopicLimits {
        TopicLimits::of_topic(|name| lookup(pairs, name))
    }

    fn lookup(pairs: &[(&str, &str)], name: &str) -> Option<String> {
        pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn settings_that_mean_no_limit_are_none() {
        let open = of_topic(&[
            ("cleanup.policy", "delete"),
            ("retention.ms", "-1"),
            (BEFORE_SETTING, "9223372036854775807"),
            ("max.message.bytes", "1048588"),
        ]);
        assert_eq!(open, TopicLimits { max_message_bytes: Some(1_048_588), ..TopicLimits::default() });
        assert_eq!(of_topic(&[]), TopicLimits::default());
        let compacted = of_topic(&[("cleanup.policy", "compact"), ("retention.ms", "1000")]);
        assert_eq!((compacted.compacts, compacted.retention_ms), (true, None));
        let both = of_topic(&[("cleanup.policy", "compact, delete"), ("retention.ms", "1000")]);
        assert_eq!((both.compacts, both.retention_ms), (true, Some(1000)));
    }

    #[test]
    fn timestamps_are_limited_in_both_directions() {
        let limits = of_topic(&[(BEFORE_SETTING, "5000"), (AFTER_SETTING, "1000")]);
        let refused = |timestamp| limits.refuses_time(timestamp, NOW).map(|refusal| refusal.setting);
        assert_eq!([NOW - 5000, NOW, NOW + 1000, -1].map(refused), [None; 4]);
        assert_eq!((refused(NOW - 5001), refused(NOW + 1001)), (Some(BEFORE_SETTING), Some(AFTER_SETTING)));
        let older_broker = of_topic(&[(DIFFERENCE_SETTING, "10")]);
        assert_eq!(
            older_broker.refuses_time(NOW + 11, NOW),
            Some(TimestampRefusal { setting: AFTER_SETTING, limit_ms: 10 })
        );
        let stamped = of_topic(&[(AFTER_SETTING, "1000"), ("message.timestamp.type", "LogAppendTime")]);
        assert_eq!(stamped.refuses_time(NOW + 5000, NOW), None);
    }

    #[test]
    fn retention_uses_record_timestamps() {
        let limits = of_topic(&[("cleanup.policy", "delete"), ("retention.ms", "1000")]);
        assert_eq!([NOW - 1001, NOW - 1000, -1].map(|at| limits.expires(at, NOW)), [true, false, false]);
        let stamped = TopicLimits { log_append_time: true, ..limits };
        assert!(!stamped.expires(0, NOW));
    }

    #[test]
    fn spans_use_a_readable_unit() {
        let texts = [0, 1000, 1999, 2000, 3_600_000, 7_200_000, 86_400_000, 172_799_999, 604_800_000].map(span);
        assert_eq!(texts, ["0 ms", "1 s", "1999 ms", "2 s", "1 h", "2 h", "1 day", "47 h", "7 days"]);
    }

    #[test]
    fn broker_defaults_are_read_from_broker_setting_names() {
        let limits = TopicLimits::of_broker(|name| {
            lookup(
                &[
                    ("message.max.bytes", "500"),
                    ("log.retention.hours", "168"),
                    ("log.cleanup.policy", "delete"),
                    ("log.message.timestamp.after.max.ms", "3600000"),
                    ("log.message.timestamp.type", "LogAppendTime"),
                ],
                name,
            )
        });
        let expected = TopicLimits {
            max_message_bytes: Some(500),
            log_append_time: true,
            after_max_ms: Some(3_600_000),
            retention_ms: Some(604_800_000),
            ..TopicLimits::default()
        };
        assert_eq!(limits, expected);
        let minutes = [("log.retention.minutes", "-1"), ("log.retention.hours", "1"), ("log.cleanup.policy", "delete")];
        assert_eq!(TopicLimits::of_broker(|name| lookup(&minutes, name)).retention_ms, None);
    }
}
