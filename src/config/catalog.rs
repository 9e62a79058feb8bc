//! Every setting: its key, what is allowed, how it is set and shown. File, environment, flags, `config show` and the
//! example file all go by this list.

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use toml::Value;

use super::{
    Config,
    bytes::show_bytes,
    input::Input,
    limits,
    model::takes,
    scope, selection,
    value::{bootstrap, directory, group, handler, number, part, store, text, theme, time, topic_template, word},
};
use crate::handler::{HandlerSpec, Simulate, WorkTime};

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

const COMMIT_INTERVAL: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);
const DRAIN_TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
const FIRST_DELAY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(300);
const MAX_DELAY: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);
const PROGRESS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3600);
const DISCOVERY: RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(3600);
const WORK: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3600);
const BUFFER: RangeInclusive<u64> = 1 << 20..=1 << 40;
const QUARANTINE: RangeInclusive<u64> = 1 << 16..=1 << 40;
const ATTEMPTS: RangeInclusive<u32> = 0..=1000;
const KEEP: RangeInclusive<u32> = 0..=100_000;
const FETCH_BATCH: RangeInclusive<u32> = 1..=100_000;
const FETCH_CLIENTS: RangeInclusive<u32> = 1..=64;
const SAMPLE: RangeInclusive<u32> = 1000..=10_000_000;
const SAMPLE_TIME: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);
const HANDLERS: &str = "null, simulate:TIME, simulate:uniform:SHORTEST:LONGEST, simulate:lognormal:MEDIAN:DEVIATION \
                        (each with ,fail=RATE or ,poison=RATE), ndjson or ndjson:FILE";

const FROM: &str = "earliest, latest, committed, committed:GROUP, last:NUMBER, an offset, a time such as 2026-01-31T10:00 (UTC) or 2026-01-31T10:00:00+01:00, or \
                    -DURATION such as -2h";
