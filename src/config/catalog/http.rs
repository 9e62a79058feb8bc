//! `[http]`: requests of the handler `http`.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use toml::Value;

use super::Setting;
use crate::config::{
    bytes::show_bytes,
    limits,
    value::{directory as file, headers, http_url, number, shown_list, store, text, time, word},
};

const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);
const BATCH: RangeInclusive<u32> = 1..=10_000;
const MAX_BODY: RangeInclusive<u64> = 1 << 10..=1 << 30;

fn path(path: Option<&PathBuf>) -> Option<Value> {
    path.map(|path| Value::from(path.display().to_string()))
}

pub(super) const HTTP: &[Setting] = &[
    Setting {
        key: "http.url",
        allowed: "a URL that begins with http:// or https://",
        set: |c, i| store(&mut c.run.handlers.http.url, i.secret().and_then(http_url).map(Some)),
        show: |c| c.run.handlers.http.url.as_ref().map(text),
    },
    Setting {
        key: "http.method",
        allowed: "POST, PUT or PATCH",
        set: |c, i| store(&mut c.run.handlers.http.method, word(i)),
        show: |c| Some(text(&c.run.handlers.http.method)),
    },
    Setting {
        key: "http.headers",
        allowed: "a list of `Name: value`",
        set: |c, i| store(&mut c.run.handlers.http.headers, i.secret_list().and_then(headers)),
        show: |c| shown_list(&c.run.handlers.http.headers),
    },
    Setting {
        key: "http.body",
        allowed: "record, value, array or ndjson",
        set: |c, i| store(&mut c.run.handlers.http.body, word(i)),
        show: |c| Some(text(&c.run.handlers.http.body)),
    },
    Setting {
        key: "http.record_headers",
        allowed: "a list of header names or patterns, such as trace-*; it may be empty",
        set: |c, i| store(&mut c.run.handlers.http.record_headers, limits::patterns(i)),
        show: |c| Some(limits::show_patterns(&c.run.handlers.http.record_headers)),
    },
    Setting {
        key: "http.batch",
        allowed: "a whole number from 1 to 10000",
        set: |c, i| store(&mut c.run.handlers.http.batch, i.within(&BATCH)),
        show: |c| Some(number(c.run.handlers.http.batch)),
    },
    Setting {
        key: "http.max_body",
        allowed: "a size from 1KiB to 1GiB, such as 1MiB",
        set: |c, i| store(&mut c.run.handlers.http.max_body, i.bytes(&MAX_BODY)),
        show: |c| Some(text(&show_bytes(c.run.handlers.http.max_body))),
    },
    Setting {
        key: "http.per_record",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.handlers.http.per_record, i.bool()),
        show: |c| Some(Value::from(c.run.handlers.http.per_record)),
    },
    Setting {
        key: "http.timeout",
        allowed: "a duration from 100ms to 10m",
        set: |c, i| store(&mut c.run.handlers.http.timeout, i.duration(&TIMEOUT)),
        show: |c| Some(time(c.run.handlers.http.timeout)),
    },
    Setting {
        key: "http.connect_timeout",
        allowed: "a duration from 100ms to 10m",
        set: |c, i| store(&mut c.run.handlers.http.connect_timeout, i.duration(&TIMEOUT)),
        show: |c| Some(time(c.run.handlers.http.connect_timeout)),
    },
    Setting {
        key: "http.on_denied",
        allowed: "stop, retry or give-up",
        set: |c, i| store(&mut c.run.handlers.http.on_denied, word(i)),
        show: |c| Some(text(&c.run.handlers.http.on_denied)),
    },
    Setting {
        key: "http.ca",
        allowed: "the path of a PEM file",
        set: |c, i| store(&mut c.run.handlers.http.ca, file(i).map(Some)),
        show: |c| path(c.run.handlers.http.ca.as_ref()),
    },
    Setting {
        key: "http.client_certificate",
        allowed: "the path of a PEM file",
        set: |c, i| store(&mut c.run.handlers.http.client_certificate, file(i).map(Some)),
        show: |c| path(c.run.handlers.http.client_certificate.as_ref()),
    },
    Setting {
        key: "http.client_key",
        allowed: "the path of a PEM file",
        set: |c, i| store(&mut c.run.handlers.http.client_key, file(i).map(Some)),
        show: |c| path(c.run.handlers.http.client_key.as_ref()),
    },
];
