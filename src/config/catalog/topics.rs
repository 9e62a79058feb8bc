//! `[topics]`: the mapping of channels to topics, and how topics are created.

use super::Setting;
use crate::config::{
    scope,
    value::{number, store, text},
};

const TOPIC: &str = "TOPIC or TOPIC:PARTITIONS, where TOPIC has 1 to 249 letters, digits, `.`, `_` and `-`, and may \
                     contain {channel}; PARTITIONS is 1 to 100";

pub(super) const TOPICS: &[Setting] = &[
    Setting {
        key: "topics.groups",
        allowed: "a list of PATTERN=TOPIC:PARTITIONS or PATTERN=TOPIC, where TOPIC has 1 to 249 letters, digits, `.`, \
                  `_` and `-`, and may contain {channel}; PARTITIONS is 1 to 100",
        set: |c, i| store(&mut c.topics.strategy.groups, scope::list(i)),
        show: |c| scope::show_list(&c.topics.strategy.groups),
    },
    Setting {
        key: "topics.default_topic",
        allowed: TOPIC,
        set: |c, i| store(&mut c.topics.strategy.default_topic, scope::parsed(i).map(Some)),
        show: |c| c.topics.strategy.default_topic.as_ref().map(text),
    },
    Setting {
        key: "topics.partitions",
        allowed: "a whole number from 1 to 100",
        set: |c, i| store(&mut c.topics.strategy.partitions, i.bounded()),
        show: |c| Some(number(c.topics.strategy.partitions.get())),
    },
    Setting {
        key: "topics.partitions_for",
        allowed: "a list of PATTERN=PARTITIONS, with PARTITIONS from 1 to 100",
        set: |c, i| store(&mut c.topics.strategy.overrides, scope::list(i)),
        show: |c| scope::show_list(&c.topics.strategy.overrides),
    },
    Setting {
        key: "topics.replication",
        allowed: "default, or a whole number from 1 to 100",
        set: |c, i| store(&mut c.topics.strategy.replication, scope::parsed(i)),
        show: |c| Some(text(&c.topics.strategy.replication)),
    },
    Setting {
        key: "topics.channel",
        allowed: "topic, or text with {key}, {header.NAME}, {json.PATH} or {PATH}",
        set: |c, i| store(&mut c.topics.channel, scope::parsed(i)),
        show: |c| Some(text(&c.topics.channel)),
    },
    Setting {
        key: "topics.key",
        allowed: "channel or keep",
        set: |c, i| store(&mut c.topics.key, scope::parsed(i)),
        show: |c| Some(text(&c.topics.key)),
    },
];
