//! `[topics]` and `[topic]`: mapping channels to topics, and republishing records.

use kreplay_model::domain::SecretFormat;
use toml::Value;

use super::{GROUP, Kind, TEMPLATE, codec, table::settings};
use crate::config::value::{bootstrap, producer_property, republished, shown_list, store, text};

const GROUPS: &str = "a list of PATTERN=TOPIC:PARTITIONS or PATTERN=TOPIC, where TOPIC has 1 to 249 letters, digits, \
                      `.`, `_` and `-`, and may contain {channel}; PARTITIONS is 1 to 100";
const TOPIC_NAME: &str = "TOPIC or TOPIC:PARTITIONS, where TOPIC has 1 to 249 letters, digits, `.`, `_` and `-`, and \
                          may contain {channel}; PARTITIONS is 1 to 100";
const OVERRIDES: &str = "a list of PATTERN=PARTITIONS, with PARTITIONS from 1 to 100";
const REPLICATION: &[Kind] = &[Kind::Word(&["default"]), Kind::Integer(1..=100)];
const CHANNEL: &str = "topic, or text with {key}, {header.NAME}, {json.PATH} or {PATH}";
const REPUBLISHED: &str = "TOPIC or TOPIC:PARTITIONS, where {topic} stands for the record's topic";
const KEY: &str = "own, channel, or text with {key}, {header.NAME}, {json.PATH} or {PATH}";

settings! { TOPICS:
    /// Channels that share a topic; the first pattern that matches the whole channel applies.
    "topics.groups": List(GROUPS) => topics.strategy.groups;
    /// Topic for all other channels.
    "topics.default_topic": Text(TOPIC_NAME) => topics.strategy.default_topic as codec::Optional<codec::Parsed>;
    /// Partitions of a topic if nothing else sets them.
    "topics.partitions": Integer(1..=100) => topics.strategy.partitions as codec::Bounded;
    /// Partitions of the topics that match a pattern.
    "topics.partitions_for": List(OVERRIDES) => topics.strategy.overrides;
    /// Replication factor; "default" is the broker's default.
    "topics.replication": Either(REPLICATION) => topics.strategy.replication as codec::Parsed;
    /// Migration: the channel of a record, which is its old topic or built from a template.
    "topics.channel": Text(CHANNEL) => topics.channel as codec::Parsed;
    /// Migration: the key of the new record.
    "topics.key": Word(&["channel", "keep"]) => topics.key as codec::Parsed;
}

settings! { TOPIC:
    /// Topic for all records that no group of [topics] matches.
    "topic.name": Text(REPUBLISHED) => {
        |c, i| store(&mut c.run.handlers.topic.name, republished(i).map(Some)),
        |c| c.run.handlers.topic.name.as_ref().map(text),
    };
    /// Create missing topics.
    "topic.create": Bool => run.handlers.topic.create;
    /// Key of the new record.
    "topic.key": Text(KEY) => run.handlers.topic.key as codec::Parsed;
    /// How to choose the partition of the new record.
    "topic.partitioner": Word(&["murmur2", "crc32", "fnv1a", "source"]) => run.handlers.topic.partitioner;
    /// Template of the partition number; overrides the partitioner.
    "topic.partition": Text(TEMPLATE) => run.handlers.topic.partition as codec::Optional<codec::Parsed>;
    /// Timestamp of the new record: its own, or the time of writing.
    "topic.timestamps": Word(&["own", "now"]) => run.handlers.topic.timestamps;
    /// Compression of batches.
    "topic.compression": Word(&["none", "gzip", "snappy", "lz4", "zstd"]) => run.handlers.topic.compression;
    /// Write each batch in a transaction that also commits the positions of its partitions.
    "topic.transactional": Bool => run.handlers.topic.transactional;
    /// The consumer group that stores positions if the run has no group.
    "topic.position_group": Text(GROUP) => run.handlers.topic.position_group as codec::Group;
    /// Allow a bounded run to write to a topic that it also reads.
    "topic.allow_same_topic": Bool => run.handlers.topic.allow_same_topic;
    /// Write to another cluster.
    "topic.bootstrap_servers": TextOrList("comma-separated HOST:PORT") => {
        |c, i| store(&mut c.run.handlers.topic.bootstrap_servers, bootstrap(i).map(Some)),
        |c| c.run.handlers.topic.bootstrap_servers.clone().map(Value::from),
    };
    /// librdkafka properties of the producers; they override those of [kafka].
    "topic.properties": Secret(SecretFormat::Variable, &Kind::List("a list of NAME=VALUE")) => {
        |c, i| {
            let properties = i.secret_list().and_then(|list| list.into_iter().map(producer_property).collect());
            store(&mut c.run.handlers.topic.properties, properties)
        },
        |c| shown_list(&c.run.handlers.topic.properties),
    };
}
