//! `[run]`: topics, ranges and filters.

use toml::Value;

use super::{KEYS, TEMPLATE, codec, table::settings};
use crate::config::{
    scope, selection,
    value::{store, text},
};

const FROM: &str = "earliest, latest, committed, committed:GROUP, last:NUMBER, an offset, a time such as \
                    2026-01-31T10:00 (UTC) or 2026-01-31T10:00:00+01:00, or -DURATION such as -2h";
const TO: &str = "latest, never, committed, committed:GROUP, an offset, a time such as 2026-01-31T10:00 (UTC) or \
                  2026-01-31T10:00:00+01:00, or -DURATION such as -2h";
const RANGES: &str = "a list of TOPIC:PARTITION=FROM..TO; FROM or TO can be omitted, and so can TOPIC: (all topics)";
const JSON: &str = "a list of PATH=VALUE, where PATH is a path such as team.id or items[0].id";
const FIELDS: &str = "a list of key, header.NAME or json.PATH; the first one present in a record is used";

settings! { SELECTION:
    /// Topics to read, by name.
    "run.topics": List("a list of topic names of 1 to 249 letters, digits, `.`, `_` and `-`") => {
        |c, i| store(&mut c.run.topics, selection::topics(i).map(Some)),
        |c| selection::show_topics(c.run.topics.as_ref()),
    };
    /// Read every topic whose full name matches this regular expression. Cannot be combined with `topics`.
    "run.topics_regex": Text(r"a regular expression that matches full names, such as vc\..*\.events") => {
        |c, i| store(&mut c.run.topics, selection::regex(i).map(Some)),
        |c| selection::show_regex(c.run.topics.as_ref()),
    };
    /// Where to start in every partition.
    "run.from": Position(FROM) => {
        |c, i| store(&mut c.run.scope.range.from, scope::parsed(i)),
        |c| (!c.is_set("run.last")).then(|| text(&c.run.scope.range.from)),
    };
    /// Start this number of offsets before the end of each partition. Cannot be combined with `from`.
    "run.last": Count("") => {
        |c, i| store(&mut c.run.scope.range.from, scope::last(i)),
        |c| if c.is_set("run.last") { scope::show_last(&c.run.scope) } else { None },
    };
    /// Where to stop in every partition (exclusive).
    "run.to": Position(TO) => run.scope.range.to as codec::Parsed;
    /// Ranges of single partitions. If several apply to a partition, the last one is used.
    "run.partitions": List(RANGES) => run.scope.range.overrides;
    /// Handle only keys that match one of these patterns.
    "run.keys": List(KEYS) => rules.filter.keys;
    /// Handle only keys listed in this file, in addition to those of `keys`.
    "run.keys_from": Path("the path of a text file with one key per line") => {
        |c, i| scope::set_keys_from(&mut c.run.scope, &mut c.run.keys_from, i),
        |c| c.run.keys_from.clone().map(Value::from),
    };
    /// Handle only records with one of these headers.
    "run.headers": List("a list of NAME=VALUE") => rules.filter.headers as codec::Pairs;
    /// Handle only records with one of these fields in a JSON value.
    "run.json": List(JSON) => rules.filter.json as codec::Pairs;
    /// Handle only event types that match one of these patterns.
    "run.event_types": List("a list of patterns, such as Order*") => rules.filter.event_types;
    /// Where to find the event type of a record.
    "run.event_type_field": List(FIELDS) => rules.event_type as codec::NonEmptyList;
    /// What to do with a record on which a filter cannot be evaluated.
    "run.on_unjudged": Word(&["pass", "drop", "fail"]) => rules.on_unjudged as codec::Optional<codec::Word>;
    /// Template of the key used for ordering, filters and per-key figures.
    "run.key_template": Text(TEMPLATE) => rules.template as codec::Optional<codec::Parsed>;
}