const TO: &str = "latest, never, committed, committed:GROUP, an offset, a time such as 2026-01-31T10:00 (UTC) or 2026-01-31T10:00:00+01:00, or -DURATION such as -2h";
const KEYS: &str = "a list of patterns such as order-*";
const TEMPLATE: &str = "text with {key}, {header.NAME}, {json.PATH} or {PATH} in it, such as team:{team_id}";

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        key: "kafka.bootstrap_servers",
        allowed: "HOST:PORT, several with commas",
        set: |c, i| store(&mut c.kafka.bootstrap_servers, bootstrap(i).map(Some)),
        show: |c| c.kafka.bootstrap_shown.clone().map(Value::from),
    },
    Setting {
        key: "run.topics",
        allowed: "a list of topic names; a name has 1 to 249 letters, digits, `.`, `_` and `-`",
        set: |c, i| store(&mut c.run.topics, selection::topics(i).map(Some)),
        show: |c| selection::show_topics(c.run.topics.as_ref()),
    },
    Setting {
        key: "run.topics_regex",
        allowed: r"a regular expression that matches whole names, such as vc\..*\.events",
        set: |c, i| store(&mut c.run.topics, selection::regex(i).map(Some)),
        show: |c| selection::show_regex(c.run.topics.as_ref()),
    },
    Setting {
        key: "run.from",
        allowed: FROM,
        set: |c, i| store(&mut c.run.scope.range.from, scope::parsed(i)),
        show: |c| (!c.gives("run.last")).then(|| text(&c.run.scope.range.from)),
    },
    Setting {
        key: "run.last",
        allowed: "a whole number, 0 or more",
        set: |c, i| store(&mut c.run.scope.range.from, scope::last(i)),
        show: |c| if c.gives("run.last") { scope::show_last(&c.run.scope) } else { None },
    },
    Setting {
        key: "run.to",
        allowed: TO,
        set: |c, i| store(&mut c.run.scope.range.to, scope::parsed(i)),
        show: |c| Some(text(&c.run.scope.range.to)),
    },
    Setting {
        key: "run.partitions",
        allowed: "a list of TOPIC:PARTITION=FROM..TO; FROM or TO may be left out, and TOPIC: for every topic",
        set: |c, i| store(&mut c.run.scope.range.overrides, scope::list(i)),
        show: |c| scope::show_list(&c.run.scope.range.overrides),
    },
    Setting {
        key: "run.keys",
        allowed: KEYS,
        set: |c, i| store(&mut scope::rules(&mut c.run.scope).filter.keys, scope::list(i)),
        show: |c| scope::show_list(&c.run.scope.rules.filter.keys),
    },
    Setting {
        key: "run.keys_from",
        allowed: "the path of a text file with a key on each line",
        set: |c, i| scope::set_keys_from(&mut c.run.scope, &mut c.run.keys_from, i),
        show: |c| c.run.keys_from.clone().map(Value::from),
    },
    Setting {
        key: "run.headers",
        allowed: "a list of NAME=VALUE",
        set: |c, i| store(&mut scope::rules(&mut c.run.scope).filter.headers, scope::list(i)),
        show: |c| scope::show_list(&c.run.scope.rules.filter.headers),
    },
    Setting {
        key: "run.json",
        allowed: "a list of PATH=VALUE; a PATH is such as team.id or items[0].id",
        set: |c, i| store(&mut scope::rules(&mut c.run.scope).filter.json, scope::list(i)),
        show: |c| scope::show_list(&c.run.scope.rules.filter.json),
    },
    Setting {
        key: "run.event_types",
        allowed: "a list of patterns such as Order*",
        set: |c, i| store(&mut scope::rules(&mut c.run.scope).filter.event_types, scope::list(i)),
        show: |c| scope::show_list(&c.run.scope.rules.filter.event_types),
    },
    Setting {
        key: "run.event_type_field",
        allowed: "a list of key, header.NAME or json.PATH; the first that a record has counts",
        set: |c, i| store(&mut scope::rules(&mut c.run.scope).event_type, scope::fields(i)),
        show: |c| scope::show_list(&c.run.scope.rules.event_type),
    },
    Setting {
        key: "run.key_template",
        allowed: TEMPLATE,
        set: |c, i| store(&mut scope::rules(&mut c.run.scope).template, scope::parsed(i).map(Some)),
        show: |c| c.run.scope.rules.template.as_ref().map(text),
    },
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
        key: "run.max_lag",
        allowed: "a whole number of records from 0 on",
        set: |c, i| store(&mut c.run.settings.max_lag, limits::lag(i).map(Some)),
        show: |c| c.run.settings.max_lag.map(limits::show_lag),
    },
    Setting {
        key: "run.barriers",
        allowed: "a list of rules: key=PATTERN, header.NAME=VALUE, json.PATH=VALUE or type=PATTERN",
        set: |c, i| store(&mut Arc::make_mut(&mut c.run.scope.rules).barriers, limits::rules(i)),
        show: |c| limits::show_rules(&c.run.scope.rules.barriers),
    },
    Setting {
        key: "run.ordering",
        allowed: "key, partition or none",
        set: |c, i| store(&mut c.run.settings.ordering, word(i)),
        show: |c| Some(text(&c.run.settings.ordering)),
    },
    Setting {
        key: "run.batch",
        allowed: "a whole number from 1 to 100000",
        set: |c, i| store(&mut c.run.settings.batch, i.bounded()),
        show: |c| Some(number(c.run.settings.batch.get())),
    },
    Setting {
        key: "run.tier",
        allowed: "stream, standard, buffered or dedicated",
        set: |c, i| store(&mut c.run.settings.tier, word(i)),
        show: |c| Some(text(&c.run.settings.tier)),
    },
    Setting {
        key: "run.fetch_batch",
        allowed: "a whole number from 1 to 100000",
        set: |c, i| store(&mut c.run.settings.fetch_batch, i.within(&FETCH_BATCH)),
        show: |c| Some(number(c.run.settings.fetch_batch)),
    },
    Setting {
        key: "run.fetch_clients",
        allowed: "a whole number from 1 to 64",
        set: |c, i| store(&mut c.run.settings.fetch_clients, i.within(&FETCH_CLIENTS).map(Some)),
        show: |c| c.run.settings.fetch_clients.map(number),
    },
    Setting {
        key: "run.handler",
        allowed: HANDLERS,
        set: |c, i| store(&mut c.run.settings.handler, handler(i)),
        show: |c| Some(text(&c.run.settings.handler)),
    },
    Setting {
        key: "run.group",
        allowed: "a group id of 1 to 255 printable characters",
        set: |c, i| store(&mut c.run.settings.group, group(i).map(Some)),
        show: |c| c.run.settings.group.clone().map(Value::from),
    },
    Setting {
        key: "run.group_protocol",
        allowed: "auto, consumer or classic",
        set: |c, i| store(&mut c.run.group_protocol, word(i)),
        show: |c| Some(text(&c.run.group_protocol)),
    },
    Setting {
        key: "run.retry.attempts",
        allowed: "a whole number from 0 to 1000",
        set: |c, i| store(&mut c.run.settings.retry.attempts, i.within(&ATTEMPTS)),
        show: |c| Some(number(c.run.settings.retry.attempts)),
    },
    Setting {
        key: "run.retry.first_delay",
        allowed: "a time from 0 to 5m, such as 500ms or 1s",
        set: |c, i| store(&mut c.run.settings.retry.first_delay, i.duration(&FIRST_DELAY)),
        show: |c| Some(time(c.run.settings.retry.first_delay)),
    },
    Setting {
        key: "run.retry.max_delay",
        allowed: "a time from 1ms to 60m, such as 5m",
        set: |c, i| store(&mut c.run.settings.retry.max_delay, i.duration(&MAX_DELAY)),
        show: |c| Some(time(c.run.settings.retry.max_delay)),
    },
    Setting {
        key: "run.retry.jitter",
        allowed: "a number from 0 to 1",
        set: |c, i| store(&mut c.run.settings.retry.jitter, part(i)),
        show: |c| Some(Value::from(c.run.settings.retry.jitter)),
    },
    Setting {
        key: "run.on_failure",
        allowed: "fail, skip, pause or dead-letter",
        set: |c, i| store(&mut c.run.settings.on_failure, word(i)),
        show: |c| Some(text(&c.run.settings.on_failure)),
    },
    Setting {
        key: "run.dead_letter.topic",
        allowed: "a topic's name, with {topic} for the record's own, such as {topic}.dlq",
        set: |c, i| store(&mut c.run.settings.dead_letter.topic, topic_template(i)),
        show: |c| Some(text(&c.run.settings.dead_letter.topic)),
    },
    Setting {
        key: "run.dead_letter.create",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.settings.dead_letter.create, i.bool()),
        show: |c| Some(Value::from(c.run.settings.dead_letter.create)),
    },
    Setting {
        key: "run.quarantine",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.settings.quarantine, i.bool()),
        show: |c| Some(Value::from(c.run.settings.quarantine)),
    },
    Setting {
        key: "run.quarantine_buffer",
        allowed: "a size from 64KiB to 1024GiB, such as 8MiB",
        set: |c, i| store(&mut c.run.settings.quarantine_bytes, i.bytes(&QUARANTINE)),
        show: |c| Some(text(&show_bytes(c.run.settings.quarantine_bytes))),
    },
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
        allowed: "a time from 500ms to 60m, such as 5s",
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
        allowed: "a time from 10ms to 1m, such as 200ms",
        set: |c, i| store(&mut c.run.settings.commit_interval, i.duration(&COMMIT_INTERVAL)),
        show: |c| Some(time(c.run.settings.commit_interval)),
    },
    Setting {
        key: "run.drain_timeout",
        allowed: "a time from 100ms to 60m, such as 30s",
        set: |c, i| store(&mut c.run.settings.drain_timeout, i.duration(&DRAIN_TIMEOUT)),
        show: |c| Some(time(c.run.settings.drain_timeout)),
    },
    Setting {
        key: "run.journal",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.journal.enabled, i.bool()),
        show: |c| Some(Value::from(c.run.journal.enabled)),
    },
    Setting {
        key: "run.journal_keep",
        allowed: "a whole number from 0 to 100000",
        set: |c, i| store(&mut c.run.journal.keep, i.within(&KEEP)),
        show: |c| Some(number(c.run.journal.keep)),
    },
    Setting {
        key: "run.state_dir",
        allowed: "the path of a directory",
        set: |c, i| store(&mut c.run.journal.state_dir, directory(i).map(Some)),
        show: |c| c.run.journal.state_dir.as_ref().map(|dir| text(&dir.display())),
    },
    Setting {
        key: "run.progress_interval",
        allowed: "a time from 100ms to 60m, such as 5s",
        set: |c, i| store(&mut c.run.progress_interval, i.duration(&PROGRESS)),
        show: |c| Some(time(c.run.progress_interval)),
    },
    Setting {
        key: "plan.scan",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.settings.planning.scan, i.bool()),
        show: |c| Some(Value::from(c.run.settings.planning.scan)),
    },
    Setting {
        key: "plan.sample",
        allowed: "a whole number from 1000 to 10000000",
        set: |c, i| store(&mut c.run.settings.planning.sample, i.within(&SAMPLE)),
        show: |c| Some(number(c.run.settings.planning.sample)),
    },
    Setting {
        key: "plan.sample_time",
        allowed: "a time from 100ms to 10m, such as 2s",
        set: |c, i| store(&mut c.run.settings.planning.sample_time, i.duration(&SAMPLE_TIME)),
        show: |c| Some(time(c.run.settings.planning.sample_time)),
    },
    Setting {
        key: "plan.work",
        allowed: "a time from 0 to 60m, such as 1ms",
        set: |c, i| store(&mut c.run.settings.planning.work, i.duration(&WORK).map(Some)),
        show: |c| c.run.settings.planning.work.map(time),
    },
    Setting {
        key: "plan.before_run",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.settings.planning.before_run, i.bool()),
        show: |c| Some(Value::from(c.run.settings.planning.before_run)),
    },
    Setting {
        key: "console.theme",
        allowed: "dark, light, mono or the path of a .toml file",
        set: |c, i| store(&mut c.console.theme, theme(i)),
        show: |c| Some(text(&c.console.theme)),
    },
    Setting {
        key: "console.mouse",
        allowed: "true or false",
        set: |c, i| store(&mut c.console.mouse, i.bool()),
        show: |c| Some(Value::from(c.console.mouse)),
    },
    Setting {
        key: "demo.datasets",
        allowed: "a whole number from 1 to 1000",
        set: |c, i| store(&mut c.demo.datasets.count, i.bounded()),
        show: |c| Some(number(c.demo.datasets.count.get())),
    },
    Setting {
        key: "demo.events",
        allowed: "a whole number from 0 to 10000000",
        set: |c, i| store(&mut c.demo.datasets.events, i.bounded()),
        show: |c| Some(number(c.demo.datasets.events.get())),
    },
    Setting {
        key: "demo.partitions",
        allowed: "a whole number from 1 to 100",
        set: |c, i| store(&mut c.demo.datasets.partitions, i.bounded()),
        show: |c| Some(number(c.demo.datasets.partitions.get())),
    },
    Setting {
        key: "demo.skew",
        allowed: "even, or zipf:S with S from 0 to 10",
        set: |c, i| store(&mut c.demo.datasets.skew, word(i)),
        show: |c| Some(text(&c.demo.datasets.skew)),
    },
    Setting {
        key: "demo.work",
        allowed: "a time from 0 to 60m, such as 1ms",
        set: |c, i| store(&mut c.demo.handler, i.duration(&WORK).map(takes)),
        show: |c| match &c.demo.handler {
            HandlerSpec::Simulate(Simulate { work: WorkTime::Fixed(work), .. }) if !c.gives("demo.handler") => {
                Some(time(*work))
            }
            _ => None,
        },
    },
    Setting {
        key: "demo.concurrency",
        allowed: "auto, or a whole number from 1 to 1000",
        set: |c, i| {
            (c.demo.concurrency, c.demo.adaptive) = limits::concurrency(i)?;
            Ok(())
        },
        show: |c| Some(limits::show_concurrency(c.demo.concurrency, c.demo.adaptive)),
    },
    Setting {
        key: "demo.handler",
        allowed: HANDLERS,
        set: |c, i| store(&mut c.demo.handler, handler(i)),
        show: |c| c.gives("demo.handler").then(|| text(&c.demo.handler)),
    },
    Setting {
        key: "demo.group",
        allowed: "a group id of 1 to 255 printable characters",
        set: |c, i| store(&mut c.demo.group, group(i).map(Some)),
        show: |c| c.demo.group.clone().map(Value::from),
    },
    Setting {
        key: "demo.from",
        allowed: "earliest, latest, last:NUMBER or an offset",
        set: |c, i| store(&mut c.demo.scope.range.from, scope::parsed(i)),
        show: |c| Some(text(&c.demo.scope.range.from)),
    },
    Setting {
        key: "demo.to",
        allowed: "latest, never or an offset",
        set: |c, i| store(&mut c.demo.scope.range.to, scope::parsed(i)),
        show: |c| Some(text(&c.demo.scope.range.to)),
    },
    Setting {
        key: "demo.keys",
        allowed: KEYS,
        set: |c, i| store(&mut scope::rules(&mut c.demo.scope).filter.keys, scope::list(i)),
        show: |c| scope::show_list(&c.demo.scope.rules.filter.keys),
    },
    Setting {
        key: "demo.key_template",
        allowed: TEMPLATE,
        set: |c, i| store(&mut scope::rules(&mut c.demo.scope).template, scope::parsed(i).map(Some)),
        show: |c| c.demo.scope.rules.template.as_ref().map(text),
    },
];

