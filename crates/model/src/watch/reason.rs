//! Why a figure is not known.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a figure of a watched group or partition is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The group has no committed offset for the partition.
    NeverCommitted,
    /// It was not requested yet.
    NotAsked,
    /// The cluster refuses the request for lack of a permission.
    NotAuthorized {
        /// The operation that must be allowed, such as `DESCRIBE`.
        operation: String,
        /// The resource, such as `topic orders`.
        resource: String,
    },
    /// The partition has no leader, or its broker does not answer.
    NoLeader,
    /// The topic, or the partition, does not exist.
    TopicGone,
    /// Another broker coordinates the group now.
    CoordinatorMoved,
    /// The coordinator is loading the group.
    CoordinatorLoading,
    /// The group does not exist.
    GroupGone,
    /// No answer arrived in time.
    TimedOut,
    /// The cluster does not support the request.
    Unsupported,
    /// The sum does not fit 64 bits: at least one committed offset is far from the log.
    TooLarge,
    /// Kafka has no figure: the lag of a share group before consumption began.
    NotReported,
    /// The groups are watched with librdkafka, which has no request for it.
    NotInLibrdkafka,
    /// Any other error.
    Other(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverCommitted => f.write_str("the group has no committed offset"),
            Self::NotAsked => f.write_str("not requested yet"),
            Self::NotAuthorized { operation, resource } => {
                write!(f, "not authorized: {operation} on {resource} is required")
            }
            Self::NoLeader => f.write_str("no leader"),
            Self::TopicGone => f.write_str("the topic does not exist"),
            Self::CoordinatorMoved => f.write_str("the coordinator moved"),
            Self::CoordinatorLoading => f.write_str("the coordinator is loading the group"),
            Self::GroupGone => f.write_str("the group does not exist"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Unsupported => f.write_str("the cluster does not support the request"),
            Self::TooLarge => f.write_str("the sum is larger than 64 bits can hold"),
            Self::NotReported => f.write_str("Kafka does not report it"),
            Self::NotInLibrdkafka => f.write_str("librdkafka does not report it"),
            Self::Other(text) => f.write_str(text),
        }
    }
}
