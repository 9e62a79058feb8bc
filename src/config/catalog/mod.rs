//! The list of all settings: key, allowed values, setter and formatter. File, environment, flags and `config show` use
//! it, and tests compare the example file with it.

mod console;
mod decode;
mod demo;
mod exec;
mod export;
mod failures;
mod handling;
mod http;
mod journal;
mod kafka;
mod limits;
mod plan;
mod projection;
mod run;
mod selection;
mod topic;
mod topics;

use std::{ops::RangeInclusive, time::Duration};

use kreplay_model::domain::SecretFormat;
use toml::Value;

use super::{Config, input::Input};

/// A setting of the configuration.
pub(super) struct Setting {
    /// Table and name, separated by a dot.
    pub(super) key: &'static str,
    /// The allowed values, for error messages.
    pub(super) allowed: &'static str,
    /// Parses and stores a value, or returns the problem with it.
    pub(super) set: fn(&mut Config, &Input) -> Result<(), String>,
    /// The value as TOML; `None` if the setting has no value.
    pub(super) show: fn(&Config) -> Option<Value>,
}

const WORK: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3600);
const HANDLERS: &str = "null, simulate:TIME, simulate:uniform:SHORTEST:LONGEST, simulate:lognormal:MEDIAN:DEVIATION \
                        (each with ,fail=RATE or ,poison=RATE), ndjson, ndjson:FILE, ndjson:DIR/, csv:DIR, \
                        parquet:DIR, projection, projection:FILE, topic, topic:NAME, exec, exec:COMMAND, http or \
                        http:URL";
const KEYS: &str = "a list of patterns, such as order-*";
const TEMPLATE: &str = "text with {key}, {header.NAME}, {json.PATH} or {PATH}, such as team:{team_id}";

/// The parts of the list, in display order.
const PARTS: [&[Setting]; 17] = [
    kafka::KAFKA,
    selection::SELECTION,
    limits::LIMITS,
    handling::HANDLING,
    failures::FAILURES,
    run::RUN,
    journal::JOURNAL,
    plan::PLAN,
    decode::DECODE,
    projection::PROJECTION,
    topics::TOPICS,
    topic::TOPIC,
    exec::EXEC,
    http::HTTP,
    export::EXPORT,
    console::CONSOLE,
    demo::DEMO,
];

/// All settings, in display order.
pub(super) fn settings() -> impl Iterator<Item = &'static Setting> {
    PARTS.into_iter().flatten()
}

/// Pairs of settings that exclude each other. One from a later source replaces the other; one source must not set both.
pub(super) const EXCLUSIVE: [(&str, &str); 3] =
    [("run.topics", "run.topics_regex"), ("run.from", "run.last"), ("demo.work", "demo.handler")];

/// Settings whose values may be or contain secrets, with their format. References (`${env:NAME}`, `${file:PATH}`) are
/// resolved in them, and they are shown masked. Their setters use [`Input::secret`] or [`Input::secret_list`].
pub(super) const SECRETS: &[(&str, SecretFormat)] = &[
    ("decode.schema_registry", SecretFormat::Address),
    ("decode.username", SecretFormat::Secret),
    ("decode.password", SecretFormat::Secret),
    ("decode.token", SecretFormat::Secret),
    ("projection.target", SecretFormat::Address),
    ("exec.environment", SecretFormat::Variable),
    ("http.url", SecretFormat::Address),
    ("http.headers", SecretFormat::Header),
    ("topic.properties", SecretFormat::Variable),
];

/// Settings that are paths, or have one after `sqlite:`. They are stored as absolute paths, because a run may be
/// resumed in another directory.
pub(super) const PATHS: &[&str] = &[
    "decode.ca",
    "decode.certificate",
    "decode.private_key",
    "projection.target",
    "projection.definition",
    "exec.directory",
    "http.ca",
    "http.client_certificate",
    "http.client_key",
];

/// The names of the tables, without duplicates.
pub(super) fn tables() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    settings().filter_map(move |setting| {
        let table = setting.key.split('.').next().unwrap_or_default();
        (std::mem::replace(&mut last, table) != table).then_some(table)
    })
}

/// The most similar key: one within a few typing errors, otherwise the same name in another table.
pub(super) fn suggest(key: &str) -> Option<&'static str> {
    let last = |key: &'static str| key.split_once('.').map_or(key, |(_, rest)| rest);
    let name = key.split_once('.').map_or(key, |(_, rest)| rest);
    let keys = || settings().map(|setting| setting.key);
    let is_similar = |candidate: &&str| strsim::damerau_levenshtein(key, candidate) <= 1.max(key.len() / 6);
    keys()
        .filter(is_similar)
        .min_by_key(|candidate| strsim::damerau_levenshtein(key, candidate))
        .or_else(|| keys().find(|candidate| last(candidate) == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, reference::resolve_input};

    #[test]
    fn shown_values_can_be_parsed_again() {
        let config = Config::default();
        for setting in settings() {
            let Some(shown) = (setting.show)(&config) else { continue };
            let input = match &shown {
                Value::String(text) => Input::Text(text.clone()),
                Value::Integer(number) => Input::Integer(i128::from(*number)),
                Value::Boolean(value) => Input::Bool(*value),
                Value::Float(number) => Input::Float(number.to_string()),
                Value::Array(items) => Input::List(items.iter().map(|item| item.as_str().unwrap().into()).collect()),
                other => panic!("{other}"),
            };
            let input = match SECRETS.iter().find(|(key, _)| *key == setting.key) {
                Some((_, format)) => resolve_input(&input, *format, &Environment::default()).unwrap(),
                None => input,
            };
            let mut again = Config::default();
            (setting.set)(&mut again, &input).unwrap_or_else(|error| panic!("{}: {error}", setting.key));
            assert_eq!((setting.show)(&again), Some(shown), "{}", setting.key);
        }
    }

    #[test]
    fn typing_errors_and_wrong_tables_are_recognised() {
        assert_eq!(suggest("run.concurency"), Some("run.concurrency"));
        assert_eq!(suggest("run.topic_regex"), Some("run.topics_regex"));
        assert_eq!(suggest("batch"), Some("run.batch"));
        assert_eq!(suggest("kafka.theme"), Some("console.theme"));
        assert_eq!(suggest("run.nothing_like_it"), None);
        let names: Vec<_> = tables().collect();
        let known = [
            "kafka",
            "run",
            "plan",
            "decode",
            "projection",
            "topics",
            "topic",
            "exec",
            "http",
            "export",
            "console",
            "demo",
        ];
        assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len(), "no duplicates");
    }
}