/// Settings that say the same thing in two ways: the later one replaces the other, and one place may give one of them.
pub(super) const EITHER: [(&str, &str); 3] =
    [("run.topics", "run.topics_regex"), ("run.from", "run.last"), ("demo.work", "demo.handler")];

/// The tables, each once.
pub(super) fn tables() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    SETTINGS.iter().filter_map(move |setting| {
        let table = setting.key.split('.').next().unwrap_or_default();
        (std::mem::replace(&mut last, table) != table).then_some(table)
    })
}

/// The key that somebody may have meant: the same name in another table, or one that differs by a slip of the finger.
pub(super) fn suggest(key: &str) -> Option<&'static str> {
    let last = |key: &'static str| key.split_once('.').map_or(key, |(_, rest)| rest);
    let name = key.split_once('.').map_or(key, |(_, rest)| rest);
    let keys = || SETTINGS.iter().map(|setting| setting.key);
    let near = |candidate: &&str| strsim::damerau_levenshtein(key, candidate) <= 1.max(key.len() / 6);
    keys()
        .filter(near)
        .min_by_key(|candidate| strsim::damerau_levenshtein(key, candidate))
        .or_else(|| keys().find(|candidate| last(candidate) == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_read_again() {
        let config = Config::default();
        for setting in SETTINGS {
            let Some(shown) = (setting.show)(&config) else { continue };
            let input = match &shown {
                Value::String(text) => Input::Text(text.clone()),
                Value::Integer(number) => Input::Integer(i128::from(*number)),
                Value::Boolean(value) => Input::Bool(*value),
                Value::Float(number) => Input::Float(number.to_string()),
                Value::Array(items) => Input::List(items.iter().map(|item| item.as_str().unwrap().into()).collect()),
                other => panic!("{other}"),
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
        assert_eq!(tables().collect::<Vec<_>>(), ["kafka", "run", "plan", "console", "demo"]);
    }
}
