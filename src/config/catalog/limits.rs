//! `[run]`: concurrency, rate, lag guard and barriers.

use std::sync::Arc;

use toml::Value;

use super::Setting;
use crate::config::{
    limits,
    value::{group, number, store, text},
};

pub(super) const LIMITS: &[Setting] = &[
    Setting {
        key: "run.concurrency",
        allowed: "auto, or a whole number from 1 to 1000",
        set: |c, i| {
            (c.run.settings.concurrency, c.run.settings.adaptive) = limits::concurrency(i)?;
            Ok(())
        },
        show: |c| Some(limits::show_concurrency(c.run.settings.concurrency, c.run.settings.adaptive)),
    },
    Setting {
        key: "run.max_concurrency",
        allowed: "a whole number from 1 to 1000",
        set: |c, i| store(&mut c.run.settings.max_concurrency, i.bounded()),
        show: |c| Some(number(c.run.settings.max_concurrency.get())),
    },
    Setting {
        key: "run.single_threaded",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.settings.single_threaded, i.bool()),
        show: |c| Some(Value::from(c.run.settings.single_threaded)),
    },
    Setting {
        key: "run.rate",
        allowed: "a rate in records or bytes, such as 5000/s, 20k/s, 500KB/s or 10MiB/s, or off",
        set: |c, i| store(&mut c.run.settings.rate, limits::rate(i)),
        show: |c| c.run.settings.rate.map(|rate| text(&rate)),
    },
    Setting {
        key: "run.protect_group",
        allowed: "a group id of 1 to 255 printable characters",
        set: |c, i| store(&mut c.run.settings.protect_group, group(i).map(Some)),
        show: |c| c.run.settings.protect_group.clone().map(Value::from),
    },
    Setting {
        key: "run.protect_topics",
        allowed: "a list of topic names or patterns, such as orders.*",
        set: |c, i| store(&mut c.run.settings.protect_topics, limits::patterns(i)),
        show: |c| limits::show_topics(&c.run.settings.protect_topics),
    },
    Setting {
        key: "run.max_lag",
        allowed: "a whole number of records, 0 or more",
        set: |c, i| store(&mut c.run.settings.max_lag, limits::lag(i).map(Some)),
        show: |c| c.run.settings.max_lag.map(limits::show_lag),
    },
    Setting {
        key: "run.barriers",
        allowed: "a list of rules: key=PATTERN, header.NAME=VALUE, json.PATH=VALUE or type=PATTERN",
        set: |c, i| store(&mut Arc::make_mut(&mut c.run.scope.rules).barriers, limits::rules(i)),
        show: |c| limits::show_rules(&c.run.scope.rules.barriers),
    },
];
