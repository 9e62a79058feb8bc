//! Checks whether a new topic accepts the records and keeps them unchanged. Pure: the limits were looked up before.

use kreplay_kafka::{
    TopicLimits,
    producer::{Timestamps, time},
    span,
};
use kreplay_model::domain::number::counted_as;

use super::preflight::{Extremes, SourceOffset};

/// A new topic and the records to be copied into it.
#[derive(Clone, Copy, Debug)]
pub(super) struct TopicFit<'a> {
    /// The name of the topic.
    pub(super) topic: &'a str,
    /// The topic does not exist. It will be created with the cluster's defaults.
    pub(super) is_missing: bool,
    /// What the topic accepts.
    pub(super) limits: &'a TopicLimits,
    /// The records that are most likely to be refused.
    pub(super) extremes: &'a Extremes,
    /// The timestamps of the copied records.
    pub(super) timestamps: Timestamps,
    /// The current time, in milliseconds since 1970.
    pub(super) now_ms: i64,
}

impl TopicFit<'_> {
    /// What would make copying fail, one sentence each. `place` describes a record.
    pub(super) fn obstacles(&self, place: &dyn Fn(SourceOffset) -> String) -> Vec<String> {
        let (topic, extremes) = (self.topic, self.extremes);
        let mut obstacles = Vec::new();
        if self.timestamps == Timestamps::Own {
            if let Some(at) = extremes.zero {
                obstacles.push(format!(
                    "{} the timestamp 0, the first is {}; librdkafka cannot write it and would use the time of \
                     writing; use --timestamps now to give all records that time",
                    counted_as(extremes.zeros, "record has", "records have"),
                    place(at)
                ));
            }
            for (timestamp, at) in [extremes.newest, extremes.oldest].into_iter().flatten() {
                if let Some(refusal) = self.limits.refuses_time(timestamp, self.now_ms) {
                    obstacles.push(format!(
                        "the timestamp of {}, {}, is outside the limits of topic {topic} ({} = {}); {}, or use \
                         --timestamps now",
                        place(at),
                        time(timestamp),
                        refusal.setting,
                        refusal.limit_ms,
                        self.raise(refusal.setting)
                    ));
                }
            }
        }
        if let Some(at) = extremes.keyless.filter(|_| self.limits.compacts) {
            obstacles.push(format!(
                "topic {topic} is compacted and accepts no record without a key, but {} would have none; change its \
                 cleanup.policy, or choose a --key that all records have",
                place(at)
            ));
        }
        obstacles
    }

    /// What may be unintended, one sentence each. `place` describes a record.
    pub(super) fn warnings(&self, place: &dyn Fn(SourceOffset) -> String) -> Vec<String> {
        let (topic, limits) = (self.topic, self.limits);
        let mut warnings = Vec::new();
        if let (Some((bytes, at)), Some(limit)) = (self.extremes.largest, limits.max_message_bytes)
            && bytes > limit
        {
            warnings.push(format!(
                "{} has {bytes} bytes, but topic {topic} accepts {limit} (max.message.bytes): copying stops there \
                 unless compression makes it smaller; {}",
                place(at),
                self.raise("max.message.bytes")
            ));
        }
        if self.timestamps == Timestamps::Now {
            return warnings;
        }
        if limits.log_append_time {
            warnings.push(format!(
                "topic {topic} sets timestamps to the time of writing (message.timestamp.type = LogAppendTime): \
                 records do not keep their own timestamps"
            ));
        }
        if let Some((timestamp, at)) = self.extremes.oldest.filter(|(oldest, _)| limits.expires(*oldest, self.now_ms)) {
            warnings.push(format!(
                "topic {topic} keeps records for {} (retention.ms), but {} is {} old: such records are removed soon \
                 after they are copied; {}, or use --timestamps now",
                span(limits.retention_ms.unwrap_or_default()),
                place(at),
                span(self.now_ms - timestamp),
                self.raise("retention.ms")
            ));
        }
        warnings
    }

    fn raise(&self, setting: &str) -> String {
        let topic = self.topic;
        if self.is_missing {
            format!(
                "create {topic} with a higher {setting} first (a migration does not copy settings of the old topics)"
            )
        } else {
            format!("raise {setting} of {topic}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;
    const HOUR: i64 = 3_600_000;

    fn at(offset: i64) -> SourceOffset {
        SourceOffset { section: 0, offset }
    }

    fn check(limits: &TopicLimits, extremes: &Extremes, timestamps: Timestamps) -> (Vec<String>, Vec<String>) {
        let fit = TopicFit { topic: "new", is_missing: true, limits, extremes, timestamps, now_ms: NOW };
        let place = |at: SourceOffset| format!("old-0 at {}", at.offset);
        (fit.obstacles(&place), fit.warnings(&place))
    }

    #[test]
    fn accepted_records_cause_no_findings() {
        let extremes = Extremes {
            largest: Some((100, at(1))),
            oldest: Some((NOW - HOUR, at(2))),
            newest: Some((NOW, at(3))),
            keyless: Some(at(4)),
            ..Extremes::default()
        };
        let limits = TopicLimits {
            max_message_bytes: Some(100),
            before_max_ms: Some(HOUR),
            after_max_ms: Some(0),
            retention_ms: Some(HOUR),
            ..TopicLimits::default()
        };
        assert_eq!(check(&limits, &extremes, Timestamps::Own), (Vec::new(), Vec::new()));
        assert_eq!(check(&TopicLimits::default(), &extremes, Timestamps::Own), (Vec::new(), Vec::new()));
    }

    #[test]
    fn findings_name_the_record_and_the_setting() {
        let extremes = Extremes {
            largest: Some((101, at(1))),
            oldest: Some((NOW - 3 * HOUR, at(2))),
            newest: Some((NOW + 2 * HOUR, at(3))),
            zero: Some(at(4)),
            zeros: 7,
            keyless: Some(at(5)),
        };
        let limits = TopicLimits {
            max_message_bytes: Some(100),
            after_max_ms: Some(HOUR),
            retention_ms: Some(2 * HOUR),
            compacts: true,
            ..TopicLimits::default()
        };
        let (obstacles, warnings) = check(&limits, &extremes, Timestamps::Own);
        for (text, parts) in obstacles.iter().chain(&warnings).zip([
            ["7 records have the timestamp 0", "old-0 at 4"],
            ["old-0 at 3", "message.timestamp.after.max.ms = 3600000"],
            ["old-0 at 5", "without a key"],
            ["old-0 at 1 has 101 bytes", "max.message.bytes first"],
            ["keeps records for 2 h", "old-0 at 2 is 3 h old"],
        ]) {
            assert!(parts.iter().all(|part| text.contains(part)), "{text}");
        }
        assert_eq!((obstacles.len(), warnings.len()), (3, 2));
        let (obstacles, warnings) = check(&limits, &extremes, Timestamps::Now);
        assert_eq!((obstacles.len(), warnings.len()), (1, 1), "the key and the size: {obstacles:?} {warnings:?}");
    }
}
