//! The error codes of Kafka's protocol.

use std::fmt;

macro_rules! error_codes {
    ($( $name:ident = $code:literal, $word:literal; )*) => {
        impl ErrorCode {
            $(
                #[doc = concat!("`", $word, "`")]
                pub const $name: Self = Self($code);
            )*

            /// Kafka's name for the code; `None` if this client does not know it.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $( $code => Some($word), )*
                    _ => None,
                }
            }
        }
    };
}

/// An error code of Kafka's protocol. An unknown code keeps its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ErrorCode(pub i16);

// The numbers of `org.apache.kafka.common.protocol.Errors` in Kafka 4.3.1 that answers to these requests can have.
error_codes! {
    UNKNOWN_SERVER_ERROR = -1, "UNKNOWN_SERVER_ERROR";
    OFFSET_OUT_OF_RANGE = 1, "OFFSET_OUT_OF_RANGE";
    UNKNOWN_TOPIC_OR_PARTITION = 3, "UNKNOWN_TOPIC_OR_PARTITION";
    LEADER_NOT_AVAILABLE = 5, "LEADER_NOT_AVAILABLE";
    NOT_LEADER_OR_FOLLOWER = 6, "NOT_LEADER_OR_FOLLOWER";
    REQUEST_TIMED_OUT = 7, "REQUEST_TIMED_OUT";
    REPLICA_NOT_AVAILABLE = 9, "REPLICA_NOT_AVAILABLE";
    NETWORK_EXCEPTION = 13, "NETWORK_EXCEPTION";
    COORDINATOR_LOAD_IN_PROGRESS = 14, "COORDINATOR_LOAD_IN_PROGRESS";
    COORDINATOR_NOT_AVAILABLE = 15, "COORDINATOR_NOT_AVAILABLE";
    NOT_COORDINATOR = 16, "NOT_COORDINATOR";
    INVALID_TOPIC_EXCEPTION = 17, "INVALID_TOPIC_EXCEPTION";
    INVALID_GROUP_ID = 24, "INVALID_GROUP_ID";
    UNKNOWN_MEMBER_ID = 25, "UNKNOWN_MEMBER_ID";
    TOPIC_AUTHORIZATION_FAILED = 29, "TOPIC_AUTHORIZATION_FAILED";
    GROUP_AUTHORIZATION_FAILED = 30, "GROUP_AUTHORIZATION_FAILED";
    CLUSTER_AUTHORIZATION_FAILED = 31, "CLUSTER_AUTHORIZATION_FAILED";
    UNSUPPORTED_SASL_MECHANISM = 33, "UNSUPPORTED_SASL_MECHANISM";
    ILLEGAL_SASL_STATE = 34, "ILLEGAL_SASL_STATE";
    UNSUPPORTED_VERSION = 35, "UNSUPPORTED_VERSION";
    INVALID_CONFIG = 40, "INVALID_CONFIG";
    INVALID_REQUEST = 42, "INVALID_REQUEST";
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43, "UNSUPPORTED_FOR_MESSAGE_FORMAT";
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED";
    KAFKA_STORAGE_ERROR = 56, "KAFKA_STORAGE_ERROR";
    SASL_AUTHENTICATION_FAILED = 58, "SASL_AUTHENTICATION_FAILED";
    GROUP_ID_NOT_FOUND = 69, "GROUP_ID_NOT_FOUND";
    FENCED_LEADER_EPOCH = 74, "FENCED_LEADER_EPOCH";
    UNKNOWN_LEADER_EPOCH = 75, "UNKNOWN_LEADER_EPOCH";
    OFFSET_NOT_AVAILABLE = 78, "OFFSET_NOT_AVAILABLE";
    UNSTABLE_OFFSET_COMMIT = 88, "UNSTABLE_OFFSET_COMMIT";
    THROTTLING_QUOTA_EXCEEDED = 89, "THROTTLING_QUOTA_EXCEEDED";
    UNKNOWN_TOPIC_ID = 100, "UNKNOWN_TOPIC_ID";
    TRANSACTIONAL_ID_NOT_FOUND = 105, "TRANSACTIONAL_ID_NOT_FOUND";
}

impl ErrorCode {
    /// The error of a field of a response; `None` for zero.
    pub(crate) fn of(code: i16) -> Option<Self> {
        (code != 0).then_some(Self(code))
    }

    /// Whether the request can succeed later, possibly at another broker: a coordinator or a leader has moved or is not
    /// ready yet.
    #[must_use]
    pub fn is_retriable(self) -> bool {
        matches!(
            self,
            Self::COORDINATOR_LOAD_IN_PROGRESS
                | Self::COORDINATOR_NOT_AVAILABLE
                | Self::NOT_COORDINATOR
                | Self::LEADER_NOT_AVAILABLE
                | Self::NOT_LEADER_OR_FOLLOWER
                | Self::FENCED_LEADER_EPOCH
                | Self::UNKNOWN_LEADER_EPOCH
                | Self::OFFSET_NOT_AVAILABLE
                | Self::REPLICA_NOT_AVAILABLE
                | Self::KAFKA_STORAGE_ERROR
                | Self::NETWORK_EXCEPTION
                | Self::REQUEST_TIMED_OUT
        )
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "error code {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_code_keeps_its_number() {
        assert_eq!(ErrorCode::of(0), None);
        assert_eq!(ErrorCode::of(16), Some(ErrorCode::NOT_COORDINATOR));
        assert_eq!(ErrorCode(9999).to_string(), "error code 9999");
        assert_eq!(ErrorCode::NOT_COORDINATOR.to_string(), "NOT_COORDINATOR");
    }
}
