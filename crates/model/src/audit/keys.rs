//! Keys and the partitions that they are in.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{domain::number::Count, feed::Estimate};

/// A number that is known to be within two bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    /// The lower bound.
    pub low: u64,
    /// The upper bound.
    pub high: u64,
}

impl Bounds {
    /// A number that is known.
    #[must_use]
    pub fn exact(value: u64) -> Self {
        Self { low: value, high: value }
    }

    /// Whether both bounds are equal.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self.low == self.high
    }

    /// The number, or both bounds, and what follows: `1 key waits`, `2 keys wait`, `1 to 3 keys wait`.
    #[must_use]
    pub fn counted_as(self, one: &str, more: &str) -> String {
        format!("{self} {}", self.by_count(one, more))
    }

    /// The words that agree with the number: `one` if it is 1, otherwise `more`.
    #[must_use]
    pub fn by_count<'a>(self, one: &'a str, more: &'a str) -> &'a str {
        if self == Self::exact(1) { one } else { more }
    }
}

/// The number, or both bounds: `1,204`, `1,204 to 1,310`.
impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_exact() {
            return f.pad(&Count(self.low).to_string());
        }
        f.pad(&format!("{} to {}", Count(self.low), Count(self.high)))
    }
}

/// One of the keys with the most records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HotKey {
    /// The beginning of the key.
    pub key: String,
    /// Its records among those read.
    pub records: Bounds,
}

/// The keys of a topic, and how many of them are in several partitions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KeySpread {
    /// Whether every key was followed; otherwise the figures are estimates from a sample of keys.
    pub exact: bool,
    /// The number of keys that were followed.
    pub followed: u64,
    /// Distinct keys among the records read.
    pub distinct: Estimate,
    /// Keys with records in several partitions.
    pub in_several_partitions: Estimate,
    /// Some of these keys, those with the most records first.
    pub examples: Vec<SpreadKey>,
}

/// A key in several partitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpreadKey {
    /// The beginning of the key.
    pub key: String,
    /// Its partitions, in ascending order.
    pub places: Vec<KeyPlace>,
}

/// The records of a key in a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPlace {
    /// The partition's number.
    pub partition: i32,
    /// The number of records.
    pub records: u64,
    /// The offset of the first one.
    pub first_offset: i64,
    /// The offset of the last one.
    pub last_offset: i64,
    /// The timestamp of the last one, in milliseconds since 1970.
    pub last_timestamp_ms: Option<i64>,
}

/// Two topics that have keys in common. A join by key needs the same partition for each key in both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoPartitioning {
    /// The names of the two topics.
    pub topics: [String; 2],
    /// The numbers of their partitions.
    pub partitions: [i32; 2],
    /// The common keys that were compared.
    pub compared_keys: u64,
    /// How many of these are in the same partitions of both topics.
    pub in_same_partitions: u64,
    /// Some of the others.
    pub examples: Vec<MovedKey>,
}

/// A key that is in different partitions of two topics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedKey {
    /// The beginning of the key.
    pub key: String,
    /// Its partitions in each of the two topics.
    pub partitions: [Vec<i32>; 2],
}
