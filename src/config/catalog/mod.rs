//! Every setting: its key, what is allowed, how it is set and shown. File, environment, flags, `config show` and the
//! example file all go by this list.

mod console;
mod course;
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
mod selection;
mod topic;
mod topics;

use std::{ops::RangeInclusive, time::Duration};

use toml::Value;

use super::{Config, input::Input};
use crate::domain::Form;

/// A setting.
pub(super) struct Setting {
    /// Table and name, with dots.
    pub(super) key: &'static str,
    /// What may stand there.
    pub(super) allowed: &'static str,
    /// Puts a value in its place, or says what is wrong with it.
    pub(super) set: fn(&mut Config, &Input) -> Result<(), String>,
    /// The value as it would be written in a file; `None` where there is none.
    pub(super) show: fn(&Config) -> Option<Value>,
}

const WORK: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3600);
const HANDLERS: &str = "null, simulate:TIME, simulate:uniform:SHORTEST:LONGEST, simulate:lognormal:MEDIAN:DEVIATION \
                        (each with ,fail=RATE or ,poison=RATE), ndjson, ndjson:FILE, ndjson:DIR/, csv:DIR or parquet:DIR";
const KEYS: &str = "a list of patterns such as order-*";
const TEMPLATE: &str = "text with {key}, {header.NAME}, {json.PATH} or {PATH} in it, such as team:{team_id}";

/// The parts of the list, in the order in which they are shown.
const PARTS: [&[Setting]; 17] = [
    kafka::KAFKA,
    selection::SELECTION,
    limits::LIMITS,
    handling::HANDLING,
    failures::FAILURES,
    course::COURSE,
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

/// All settings, in that order.
pub(super) fn settings() -> impl Iterator<Item = &'static Setting> {
    PARTS.into_iter().flatten()
}

/// Settings that say the same thing in two ways: the later one replaces the other, and one place may give one of them.
pub(super) const EITHER: [(&str, &str); 3] =
    [("run.topics", "run.topics_regex"), ("run.from", "run.last"), ("demo.work", "demo.handler")];

/// Settings whose values may be secrets or hold some: `${env:NAME}` and `${file:PATH}` are resolved in them, and they are
/// shown masked, in the form that is said here. They are set by [`Input::masked`] or [`Input::masked_list`].
pub(super) const SECRETS: &[(&str, Form)] = &[
    ("decode.schema_registry", Form::Address),
    ("decode.username", Form::Secret),
    ("decode.password", Form::Secret),
    ("decode.token", Form::Secret),
    ("projection.target", Form::Address),
    ("exec.environment", Form::Variable),
    ("http.url", Form::Address),
    ("http.headers", Form::Header),
];

/// Settings that are paths, or have one behind `sqlite:`: a run that goes on in another directory means the same files.
pub(super) const PATHS: &[&str] =
    &["decode.ca", "decode.certificate", "decode.private_key", "projection.target", "projection.definition"];

/// The tables, each once.
pub(super) fn tables() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    settings().filter_map(move |setting| {
        let table = setting.key.split('.').next().unwrap_or_default();
        (std::mem::replace(&mut last, table) != table).then_some(table)
    })
}

/// The key that somebody may have meant: the same name in another table, or one that differs by a slip of the finger.
pub(super) fn suggest(key: &str) -> Option<&'static str> {
    let last = |key: &'static str| key.split_once('.').map_or(key, |(_, rest)| rest);
    let name = key.split_once('.').map_or(key, |(_, rest)| rest);
    let keys = || settings().map(|setting| setting.key);
    let near = |candidate: &&str| strsim::damerau_levenshtein(key, candidate) <= 1.max(key.len() / 6);
    keys()
        .filter(near)
        .min_by_key(|candidate| strsim::damerau_levenshtein(key, candidate))
        .or_else(|| keys().find(|candidate| last(candidate) == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, reference::resolve_input};

    #[test]
    fn what_is_shown_can_be_read_again() {
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
                Some((_, form)) => resolve_input(&input, *form, &Environment::default()).unwrap(),
                None => input,
            };
            let mut again = Config::default();
            (setting.set)(&mut again, &input).unwrap_or_else(|error| panic!("{}: {error}", setting.key));
            assert_eq!((setting.show)(&again), Some(shown), "{}", setting.key);
        }
    }

    #[test]
    fn slips_and_wrong_tables_are_recognised() {
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
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len(), "each once");
    }
}
