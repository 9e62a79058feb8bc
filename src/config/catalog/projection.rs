//! `[projection]`: SQL read models of the handler `projection`.

use std::{ops::RangeInclusive, time::Duration};

use kreplay_model::domain::Secret;
use toml::Value;

use super::Setting;
use crate::config::value::{directory, projection_target, schema, store, text, time, word};

const BUSY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(600);
const RECONNECT: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(600);

pub(super) const PROJECTION: &[Setting] = &[
    Setting {
        key: "projection.target",
        allowed: "sqlite:FILE, or postgres://USER@HOST/DATABASE",
        set: |c, i| store(&mut c.run.handlers.projection.target, i.secret().and_then(projection_target).map(Some)),
        show: |c| c.run.handlers.projection.target.as_ref().map(|target| text(&Secret::shown(target))),
    },
    Setting {
        key: "projection.definition",
        allowed: "the path of a projection definition",
        set: |c, i| store(&mut c.run.handlers.projection.definition, directory(i).map(Some)),
        show: |c| c.run.handlers.projection.definition.as_ref().map(|path| text(&path.display())),
    },
    Setting {
        key: "projection.durability",
        allowed: "process or power",
        set: |c, i| store(&mut c.run.handlers.projection.durability, word(i)),
        show: |c| Some(text(&c.run.handlers.projection.durability)),
    },
    Setting {
        key: "projection.busy_timeout",
        allowed: "a duration from 0 to 10m, such as 5s",
        set: |c, i| store(&mut c.run.handlers.projection.busy_timeout, i.duration(&BUSY)),
        show: |c| Some(time(c.run.handlers.projection.busy_timeout)),
    },
    Setting {
        key: "projection.schema",
        allowed: "a schema name of 1 to 63 bytes that does not begin with pg_",
        set: |c, i| store(&mut c.run.handlers.projection.schema, schema(i).map(Some)),
        show: |c| c.run.handlers.projection.schema.clone().map(Value::from),
    },
    Setting {
        key: "projection.reconnect_timeout",
        allowed: "a duration from 0 to 10m",
        set: |c, i| store(&mut c.run.handlers.projection.reconnect_timeout, i.duration(&RECONNECT)),
        show: |c| Some(time(c.run.handlers.projection.reconnect_timeout)),
    },
    Setting {
        key: "projection.shadow",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.handlers.projection.shadow, i.bool()),
        show: |c| Some(Value::Boolean(c.run.handlers.projection.shadow)),
    },
    Setting {
        key: "projection.keep_old",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.handlers.projection.keep_old, i.bool()),
        show: |c| Some(Value::Boolean(c.run.handlers.projection.keep_old)),
    },
];
