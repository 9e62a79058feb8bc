//! `[run]`: topics, ranges and filters.

use toml::Value;

use super::{KEYS, Setting, TEMPLATE};
use crate::config::{
    scope, selection,
    value::{store, text, word},
};

const FROM: &str = "earliest, latest, committed, committed:GROUP, last:NUMBER, an offset, a time such as \
                    2026-01-31T10:00 (UTC) or 2026-01-31T10:00:00+01:00, or -DURATION such as -2h";
const TO: &str = "latest, never, committed, committed:GROUP, an offset, a time such as 2026-01-31T10:00 (UTC) or \
                  2026-01-31T10:00:00+01:00, or -DURATION such as -2h";

pub(super) const SELECTION: &[Setting] = &[
    Setting {
        key: "run.topics",
        allowed: "a list of topic names of 1 to 249 letters, digits, `.`, `_` and `-`",
        set: |c, i| store(&mut c.run.topics, selection::topics(i).map(Some)),
        show: |c| selection::show_topics(c.run.topics.as_ref()),
    },
    Setting {
        key: "run.topics_regex",
        allowed: r"a regular expression that matches full names, such as vc\..*\.events",
        set: |c, i| store(&mut c.run.topics, selection::regex(i).map(Some)),
        show: |c| selection::show_regex(c.run.topics.as_ref()),
    },
    Setting {
        key: "run.from",
        allowed: FROM,
        set: |c, i| store(&mut c.run.scope.range.from, scope::parsed(i)),
        show: |c| (!c.is_set("run.last")).then(|| text(&c.run.scope.range.from)),
    },
    Setting {
        key: "run.last",
        allowed: "a whole number, 0 or more",
        set: |c, i| store(&mut c.run.scope.range.from, scope::last(i)),
        show: |c| if c.is_set("run.last") { scope::show_last(&c.run.scope) } else { None },
    },
    Setting {
        key: "run.to",
        allowed: TO,
        set: |c, i| store(&mut c.run.scope.range.to, scope::parsed(i)),
        show: |c| Some(text(&c.run.scope.range.to)),
    },
    Setting {
        key: "run.partitions",
        allowed: "a list of TOPIC:PARTITION=FROM..TO; FROM or TO can be omitted, and so can TOPIC: (all topics)",
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
        allowed: "the path of a text file with one key per line",
        set: |c, i| scope::set_keys_from(&mut c.run.scope, &mut c.run.keys_from, i),
        show: |c| c.run.keys_from.clone().map(Value::from),
    },
    Setting {
        key: "run.headers",
        allowed: "a list of NAME=VALUE",
        set: |c, i| store(&mut scope::rules(&mut c.run.scope).filter.headers, scope::pairs(i)),
        show: |c| scope::show_list(&c.run.scope.rules.filter.headers),
    },
    Setting {
        key: "run.json",
        allowed: "a list of PATH=VALUE, where PATH is such as team.id or items[0].id",
        set: |c, i| store(&mut scope::rules(&mut c.run.scope).filter.json, scope::pairs(i)),
        show: |c| scope::show_list(&c.run.scope.rules.filter.json),
    },
    Setting {
        key: "run.event_types",
        allowed: "a list of patterns, such as Order*",
        set: |c, i| store(&mut scope::rules(&mut c.run.scope).filter.event_types, scope::list(i)),
        show: |c| scope::show_list(&c.run.scope.rules.filter.event_types),
    },
    Setting {
        key: "run.event_type_field",
        allowed: "a list of key, header.NAME or json.PATH; the first one present in a record is used",
        set: |c, i| store(&mut scope::rules(&mut c.run.scope).event_type, scope::fields(i)),
        show: |c| scope::show_list(&c.run.scope.rules.event_type),
    },
    Setting {
        key: "run.on_unjudged",
        allowed: "pass, drop or fail",
        set: |c, i| store(&mut scope::rules(&mut c.run.scope).on_unjudged, word(i).map(Some)),
        show: |c| c.run.scope.rules.on_unjudged.as_ref().map(text),
    },
    Setting {
        key: "run.key_template",
        allowed: TEMPLATE,
        set: |c, i| store(&mut scope::rules(&mut c.run.scope).template, scope::parsed(i).map(Some)),
        show: |c| c.run.scope.rules.template.as_ref().map(text),
    },
];
