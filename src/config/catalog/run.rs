//! `[run]`: retention, time order, discovery, memory, commits and drain.

use std::{ops::RangeInclusive, time::Duration};

use toml::Value;

use super::Setting;
use crate::config::{
    bytes::show_bytes,
    value::{store, text, time, word},
};

const COMMIT_INTERVAL: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);
const DRAIN_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
const DISCOVERY: RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(3600);
const BUFFER: RangeInclusive<u64> = 1 << 20..=1 << 40;

pub(super) const RUN: &[Setting] = &[
    Setting {
        key: "run.on_retention",
        allowed: "fail, earliest or pause",
        set: |c, i| store(&mut c.run.settings.on_retention, word(i)),
        show: |c| Some(text(&c.run.settings.on_retention)),
    },
    Setting {
        key: "run.time_order",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.scope.time_order, i.bool()),
        show: |c| Some(Value::from(c.run.scope.time_order)),
    },
    Setting {
        key: "run.discovery_interval",
        allowed: "a duration from 500ms to 60m, such as 5s",
        set: |c, i| store(&mut c.run.settings.discovery_interval, i.duration(&DISCOVERY)),
        show: |c| Some(time(c.run.settings.discovery_interval)),
    },
    Setting {
        key: "run.buffer",
        allowed: "a size from 1MiB to 1024GiB, such as 32MiB",
        set: |c, i| store(&mut c.run.settings.buffer_bytes, i.bytes(&BUFFER)),
        show: |c| Some(text(&show_bytes(c.run.settings.buffer_bytes))),
    },
    Setting {
        key: "run.commit_interval",
        allowed: "a duration from 10ms to 1m, such as 200ms",
        set: |c, i| store(&mut c.run.settings.commit_interval, i.duration(&COMMIT_INTERVAL)),
        show: |c| Some(time(c.run.settings.commit_interval)),
    },
    Setting {
        key: "run.drain_timeout",
        allowed: "a duration from 100ms to 60m, such as 30s",
        set: |c, i| store(&mut c.run.settings.drain_timeout, i.duration(&DRAIN_TIMEOUT)),
        show: |c| Some(time(c.run.settings.drain_timeout)),
    },
];
