//! Whether records go into a new topic as they are, and stay there. Pure: what the topic accepts was looked up before.

use super::survey::{At, Extremes};
use crate::kafka::{
    TopicLimits,
    producer::{Timestamps, time},
    span,
};

/// A new topic, and what goes into it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fit<'a> {
    /// Its name.
    pub(super) topic: &'a str,
    /// It is still to be created, with the cluster's own settings.
    pub(super) is_missing: bool,
    /// What it accepts.
    pub(super) limits: &'a TopicLimits,
    /// The records that matter.
    pub(super) extremes: &'a Extremes,
    /// Which timestamps they get.
    pub(super) timestamps: Timestamps,
    /// Milliseconds since 1970.
    pub(super) now_ms: i64,
}

impl Fit<'_> {
    /// What makes copying fail, one sentence each. `place` names a record.
    pub(super) fn obstacles(&self, place: &dyn Fn(At) -> String) -> Vec<String> {
        let (topic, extremes) = (self.topic, self.extremes);
        let mut obstacles = Vec::new();
        if self.timestamps == Timestamps::Own {
            if let Some(at) = extremes.zero {
                obstacles.push(format!(
                    "{} records have the timestamp 0, the first is {}; librdkafka cannot write that, so it would become the time of \
                     writing; --timestamps now gives that time to every record",
                    extremes.zeros,
                    place(at)
                ));
            }
            for (timestamp, at) in [extremes.newest, extremes.oldest].into_iter().flatten() {
                if let Some(refusal) = self.limits.refuses_time(timestamp, self.now_ms) {
                    obstacles.push(format!(
                        "the timestamp of {}, {}, is out of the bounds of topic {topic} ({} = {}); {}, or use --timestamps now",
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
                "topic {topic} is compacted and accepts no record without a key, and {} would have none; change its \
                 cleanup.policy, or choose a --key that each record has",
                place(at)
            ));
        }
        obstacles
    }

    /// What may not be wanted, one sentence each.
    pub(super) fn warnings(&self, place: &dyn Fn(At) -> String) -> Vec<String> {
        let (topic, limits) = (self.topic, self.limits);
        let mut warnings = Vec::new();
        if let (Some((bytes, at)), Some(limit)) = (self.extremes.largest, limits.max_message_bytes)
            && bytes > limit
        {
            warnings.push(format!(
                "{} has {bytes} bytes, and topic {topic} accepts {limit} (max.message.bytes): unless compression makes it smaller, \
                 copying stops there; {}",
                place(at),
                self.raise("max.message.bytes")
            ));
        }
        if self.timestamps == Timestamps::Now {
            return warnings;
        }
        if limits.log_append_time {
            warnings.push(format!(
                "topic {topic} gives records the time of writing (message.timestamp.type = LogAppendTime): they do not keep their \
                 timestamps"
            ));
        }
        if let Some((timestamp, at)) = self.extremes.oldest.filter(|(oldest, _)| limits.expires(*oldest, self.now_ms)) {
            warnings.push(format!(
                "topic {topic} keeps records for {} (retention.ms), and {} is {} old: records as old as that are removed soon after \
                 they are copied; {}, or use --timestamps now",
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
                "create {topic} with a higher {setting} first (a migration does not copy the settings of the old topics)"
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

    fn at(offset: i64) -> At {
        At { section: 0, offset }
    }

    fn judge(limits: &TopicLimits, extremes: &Extremes, timestamps: Timestamps) -> (Vec<String>, Vec<String>) {
        let fit = Fit { topic: "new", is_missing: true, limits, extremes, timestamps, now_ms: NOW };
        let place = |at: At| format!("old-0 at {}", at.offset);
        (fit.obstacles(&place), fit.warnings(&place))
    }

    #[test]
    fn what_a_topic_accepts_is_no_news() {
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
        assert_eq!(judge(&limits, &extremes, Timestamps::Own), (Vec::new(), Vec::new()));
        assert_eq!(judge(&TopicLimits::default(), &extremes, Timestamps::Own), (Vec::new(), Vec::new()));
    }

    #[test]
    fn the_record_and_the_setting_are_named() {
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
        let (obstacles, warnings) = judge(&limits, &extremes, Timestamps::Own);
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
        let (obstacles, warnings) = judge(&limits, &extremes, Timestamps::Now);
        assert_eq!((obstacles.len(), warnings.len()), (1, 1), "the key and the size: {obstacles:?} {warnings:?}");
    }
}
