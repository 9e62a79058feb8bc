//! `[topic]`: where records are republished, and how.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use kreplay_engine::rules::KeyTemplate;
use kreplay_kafka::producer::Timestamps;
use kreplay_model::domain::{KeyHash, Secret};
use kreplay_topics::{Channel, Strategy, TopicTemplate};

/// `[topic]`
#[derive(Clone, Debug, PartialEq)]
pub struct TopicSettings {
    /// The target topic of records that match no group of the strategy. The handler's text (`topic:NAME`) takes
    /// precedence.
    pub name: Option<TopicTemplate>,
    /// The topic of each channel, and its number of partitions when it is created: `[topics]`.
    pub strategy: Strategy,
    /// How a record's channel is determined: also `[topics]`.
    pub channel: Channel,
    /// Whether records and their source positions are committed in one transaction.
    pub transactional: bool,
    /// The group that stores positions if the run has no group; `None` for a group derived from the run's id.
    pub position_group: Option<String>,
    /// The key of written records.
    pub key: TopicKey,
    /// How a record's partition is chosen.
    pub partitioner: Partitioner,
    /// A template that yields the partition number. Takes precedence over the partitioner.
    pub partition: Option<KeyTemplate>,
    /// The timestamps of written records.
    pub timestamps: Timestamps,
    /// How batches are compressed.
    pub compression: Compression,
    /// Whether missing topics are created.
    pub create: bool,
    /// Whether a run that has an end may write to a topic that it reads.
    pub allow_same_topic: bool,
    /// The target cluster, with its own producer properties; `None` for the source cluster.
    pub bootstrap_servers: Option<String>,
    /// Properties of the producers (`NAME=VALUE`), which override those of the cluster.
    pub properties: Vec<Secret>,
}

impl Default for TopicSettings {
    fn default() -> Self {
        Self {
            name: None,
            strategy: Strategy::default(),
            channel: Channel::default(),
            transactional: true,
            position_group: None,
            key: TopicKey::default(),
            partitioner: Partitioner::default(),
            partition: None,
            timestamps: Timestamps::default(),
            compression: Compression::default(),
            create: false,
            allow_same_topic: false,
            bootstrap_servers: None,
            properties: Vec::new(),
        }
    }
}

/// The key of a republished record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TopicKey {
    /// The source record's key.
    #[default]
    Own,
    /// The record's channel.
    Channel,
    /// The result of a template.
    Template(KeyTemplate),
}

impl FromStr for TopicKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "own" => Ok(Self::Own),
            "channel" => Ok(Self::Channel),
            template => template.parse().map(Self::Template),
        }
    }
}

impl fmt::Display for TopicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("own"),
            Self::Channel => f.write_str("channel"),
            Self::Template(template) => template.fmt(f),
        }
    }
}

/// How a record's partition is chosen. Records without a key use the number of their source partition, so that they
/// keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioner {
    /// By the hash of the key.
    Hash(KeyHash),
    /// The number of the source partition.
    Source,
}

impl Default for Partitioner {
    fn default() -> Self {
        Self::Hash(KeyHash::default())
    }
}

impl FromStr for Partitioner {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "source" { Ok(Self::Source) } else { text.parse().map(Self::Hash) }
    }
}

impl fmt::Display for Partitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(hash) => hash.fmt(f),
            Self::Source => f.pad("source"),
        }
    }
}

/// How batches are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip
    Gzip,
    /// Snappy
    Snappy,
    /// LZ4: fast, with a good compression ratio.
    #[default]
    Lz4,
    /// Zstandard; requires brokers since 2.1.
    Zstd,
}

const COMPRESSIONS: [(Compression, &str); 5] = [
    (Compression::None, "none"),
    (Compression::Gzip, "gzip"),
    (Compression::Snappy, "snappy"),
    (Compression::Lz4, "lz4"),
    (Compression::Zstd, "zstd"),
];

impl FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = COMPRESSIONS.iter().find(|(_, name)| *name == text);
        found.map(|(compression, _)| *compression).ok_or_else(|| format!("`{text}` is not a compression"))
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(COMPRESSIONS.iter().find(|(one, _)| one == self).map_or("none", |(_, name)| name))
    }
}

