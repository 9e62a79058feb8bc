//! The list of all settings: key, kind with its bounds, help, setter and formatter. File, environment, flags,
//! `config show` and `config schema` use it, and tests compare the example file with it.

mod demo;
mod handlers;
mod kafka;
mod metrics;
mod recording;
mod run;
mod selection;
mod serve;
mod table;
mod topics;
mod watch;

use std::time::Duration;

use toml::Value;

use super::{Config, codec, input::Input, kind::Kind};

/// A setting of the configuration.
pub(super) struct Setting {
    /// Table and name, separated by a dot.
    pub(super) key: &'static str,
    /// The kind of its value, with bounds.
    pub(super) kind: Kind,
    /// What it is for, in a sentence.
    pub(super) help: &'static str,
    /// Parses and stores a value, or returns the problem with it.
    set: fn(&mut Config, &Input, &Kind) -> Result<(), String>,
    /// The value as TOML; `None` if the setting has no value.
    pub(super) show: fn(&Config) -> Option<Value>,
}

impl Setting {
    /// Parses and stores a value, or returns the problem with it.
    pub(super) fn set(&self, config: &mut Config, input: &Input) -> Result<(), String> {
        (self.set)(config, input, &self.kind)
    }
}

const HANDLERS: &str = "null, simulate:TIME, simulate:uniform:SHORTEST:LONGEST, simulate:lognormal:MEDIAN:DEVIATION \
                        (each with ,fail=RATE or ,poison=RATE), ndjson, ndjson:FILE, ndjson:DIR/, csv:DIR, \
                        parquet:DIR, projection, projection:FILE, topic, topic:NAME, exec, exec:COMMAND, http or \
                        http:URL";
const KEYS: &str = "a list of patterns, such as order-*";
const TEMPLATE: &str = "text with {key}, {header.NAME}, {json.PATH} or {PATH}, such as team:{team_id}";
const GROUP: &str = "a group id of 1 to 255 printable characters";
const WORKERS: &[Kind] = &[Kind::Word(&["auto"]), Kind::Integer(1..=1000)];

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

/// The parts of the list, in display order.
const PARTS: [&[Setting]; 21] = [
    kafka::KAFKA,
    selection::SELECTION,
    run::LIMITS,
    run::HANDLING,
    run::FAILURES,
    run::RUN,
    run::JOURNAL,
    run::PLAN,
    kafka::DECODE,
    handlers::PROJECTION,
    topics::TOPICS,
    topics::TOPIC,
    handlers::EXEC,
    handlers::HTTP,
    handlers::EXPORT,
    watch::WATCH,
    metrics::METRICS,
    recording::RECORDING,
    serve::SERVE,
    demo::CONSOLE,
    demo::DEMO,
];

/// All settings, in display order.
pub(super) fn settings() -> impl Iterator<Item = &'static Setting> {
    PARTS.into_iter().flatten()
}

/// Pairs of settings that exclude each other. One from a later source replaces the other; one source must not set both.
pub(super) const EXCLUSIVE: [(&str, &str); 3] =
    [("run.topics", "run.topics_regex"), ("run.from", "run.last"), ("demo.work", "demo.handler")];

/// The setting with a key.
pub(super) fn setting(key: &str) -> Option<&'static Setting> {
    settings().find(|setting| setting.key == key)
}

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
            let input = match setting.kind.secret() {
                Some(format) => resolve_input(&input, format, &Environment::default()).unwrap(),
                None => input,
            };
            let mut again = Config::default();
            setting.set(&mut again, &input).unwrap_or_else(|error| panic!("{}: {error}", setting.key));
            assert_eq!((setting.show)(&again), Some(shown), "{}", setting.key);
        }
    }

    /// Whether a setting accepts a value, as given in a file.
    fn accepts(setting: &Setting, input: &Input) -> bool {
        setting.set(&mut Config::default(), input).is_ok()
    }

    #[test]
    fn bounds_and_words_of_kinds_are_those_of_the_settings() {
        let alternatives = |setting: &'static Setting| match &setting.kind {
            Kind::Either(kinds) => kinds.iter().collect(),
            Kind::Described(kind, _) => vec![*kind],
            kind => vec![kind],
        };
        for (setting, kind) in settings().flat_map(|it| alternatives(it).into_iter().map(move |kind| (it, kind))) {
            let key = setting.key;
            match kind {
                Kind::Integer(range) => {
                    let accepts = |number: u64| accepts(setting, &Input::Integer(i128::from(number)));
                    assert!(accepts(*range.start()) && accepts(*range.end()) && !accepts(range.end() + 1), "{key}");
                    assert!(*range.start() == 0 || !accepts(range.start() - 1), "{key}");
                }
                Kind::Duration(range, _) => {
                    let accepts = |time: Duration| accepts(setting, &Input::Text(format!("{}ms", time.as_millis())));
                    let millisecond = millis(1);
                    assert!(accepts(*range.start()) && accepts(*range.end()), "{key}");
                    assert!(!accepts(*range.end() + millisecond), "{key}");
                    assert!(range.start().checked_sub(millisecond).is_none_or(|time| !accepts(time)), "{key}");
                }
                Kind::Bytes(range, _) => {
                    let accepts = |bytes: u64| accepts(setting, &Input::Text(format!("{bytes}B")));
                    assert!(accepts(*range.start()) && accepts(*range.end()), "{key}");
                    assert!(!accepts(range.start() - 1) && !accepts(range.end() + 1), "{key}");
                }
                Kind::Word(words) => {
                    for word in *words {
                        assert!(accepts(setting, &Input::Text((*word).into())), "{key}: {word}");
                    }
                    assert!(!accepts(setting, &Input::Text("no-such-word".into())), "{key}");
                }
                _ => {}
            }
        }
    }

    #[test]
    fn each_setting_has_help() {
        for setting in settings() {
            assert!(setting.help.starts_with(' ') && setting.help.ends_with('.'), "{}: {}", setting.key, setting.help);
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
            "watch",
            "metrics",
            "recording",
            "serve",
            "console",
            "demo",
        ];
        assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len(), "no duplicates");
    }
}
