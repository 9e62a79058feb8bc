//! `[topic]`: where records are republished, and how.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use crate::{
    domain::{KeyHash, Masked},
    kafka::producer::Timestamps,
    plan::KeyTemplate,
    topics::{Channel, Strategy, TopicTemplate},
};

/// `[topic]`
#[derive(Clone, Debug, PartialEq)]
pub struct TopicSettings {
    /// Where records go that no group of the strategy takes; the handler's own text (`topic:NAME`) is stronger.
    pub name: Option<TopicTemplate>,
    /// Which topic each channel belongs to, and how many partitions it gets when it is created: `[topics]`.
    pub strategy: Strategy,
    /// What a record's channel is: `[topics]`, too.
    pub channel: Channel,
    /// Whether records and the positions they came from become visible together.
    pub transactional: bool,
    /// Where positions are kept, where the run has no group; `None` is a group of the run's own.
    pub position_group: Option<String>,
    /// The key that a record gets.
    pub key: TopicKey,
    /// How a record's partition is found.
    pub partitioner: Partitioner,
    /// What a record's partition is made of, a number; it is stronger than the partitioner.
    pub partition: Option<KeyTemplate>,
    /// Which timestamps records get.
    pub timestamps: Timestamps,
    /// How batches are compressed.
    pub compression: Compression,
    /// Whether a topic that is missing is created.
    pub create: bool,
    /// Whether a topic that is being read may be written to, too, in a run that has an end.
    pub allow_same_topic: bool,
    /// Another cluster to write to (`None` is the one that is read from), and what its producers are made with.
    pub bootstrap_servers: Option<String>,
    /// Properties of the producers (`NAME=VALUE`), which win over those of the cluster.
    pub properties: Vec<Masked>,
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

/// The key that a record gets where it is republished.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TopicKey {
    /// The one it has.
    #[default]
    Own,
    /// Its channel.
    Channel,
    /// What a template makes of it.
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

/// How a record's partition is found. Records without a key go by the number of the partition that they come from, so that they
/// keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioner {
    /// By their key.
    Hash(KeyHash),
    /// The partition of the same number.
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
    /// LZ4: hardly any time for a good part of the effect.
    #[default]
    Lz4,
    /// Zstandard; brokers since 2.1.
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
    /// The table's own properties, by name.
    pub(super) fn own_properties(&self) -> BTreeMap<String, String> {
        let split = |one: &Masked| {
            let (name, value) = one.value().split_once('=')?;
            Some((name.trim().to_owned(), value.to_owned()))
        };
        self.properties.iter().filter_map(split).collect()
    }
}

/// How long transactions and deliveries may take, by the producer's properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timeouts {
    /// `transaction.timeout.ms`: after it the broker aborts what is open. Until then, what a killed process has left open holds
    /// up those who read only what is committed, and whoever takes its partitions over.
    pub(super) transaction: Duration,
    /// `delivery.timeout.ms`: after it the client gives a record up.
    pub(super) delivery: Duration,
}

/// Unless the properties say otherwise, in milliseconds. The client's own defaults are a minute for both.
pub(super) const TRANSACTION_TIMEOUT_MS: &str = "30000";
pub(super) const DELIVERY_TIMEOUT_MS: &str = "20000";

impl Timeouts {
    /// What the properties of a producer say, which has all of them.
    ///
    /// # Errors
    /// One sentence: something is no number, or a transaction would be over before a delivery in it.
    pub(super) fn of(properties: &BTreeMap<String, String>) -> Result<Self, String> {
        let read = |names: &[&str], default: &str| {
            let found = names.iter().find_map(|name| properties.get(*name).map(|value| (*name, value.as_str())));
            let (name, value) = found.unwrap_or((names[0], default));
            value.trim().parse::<u64>().map_err(|_| format!("{name} is a number of milliseconds"))
        };
        let transaction = read(&["transaction.timeout.ms"], TRANSACTION_TIMEOUT_MS)?;
        let delivery = read(&["delivery.timeout.ms", "message.timeout.ms"], DELIVERY_TIMEOUT_MS)?;
        if delivery == 0 || transaction <= delivery {
            let delivery = if delivery == 0 { "0, for ever".to_owned() } else { delivery.to_string() };
            return Err(format!(
                "transaction.timeout.ms ({transaction}) must be above delivery.timeout.ms ({delivery}), or the broker ends \
                 transactions whose records are still on their way; set both in topic.properties"
            ));
        }
        Ok(Self { transaction: Duration::from_millis(transaction), delivery: Duration::from_millis(delivery) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_outlives_the_deliveries_in_it() {
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
        assert!(timeouts(&[("delivery.timeout.ms", "soon")]).unwrap_err().contains("delivery.timeout.ms is a number"));
    }

    #[test]
    fn words_read_back_as_they_are_shown() {
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
