//! `[decode]`: formats of keys and values, and the schema registry.

use std::{ops::RangeInclusive, time::Duration};

use kreplay_engine::decode::DecodeSettings;

use super::Setting;
use crate::config::{
    decode::{addresses, format, header_value, show_format, show_path, show_secret},
    scope,
    value::{directory, number, store, time},
};

const FORMATS: &str = "json, text, bytes, avro, protobuf, json-schema or registry";
const TOPICS: &str = "a list of PATTERN=FORMAT, such as orders.*=avro";
const PEM: &str = "the path of a PEM file";
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(300);
const RETRY_TIMEOUT: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(240);
const CACHED_SCHEMAS: RangeInclusive<u32> = 1..=1_000_000;

/// Mutable access to the decode settings of a configuration.
fn settings_mut(config: &mut crate::config::Config) -> &mut DecodeSettings {
    scope::rules(&mut config.run.scope).decoding.settings_mut()
}

/// The decode settings of a configuration.
fn settings(config: &crate::config::Config) -> &DecodeSettings {
    config.run.scope.rules.decoding.settings()
}

pub(super) const DECODE: &[Setting] = &[
    Setting {
        key: "decode.value",
        allowed: FORMATS,
        set: |c, i| store(&mut settings_mut(c).formats.value, format(i)),
        show: |c| show_format(settings(c).formats.value),
    },
    Setting {
        key: "decode.key",
        allowed: FORMATS,
        set: |c, i| store(&mut settings_mut(c).formats.key, format(i)),
        show: |c| show_format(settings(c).formats.key),
    },
    Setting {
        key: "decode.topics",
        allowed: TOPICS,
        set: |c, i| store(&mut settings_mut(c).topics, scope::list(i)),
        show: |c| scope::show_list(&settings(c).topics),
    },
    Setting {
        key: "decode.key_topics",
        allowed: TOPICS,
        set: |c, i| store(&mut settings_mut(c).key_topics, scope::list(i)),
        show: |c| scope::show_list(&settings(c).key_topics),
    },
    Setting {
        key: "decode.schema_registry",
        allowed: "a URL such as http://localhost:8081, or a list of URLs of one registry",
        set: |c, i| store(&mut settings_mut(c).registry, addresses(i)),
        show: |c| scope::show_list(&settings(c).registry),
    },
    Setting {
        key: "decode.username",
        allowed: "a string",
        set: |c, i| store(&mut settings_mut(c).username, header_value(i)),
        show: |c| show_secret(settings(c).username.as_ref()),
    },
    Setting {
        key: "decode.password",
        allowed: "a string, preferably a reference such as ${env:NAME}",
        set: |c, i| store(&mut settings_mut(c).password, header_value(i)),
        show: |c| show_secret(settings(c).password.as_ref()),
    },
    Setting {
        key: "decode.token",
        allowed: "a string, preferably a reference such as ${env:NAME}",
        set: |c, i| store(&mut settings_mut(c).token, header_value(i)),
        show: |c| show_secret(settings(c).token.as_ref()),
    },
    Setting {
        key: "decode.ca",
        allowed: PEM,
        set: |c, i| store(&mut settings_mut(c).ca, directory(i).map(Some)),
        show: |c| show_path(settings(c).ca.as_ref()),
    },
    Setting {
        key: "decode.certificate",
        allowed: PEM,
        set: |c, i| store(&mut settings_mut(c).certificate, directory(i).map(Some)),
        show: |c| show_path(settings(c).certificate.as_ref()),
    },
    Setting {
        key: "decode.private_key",
        allowed: PEM,
        set: |c, i| store(&mut settings_mut(c).private_key, directory(i).map(Some)),
        show: |c| show_path(settings(c).private_key.as_ref()),
    },
    Setting {
        key: "decode.timeout",
        allowed: "a duration from 100ms to 5m, such as 5s",
        set: |c, i| store(&mut settings_mut(c).timeout, i.duration(&TIMEOUT)),
        show: |c| Some(time(settings(c).timeout)),
    },
    Setting {
        key: "decode.patience",
        allowed: "a duration from 0 to 4m, such as 30s",
        set: |c, i| store(&mut settings_mut(c).patience, i.duration(&RETRY_TIMEOUT)),
        show: |c| Some(time(settings(c).patience)),
    },
    Setting {
        key: "decode.schemas",
        allowed: "a whole number from 1 to 1000000",
        set: |c, i| store(&mut settings_mut(c).schemas, i.within(&CACHED_SCHEMAS)),
        show: |c| Some(number(settings(c).schemas)),
    },
];
