//! `[projection]`: SQL read models.

use std::{ops::RangeInclusive, time::Duration};

use toml::Value;

use super::Setting;
use crate::config::value::{schema, store, time};

const RECONNECT: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(600);

pub(super) const PROJECTION: &[Setting] = &[
    Setting {
        key: "projection.schema",
        allowed: "the name of a schema, of 1 to 63 bytes",
        set: |c, i| store(&mut c.run.settings.handlers.projection.schema, schema(i).map(Some)),
        show: |c| c.run.settings.handlers.projection.schema.clone().map(Value::from),
    },
    Setting {
        key: "projection.reconnect_timeout",
        allowed: "a time from 0 to 10m",
        set: |c, i| store(&mut c.run.settings.handlers.projection.reconnect_timeout, i.duration(&RECONNECT)),
        show: |c| Some(time(c.run.settings.handlers.projection.reconnect_timeout)),
    },
    Setting {
        key: "projection.shadow",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.settings.handlers.projection.shadow, i.bool()),
        show: |c| Some(Value::Boolean(c.run.settings.handlers.projection.shadow)),
    },
    Setting {
        key: "projection.keep_old",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.settings.handlers.projection.keep_old, i.bool()),
        show: |c| Some(Value::Boolean(c.run.settings.handlers.projection.keep_old)),
    },
];
