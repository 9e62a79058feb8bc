//! The requests of Kafka's protocol that this client sends, and their versions.

use std::fmt;

/// The versions of a request that a side supports, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionRange {
    /// The lowest version.
    pub min: i16,
    /// The highest version.
    pub max: i16,
}

impl VersionRange {
    /// The versions from `min` to `max`.
    #[must_use]
    pub const fn new(min: i16, max: i16) -> Self {
        Self { min, max }
    }

    /// The highest version in both ranges; `None` if they do not overlap.
    #[must_use]
    pub fn highest_common(self, other: Self) -> Option<i16> {
        let (min, max) = (self.min.max(other.min), self.max.min(other.max));
        (min <= max).then_some(max)
    }
}

impl fmt::Display for VersionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max { write!(f, "{}", self.min) } else { write!(f, "{}-{}", self.min, self.max) }
    }
}

macro_rules! apis {
    ($( $(#[$meta:meta])* $name:ident = $key:literal, versions $min:literal..=$max:literal, flexible $flexible:expr; )*) => {
        /// A request of Kafka's protocol. All of them only read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Api {
            $( $(#[$meta])* $name, )*
        }

        impl Api {
            /// All requests.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The number of the request in the protocol.
            #[must_use]
            pub fn key(self) -> i16 {
                match self { $(Self::$name => $key),* }
            }

            /// The versions that this client supports.
            #[must_use]
            pub fn versions(self) -> VersionRange {
                match self { $(Self::$name => VersionRange::new($min, $max)),* }
            }

            /// The first flexible version; `None` if there is none.
            fn first_flexible(self) -> Option<i16> {
                match self { $(Self::$name => $flexible),* }
            }
        }
    };
}

// Keys, versions and first flexible versions are those of the schemas in kafka-clients 4.3.1 (`common/message/*.json`).
// The lowest version of each is the first that has all fields that the client needs.
apis! {
    /// Offsets by time, or at the ends of a log.
    ListOffsets = 2, versions 7..=11, flexible Some(6);
    /// Brokers, topics and partition leaders.
    Metadata = 3, versions 12..=13, flexible Some(9);
    /// The committed offsets of groups.
    OffsetFetch = 9, versions 8..=9, flexible Some(6);
    /// The coordinators of groups or transactional ids.
    FindCoordinator = 10, versions 4..=6, flexible Some(3);
    /// Classic groups with their members.
    DescribeGroups = 15, versions 5..=6, flexible Some(5);
    /// The groups of one coordinator.
    ListGroups = 16, versions 4..=5, flexible Some(3);
    /// The choice of a SASL mechanism.
    SaslHandshake = 17, versions 1..=1, flexible None;
    /// The versions that a broker supports.
    ApiVersions = 18, versions 0..=4, flexible Some(3);
    /// The settings of topics or brokers.
    DescribeConfigs = 32, versions 4..=4, flexible Some(4);
    /// A message of a SASL mechanism.
    SaslAuthenticate = 36, versions 2..=2, flexible Some(2);
    /// The producers that have written to partitions.
    DescribeProducers = 61, versions 0..=0, flexible Some(0);
    /// Transactions by transactional id.
    DescribeTransactions = 65, versions 0..=0, flexible Some(0);
    /// The transactions of one coordinator.
    ListTransactions = 66, versions 0..=2, flexible Some(0);
    /// Groups of the consumer protocol (KIP-848) with their members.
    ConsumerGroupDescribe = 69, versions 0..=1, flexible Some(0);
    /// Share groups (KIP-932) with their members.
    ShareGroupDescribe = 77, versions 1..=1, flexible Some(0);
    /// Streams groups (KIP-1071) with topology and members.
    StreamsGroupDescribe = 89, versions 0..=0, flexible Some(0);
    /// Start offsets and lag of share groups.
    DescribeShareGroupOffsets = 90, versions 0..=1, flexible Some(0);
}

impl Api {
    /// Whether lengths are variable-length integers, and structs end with tagged fields, in this version.
    #[must_use]
    pub fn is_flexible(self, version: i16) -> bool {
        self.first_flexible().is_some_and(|first| version >= first)
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_common_version_is_found() {
        let range = VersionRange::new;
        assert_eq!(range(2, 5).highest_common(range(4, 9)), Some(5));
        assert_eq!(range(2, 5).highest_common(range(0, 2)), Some(2));
        assert_eq!(range(2, 5).highest_common(range(6, 9)), None);
        assert_eq!((range(2, 5).to_string(), range(3, 3).to_string()), ("2-5".into(), "3".into()));
    }
}
