//! Why a figure is not known, from the errors of the client.

use kreplay_kafka::SeenError;
use kreplay_model::domain::printable;
use kreplay_model::watch::Reason;
use kreplay_wire::{ErrorCode, WireError};

/// What a request was about: the operation that the user needs, and the resource.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subject<'a> {
    /// A group.
    Group(&'a str),
    /// The offsets of a topic.
    Topic(&'a str),
    /// The settings of a topic.
    TopicSettings(&'a str),
    /// The settings of the brokers.
    BrokerSettings,
    /// The producers of a topic.
    Producers(&'a str),
}

impl Subject<'_> {
    fn missing_permission(self) -> Reason {
        let (operation, resource) = match self {
            Self::Group(name) => ("DESCRIBE", format!("group {name}")),
            Self::Topic(name) => ("DESCRIBE", format!("topic {name}")),
            Self::TopicSettings(name) => ("DESCRIBE_CONFIGS", format!("topic {name}")),
            Self::BrokerSettings => ("DESCRIBE_CONFIGS", "cluster".to_owned()),
            Self::Producers(name) => ("READ", format!("topic {name}")),
        };
        Reason::NotAuthorized { operation: operation.to_owned(), resource }
    }

    /// The coordinator refuses to describe a group if a member reads a topic that the user may not describe. It does
    /// not name the topic.
    fn missing_topic_permission(self) -> Reason {
        match self {
            Self::Group(name) => {
                Reason::NotAuthorized { operation: "DESCRIBE".to_owned(), resource: format!("a topic of group {name}") }
            }
            _ => self.missing_permission(),
        }
    }
}

/// Why a request failed.
pub(crate) fn reason(error: &WireError, subject: Subject<'_>) -> Reason {
    match error {
        WireError::Kafka { code, .. } => of_code(*code, subject).unwrap_or_else(|| other(error)),
        // A partition without a leader, or a coordinator that moves, is retried until the time is over.
        WireError::Timeout { last: Some(last), .. } => match reason(last, subject) {
            Reason::Other(_) => Reason::TimedOut,
            known => known,
        },
        WireError::Timeout { last: None, .. } | WireError::Closed { .. } => Reason::TimedOut,
        WireError::Connect { .. } => match subject {
            Subject::Topic(_) => Reason::NoLeader,
            _ => Reason::TimedOut,
        },
        WireError::Unsupported { .. } => Reason::Unsupported,
        _ => other(error),
    }
}

/// Why librdkafka has no answer.
pub(crate) fn reason_of_librdkafka(error: &SeenError, subject: Subject<'_>) -> Reason {
    match error {
        SeenError::Broker { code, .. } => of_code(ErrorCode(*code), subject).unwrap_or_else(|| other(error)),
        SeenError::NoAnswer => Reason::TimedOut,
        SeenError::NotConsumers(_) => Reason::NotInLibrdkafka,
        SeenError::Other(_) => other(error),
    }
}

/// The reason for an error code; `None` if there is no better one than its text.
fn of_code(code: ErrorCode, subject: Subject<'_>) -> Option<Reason> {
    Some(match code {
        ErrorCode::TOPIC_AUTHORIZATION_FAILED => subject.missing_topic_permission(),
        ErrorCode::GROUP_AUTHORIZATION_FAILED | ErrorCode::CLUSTER_AUTHORIZATION_FAILED => subject.missing_permission(),
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID => Reason::TopicGone,
        ErrorCode::LEADER_NOT_AVAILABLE | ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::REPLICA_NOT_AVAILABLE => {
            Reason::NoLeader
        }
        ErrorCode::GROUP_ID_NOT_FOUND => Reason::GroupGone,
        ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => Reason::CoordinatorMoved,
        ErrorCode::COORDINATOR_LOAD_IN_PROGRESS => Reason::CoordinatorLoading,
        ErrorCode::REQUEST_TIMED_OUT | ErrorCode::NETWORK_EXCEPTION => Reason::TimedOut,
        ErrorCode::UNSUPPORTED_VERSION => Reason::Unsupported,
        _ => return None,
    })
}

/// The error in its own words.
pub(crate) fn other(error: &dyn std::fmt::Display) -> Reason {
    Reason::Other(printable(&error.to_string()).into_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn kafka(code: ErrorCode) -> WireError {
        WireError::Kafka { code, message: None }
    }

    #[test]
    fn a_missing_permission_names_what_is_needed() {
        let error = kafka(ErrorCode::TOPIC_AUTHORIZATION_FAILED);
        let text = |subject| reason(&error, subject).to_string();
        assert_eq!(text(Subject::Topic("orders")), "not authorized: DESCRIBE on topic orders is required");
        assert_eq!(text(Subject::Producers("orders")), "not authorized: READ on topic orders is required");
        assert_eq!(text(Subject::Group("g")), "not authorized: DESCRIBE on a topic of group g is required");
        let refused = reason(&kafka(ErrorCode::GROUP_AUTHORIZATION_FAILED), Subject::Group("g"));
        assert_eq!(refused.to_string(), "not authorized: DESCRIBE on group g is required");
    }

    #[test]
    fn errors_of_librdkafka_have_the_reasons_of_their_codes() {
        let broker = |code: ErrorCode| SeenError::Broker { code: code.0, text: "text".to_owned() };
        let of = |error: &SeenError, subject| reason_of_librdkafka(error, subject);
        let refused = of(&broker(ErrorCode::GROUP_AUTHORIZATION_FAILED), Subject::Group("g"));
        assert_eq!(refused.to_string(), "not authorized: DESCRIBE on group g is required");
        assert_eq!(of(&broker(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION), Subject::Topic("t")), Reason::TopicGone);
        assert_eq!(of(&broker(ErrorCode::INVALID_REQUEST), Subject::Topic("t")), Reason::Other("text".to_owned()));
        assert_eq!(of(&SeenError::NoAnswer, Subject::Group("g")), Reason::TimedOut);
        assert_eq!(of(&SeenError::NotConsumers("connect".to_owned()), Subject::Group("g")), Reason::NotInLibrdkafka);
    }

    #[test]
    fn a_timeout_has_the_reason_of_its_last_error() {
        let after = Duration::from_secs(1);
        let with = |last: Option<WireError>| WireError::Timeout { after, last: last.map(Box::new) };
        let of = |error| reason(&error, Subject::Group("g"));
        assert_eq!(of(with(Some(kafka(ErrorCode::NOT_COORDINATOR)))), Reason::CoordinatorMoved);
        assert_eq!(of(with(Some(kafka(ErrorCode::INVALID_REQUEST)))), Reason::TimedOut);
        assert_eq!(of(with(None)), Reason::TimedOut);
    }
}