impl TopicSettings {
    /// The table's properties by name.
    pub(super) fn own_properties(&self) -> BTreeMap<String, String> {
        let split = |one: &Secret| {
            let (name, value) = one.value().split_once('=')?;
            Some((name.trim().to_owned(), value.to_owned()))
        };
        self.properties.iter().filter_map(split).collect()
    }
}

/// The timeouts of transactions and deliveries, from the producer's properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timeouts {
    /// `transaction.timeout.ms`: the broker then aborts an open transaction. Until then, a transaction left open by a
    /// killed process blocks `read_committed` consumers and the process that claims its partitions.
    pub(super) transaction: Duration,
    /// `delivery.timeout.ms`: the client then gives up on a record.
    pub(super) delivery: Duration,
}

/// Defaults in milliseconds. librdkafka's own defaults are a minute for both.
pub(super) const TRANSACTION_TIMEOUT_MS: &str = "30000";
pub(super) const DELIVERY_TIMEOUT_MS: &str = "20000";

impl Timeouts {
    /// Reads the timeouts from a producer's complete properties.
    ///
    /// # Errors
    /// One sentence: a value is not a number, or a transaction could time out before a delivery in it.
    pub(super) fn of(properties: &BTreeMap<String, String>) -> Result<Self, String> {
        let read = |names: &[&str], default: &str| {
            let found = names.iter().find_map(|name| properties.get(*name).map(|value| (*name, value.as_str())));
            let (name, value) = found.unwrap_or((names[0], default));
            value.trim().parse::<u64>().map_err(|_| format!("{name} must be a number of milliseconds"))
        };
        let transaction = read(&["transaction.timeout.ms"], TRANSACTION_TIMEOUT_MS)?;
        let delivery = read(&["delivery.timeout.ms", "message.timeout.ms"], DELIVERY_TIMEOUT_MS)?;
        if delivery == 0 || transaction <= delivery {
            let delivery = if delivery == 0 { "0, unlimited".to_owned() } else { delivery.to_string() };
            return Err(format!(
                "transaction.timeout.ms ({transaction}) must be above delivery.timeout.ms ({delivery}), or the broker \
                 aborts transactions whose records are still in flight; set both in topic.properties"
            ));
        }
        Ok(Self { transaction: Duration::from_millis(transaction), delivery: Duration::from_millis(delivery) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transaction_timeout_must_exceed_the_delivery_timeout() {
        let timeouts = |pairs: &[(&str, &str)]| {
            Timeouts::of(&pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
        };
        let seconds = |transaction, delivery| {
            Ok(Timeouts { transaction: Duration::from_secs(transaction), delivery: Duration::from_secs(delivery) })
        };
        assert_eq!(timeouts(&[]), seconds(30, 20));
        assert_eq!(timeouts(&[("transaction.timeout.ms", "60000")]), seconds(60, 20));
        assert_eq!(timeouts(&[("transaction.timeout.ms", "9000"), ("message.timeout.ms", "8000")]), seconds(9, 8));
        for wrong in [
            &[("transaction.timeout.ms", "20000")][..],
            &[("transaction.timeout.ms", "5000"), ("delivery.timeout.ms", "5000")],
            &[("message.timeout.ms", "300000")],
            &[("delivery.timeout.ms", "0")],
        ] {
            let error = timeouts(wrong).unwrap_err();
            assert!(error.contains("transaction.timeout.ms (") && error.contains("must be above"), "{error}");
        }
        assert!(
            timeouts(&[("delivery.timeout.ms", "soon")]).unwrap_err().contains("delivery.timeout.ms must be a number")
        );
    }

    #[test]
    fn setting_words_parse_and_display_unchanged() {
        for text in ["own", "channel", "{key}", "team:{team_id}"] {
            assert_eq!(text.parse::<TopicKey>().unwrap().to_string(), text);
        }
        for text in ["murmur2", "crc32", "fnv1a", "source"] {
            assert_eq!(text.parse::<Partitioner>().unwrap().to_string(), text);
        }
        for (compression, text) in COMPRESSIONS {
            assert_eq!((text.parse(), compression.to_string()), (Ok(compression), text.to_owned()));
        }
        assert!("Own".parse::<TopicKey>().is_err() && "random".parse::<Partitioner>().is_err());
    }
}
