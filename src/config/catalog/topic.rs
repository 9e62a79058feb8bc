//! `[topic]`: the handler `topic`, which republishes records.

use toml::Value;

use super::{Setting, TEMPLATE};
use crate::config::{
    scope,
    value::{bootstrap, group, producer_property, republished, shown_list, store, text, word},
};

pub(super) const TOPIC: &[Setting] = &[
    Setting {
        key: "topic.name",
        allowed: "TOPIC or TOPIC:PARTITIONS, where {topic} stands for the record's topic",
        set: |c, i| store(&mut c.run.handlers.topic.name, republished(i).map(Some)),
        show: |c| c.run.handlers.topic.name.as_ref().map(text),
    },
    Setting {
        key: "topic.create",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.handlers.topic.create, i.bool()),
        show: |c| Some(Value::from(c.run.handlers.topic.create)),
    },
    Setting {
        key: "topic.key",
        allowed: "own, channel, or text with {key}, {header.NAME}, {json.PATH} or {PATH}",
        set: |c, i| store(&mut c.run.handlers.topic.key, scope::parsed(i)),
        show: |c| Some(text(&c.run.handlers.topic.key)),
    },
    Setting {
        key: "topic.partitioner",
        allowed: "murmur2, crc32, fnv1a or source",
        set: |c, i| store(&mut c.run.handlers.topic.partitioner, word(i)),
        show: |c| Some(text(&c.run.handlers.topic.partitioner)),
    },
    Setting {
        key: "topic.partition",
        allowed: TEMPLATE,
        set: |c, i| store(&mut c.run.handlers.topic.partition, scope::parsed(i).map(Some)),
        show: |c| c.run.handlers.topic.partition.as_ref().map(text),
    },
    Setting {
        key: "topic.timestamps",
        allowed: "own or now",
        set: |c, i| store(&mut c.run.handlers.topic.timestamps, word(i)),
        show: |c| Some(text(&c.run.handlers.topic.timestamps)),
    },
    Setting {
        key: "topic.compression",
        allowed: "none, gzip, snappy, lz4 or zstd",
        set: |c, i| store(&mut c.run.handlers.topic.compression, word(i)),
        show: |c| Some(text(&c.run.handlers.topic.compression)),
    },
    Setting {
        key: "topic.transactional",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.handlers.topic.transactional, i.bool()),
        show: |c| Some(Value::from(c.run.handlers.topic.transactional)),
    },
    Setting {
        key: "topic.position_group",
        allowed: "a group id of 1 to 255 printable characters",
        set: |c, i| store(&mut c.run.handlers.topic.position_group, group(i).map(Some)),
        show: |c| c.run.handlers.topic.position_group.clone().map(Value::from),
    },
    Setting {
        key: "topic.allow_same_topic",
        allowed: "true or false",
        set: |c, i| store(&mut c.run.handlers.topic.allow_same_topic, i.bool()),
        show: |c| Some(Value::from(c.run.handlers.topic.allow_same_topic)),
    },
    Setting {
        key: "topic.bootstrap_servers",
        allowed: "comma-separated HOST:PORT",
        set: |c, i| store(&mut c.run.handlers.topic.bootstrap_servers, bootstrap(i).map(Some)),
        show: |c| c.run.handlers.topic.bootstrap_servers.clone().map(Value::from),
    },
    Setting {
        key: "topic.properties",
        allowed: "a list of NAME=VALUE",
        set: |c, i| {
            store(
                &mut c.run.handlers.topic.properties,
                i.secret_list().and_then(|list| list.into_iter().map(producer_property).collect()),
            )
        },
        show: |c| shown_list(&c.run.handlers.topic.properties),
    },
];
