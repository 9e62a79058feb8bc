//! `[decode]`: how keys and values are decoded.

use std::{ops::RangeInclusive, time::Duration};

use super::Setting;
use crate::{
    config::{
        decode::{addresses, format, line, show, show_format, show_path},
        scope,
        value::{directory, number, store, time},
    },
    decode::DecodeSettings,
};

const FORMATS: &str = "json, text, bytes, avro, protobuf, json-schema or registry";
const TOPICS: &str = "a list of TOPIC=FORMAT, such as orders.*=avro";
const PEM: &str = "the path of a PEM file";
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(300);
const PATIENCE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(240);
const SCHEMAS: RangeInclusive<u32> = 1..=1_000_000;

/// The settings of a configuration, to be changed.
fn of(config: &mut crate::config::Config) -> &mut DecodeSettings {
    scope::rules(&mut config.run.scope).decoding.settings_mut()
}

/// The settings of a configuration.
fn in_(config: &crate::config::Config) -> &DecodeSettings {
    config.run.scope.rules.decoding.settings()
}

pub(super) const DECODE: &[Setting] = &[
    Setting {
        key: "decode.value",
        allowed: FORMATS,
        set: |c, i| store(&mut of(c).formats.value, format(i)),
        show: |c| show_format(in_(c).formats.value),
    },
    Setting {
        key: "decode.key",
        allowed: FORMATS,
        set: |c, i| store(&mut of(c).formats.key, format(i)),
        show: |c| show_format(in_(c).formats.key),
    },
    Setting {
        key: "decode.topics",
        allowed: TOPICS,
        set: |c, i| store(&mut of(c).topics, scope::list(i)),
        show: |c| scope::show_list(&in_(c).topics),
    },
    Setting {
        key: "decode.key_topics",
        allowed: TOPICS,
        set: |c, i| store(&mut of(c).key_topics, scope::list(i)),
        show: |c| scope::show_list(&in_(c).key_topics),
    },
    Setting {
        key: "decode.schema_registry",
        allowed: "a URL such as http://localhost:8081, or a list of URLs of one registry",
        set: |c, i| store(&mut of(c).registry, addresses(i)),
        show: |c| scope::show_list(&in_(c).registry),
    },
    Setting {
        key: "decode.username",
        allowed: "a string",
        set: |c, i| store(&mut of(c).username, line(i)),
        show: |c| show(in_(c).username.as_ref()),
    },
    Setting {
        key: "decode.password",
        allowed: "a string, best a reference such as ${env:NAME}",
        set: |c, i| store(&mut of(c).password, line(i)),
        show: |c| show(in_(c).password.as_ref()),
    },
    Setting {
        key: "decode.token",
        allowed: "a string, best a reference such as ${env:NAME}",
        set: |c, i| store(&mut of(c).token, line(i)),
        show: |c| show(in_(c).token.as_ref()),
    },
    Setting {
        key: "decode.ca",
        allowed: PEM,
        set: |c, i| store(&mut of(c).ca, directory(i).map(Some)),
        show: |c| show_path(in_(c).ca.as_ref()),
    },
    Setting {
        key: "decode.certificate",
        allowed: PEM,
        set: |c, i| store(&mut of(c).certificate, directory(i).map(Some)),
        show: |c| show_path(in_(c).certificate.as_ref()),
    },
    Setting {
        key: "decode.private_key",
        allowed: PEM,
        set: |c, i| store(&mut of(c).private_key, directory(i).map(Some)),
        show: |c| show_path(in_(c).private_key.as_ref()),
    },
    Setting {
        key: "decode.timeout",
        allowed: "a time from 100ms to 5m, such as 5s",
        set: |c, i| store(&mut of(c).timeout, i.duration(&TIMEOUT)),
        show: |c| Some(time(in_(c).timeout)),
    },
    Setting {
        key: "decode.patience",
        allowed: "a time from 0 to 4m, such as 30s",
        set: |c, i| store(&mut of(c).patience, i.duration(&PATIENCE)),
        show: |c| Some(time(in_(c).patience)),
    },
    Setting {
        key: "decode.schemas",
        allowed: "a whole number from 1 to 1000000",
        set: |c, i| store(&mut of(c).schemas, i.within(&SCHEMAS)),
        show: |c| Some(number(in_(c).schemas)),
    },
];
