//! `[run]`: retries, failure policy, dead letters and quarantine.

use std::{ops::RangeInclusive, time::Duration};

use toml::Value;

use super::Setting;
use crate::config::{
    bytes::show_bytes,
    value::{fraction, number, store, text, time, topic_template, word},
};

const FIRST_DELAY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(300);
const MAX_DELAY: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
const QUARANTINE: RangeInclusive<u64> = 1 << 16..=1 << 40;
const ATTEMPTS: RangeInclusive<u32> = 0..=1000;

pub(super) const FAILURES: &[Setting] = &[
    Setting {
        key: "run.retry.attempts",
        allowed: "a whole number from 0 to 1000",
        set: |c, i| store(&mut c.run.settings.retry.attempts, i.within(&ATTEMPTS)),
        show: |c| Some(number(c.run.settings.retry.attempts)),
    },
    Setting {
        key: "run.retry.first_delay",
        allowed: "a duration from 0 to 5m, such as 500ms or 1s",
        set: |c, i| store(&mut c.run.settings.retry.first_delay, i.duration(&FIRST_DELAY)),
        show: |c| Some(time(c.run.settings.retry.first_delay)),
    },
    Setting {
        key: "run.retry.max_delay",
        allowed: "a duration from 1ms to 60m, such as 5m",
        set: |c, i| store(&mut c.run.settings.retry.max_delay, i.duration(&MAX_DELAY)),
        show: |c| Some(time(c.run.settings.retry.max_delay)),
    },
    Setting {
        key: "run.retry.jitter",
        allowed: "a number from 0 to 1",
        set: |c, i| store(&mut c.run.settings.retry.jitter, fraction(i)),
        show: |c| Some(Value::from(c.run.settings.retry.jitter)),
    },
    Setting {
        key: "run.on_failure",
        allowed: "fail, skip, pause or dead-letter",
        set: |c, i| store(&mut c.run.settings.on_failure, word(i)),
        show: |c| Some(text(&c.run.settings.on_failure)),
    },
    Setting {
        key: "run.dead_letter.topic",
        allowed: "a topic name, where {topic} stands for the record's topic, such as {topic}.dlq",
        set: |c, i| store(&mut c.run.settings.dead_letter.topic, topic_template(i)),
        show: |c| Some(text(&c.run.settings.dead_letter.topic)),
    },
    Setting {
        key: "run.dead_letter.create",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.settings.dead_letter.create, i.bool()),
        show: |c| Some(Value::from(c.run.settings.dead_letter.create)),
    },
    Setting {
        key: "run.quarantine",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.settings.quarantine, i.bool()),
        show: |c| Some(Value::from(c.run.settings.quarantine)),
    },
    Setting {
        key: "run.quarantine_buffer",
        allowed: "a size from 64KiB to 1024GiB, such as 8MiB",
        set: |c, i| store(&mut c.run.settings.quarantine_bytes, i.bytes(&QUARANTINE)),
        show: |c| Some(text(&show_bytes(c.run.settings.quarantine_bytes))),
    },
];
