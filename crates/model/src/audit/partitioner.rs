//! Which partitioner explains the places of the keys.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Bounds;
use crate::feed::Estimate;

/// A rule by which producers choose the partition of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partitioner {
    /// `MurmurHash2` with the sign bit cleared: Java's clients, librdkafka's `murmur2` and `murmur2_random`.
    Murmur2,
    /// `MurmurHash2` as an unsigned number: clients that do not clear the sign bit.
    Murmur2Unsigned,
    /// CRC-32: librdkafka's defaults `consistent` and `consistent_random`, kafka-go's `CRC32Balancer`.
    Crc32,
    /// FNV-1a, absolute value: Sarama's `NewHashPartitioner`, kafka-go's `Hash`, librdkafka's `fnv1a`.
    Fnv1aAbsolute,
    /// FNV-1a with the sign bit cleared: Sarama's `NewReferenceHashPartitioner`, kafka-go's `ReferenceHash`.
    Fnv1aMasked,
    /// FNV-1a as an unsigned number: Sarama with `WithHashUnsigned`.
    Fnv1aUnsigned,
    /// Java's `String.hashCode` with the sign bit cleared.
    JavaHashMasked,
    /// Java's `String.hashCode`, absolute value.
    JavaHashAbsolute,
    /// The key is a decimal number, and the partition is its remainder.
    Number,
    /// All keys are in one partition.
    Constant,
}

impl Partitioner {
    /// The partitioners that compute the partition from the key.
    pub const OF_KEYS: [Self; 9] = [
        Self::Murmur2,
        Self::Crc32,
        Self::Fnv1aAbsolute,
        Self::Fnv1aMasked,
        Self::Fnv1aUnsigned,
        Self::Murmur2Unsigned,
        Self::JavaHashMasked,
        Self::JavaHashAbsolute,
        Self::Number,
    ];

    /// The name in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Murmur2 => "murmur2",
            Self::Murmur2Unsigned => "murmur2-unsigned",
            Self::Crc32 => "crc32",
            Self::Fnv1aAbsolute => "fnv1a-absolute",
            Self::Fnv1aMasked => "fnv1a-masked",
            Self::Fnv1aUnsigned => "fnv1a-unsigned",
            Self::JavaHashMasked => "java-hash-masked",
            Self::JavaHashAbsolute => "java-hash-absolute",
            Self::Number => "number",
            Self::Constant => "constant",
        }
    }

    /// Who uses it, in a few words.
    #[must_use]
    pub fn used_by(self) -> &'static str {
        match self {
            Self::Murmur2 => "Java's clients",
            Self::Murmur2Unsigned => "clients that keep the sign bit",
            Self::Crc32 => "librdkafka's default",
            Self::Fnv1aAbsolute => "Sarama, kafka-go",
            Self::Fnv1aMasked => "Sarama and kafka-go, reference variant",
            Self::Fnv1aUnsigned => "Sarama, unsigned variant",
            Self::JavaHashMasked | Self::JavaHashAbsolute => "Java's String.hashCode",
            Self::Number => "remainder of a number",
            Self::Constant => "one partition for all keys",
        }
    }
}

impl fmt::Display for Partitioner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is known about the partitioner of a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartitionerVerdict {
    /// There are too few keys to distinguish partitioners.
    #[default]
    TooFewKeys,
    /// The topic has one partition.
    OnePartition,
    /// A partitioner explains the partition of every record.
    Known,
    /// A partitioner explains most records, and others break it.
    Mixed,
    /// None of the known partitioners explains at least half of the keys.
    Other,
}

/// How well a partitioner explains the partitions of the records.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartitionerScore {
    /// The partitioner.
    pub partitioner: Partitioner,
    /// The number of partitions that it is applied to.
    pub partitions: i32,
    /// The share of the followed keys that it explains: the mean over keys of the share of their records.
    pub keys: f64,
    /// The share of the followed keys' records that it explains.
    pub records: f64,
}

/// Which partitioner a topic has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PartitionerAudit {
    /// What is known.
    pub verdict: PartitionerVerdict,
    /// The share of keys that any partitioner explains by chance: 1 ÷ partitions.
    pub chance: f64,
    /// The partitioner that explains most keys, with the present or a smaller number of partitions. If there is growth,
    /// it is applied to both numbers.
    pub best: Option<PartitionerScore>,
    /// Other partitioners that explain the same records, so that they cannot be distinguished.
    pub equivalent: Vec<Partitioner>,
    /// The next best partitioners, best first.
    pub others: Vec<PartitionerScore>,
    /// A change of the number of partitions, if the records show one.
    pub growth: Option<Growth>,
    /// The records that the best partitioner does not explain; `None` if there is none or the verdict is not `mixed`.
    pub breakers: Option<Breakers>,
}

/// The number of partitions was raised between records.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// The number of partitions before.
    pub from: i32,
    /// The number of partitions after.
    pub to: i32,
    /// Where it happened in each of the former partitions.
    pub changes: Vec<ChangePoint>,
    /// Keys that have records in their former and in their present partition, if these differ.
    pub keys_in_both: Estimate,
    /// The lowest timestamp among the followed keys' first records in the added partitions: the change was made before.
    pub first_timestamp_ms: Option<i64>,
}

/// Where the number of partitions changed in the log of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePoint {
    /// The partition's number.
    pub partition: i32,
    /// The last offset before the change that shows the former number; `None` if no record does.
    pub after_offset: Option<i64>,
    /// The first offset after it that shows the present number; `None` if no record does. If the present number is a
    /// multiple of the former one, no record can.
    pub before_offset: Option<i64>,
}

/// Records that are not where the partitioner puts them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Breakers {
    /// Their number among the records read.
    pub records: Bounds,
    /// Whether the bounds are certain; otherwise they hold in 19 of 20 samples of keys.
    pub certain: bool,
    /// The followed keys that have such records.
    pub keys: u64,
    /// The partitioner that explains most of them, and the share, if that is at least half.
    pub explained_by: Option<PartitionerScore>,
    /// Some of them.
    pub examples: Vec<Breaker>,
}

/// A record that is not where the partitioner puts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// The beginning of the key.
    pub key: String,
    /// The partition's number.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// The timestamp, in milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
    /// The partition in which the partitioner puts the key at that time.
    pub expected: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_json() {
        for partitioner in Partitioner::OF_KEYS.into_iter().chain([Partitioner::Constant]) {
            assert_eq!(serde_json::to_value(partitioner).unwrap(), partitioner.as_str());
            assert!(!partitioner.used_by().is_empty());
        }
    }
}
