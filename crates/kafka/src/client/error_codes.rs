//! What librdkafka's error codes mean for a reader, a member, or a request.

use rdkafka::error::RDKafkaErrorCode;

/// Whether the error is permanent for the partition that reports it.
#[must_use]
pub fn is_final(code: RDKafkaErrorCode) -> bool {
    is_of_topic(code) || matches!(code, RDKafkaErrorCode::GroupAuthorizationFailed | RDKafkaErrorCode::Fatal)
}

/// Whether the error is permanent for a topic or one of its partitions, and does not concern other topics.
pub(crate) fn is_of_topic(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::TopicAuthorizationFailed
    )
}

/// Whether a request about a group or its offsets would fail with the same error again.
pub(crate) fn is_final_for_group(code: RDKafkaErrorCode) -> bool {
    is_final(code)
        || matches!(
            code,
            RDKafkaErrorCode::InvalidGroupId
                | RDKafkaErrorCode::UnsupportedFeature
                | RDKafkaErrorCode::UnsupportedVersion
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
        )
}

/// Whether the coordinator of a group cannot answer now: it is being looked up, moves, loads, or is not reachable. It
/// may accept the same request later.
pub(crate) fn is_coordinator_away(code: RDKafkaErrorCode) -> bool {
    is_outage(code)
        || matches!(
            code,
            RDKafkaErrorCode::WaitingForCoordinator
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::NotCoordinator
        )
}

/// Whether a code means that the user may not read the topic.
#[must_use]
pub fn is_not_authorized(code: RDKafkaErrorCode) -> bool {
    code == RDKafkaErrorCode::TopicAuthorizationFailed
}

/// Whether the error means that the requested offset lies outside the partition's log.
#[must_use]
pub fn is_out_of_range(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)
}

/// Whether the error ends the group membership: the broker rejects the member permanently. Topic errors are not
/// included, because they fail only that topic's partitions while the others continue, as without a group.
#[must_use]
pub(crate) fn ends_membership(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::InvalidGroupId
            | RDKafkaErrorCode::InconsistentGroupProtocol
            | RDKafkaErrorCode::InvalidSessionTimeout
            | RDKafkaErrorCode::GroupMaxSizeReached
            | RDKafkaErrorCode::UnsupportedVersion
            | RDKafkaErrorCode::UnsupportedFeature
            | RDKafkaErrorCode::Fatal
    )
}

/// Whether the error only means that brokers are unreachable, which [`ClientHealth`](super::ClientHealth) tracks.
pub(crate) fn is_outage(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_topic_is_none_of_the_group() {
        for (code, expected) in
            [(RDKafkaErrorCode::TopicAuthorizationFailed, true), (RDKafkaErrorCode::GroupAuthorizationFailed, false)]
        {
            assert!(is_final(code) && is_of_topic(code) == expected, "{code:?}");
        }
    }

    #[test]
    fn errors_of_a_group_pass_or_stay() {
        for code in [RDKafkaErrorCode::NotCoordinator, RDKafkaErrorCode::OperationTimedOut] {
            assert!(is_coordinator_away(code) && !is_final_for_group(code), "{code:?}");
        }
        for code in [RDKafkaErrorCode::GroupAuthorizationFailed, RDKafkaErrorCode::InvalidGroupId] {
            assert!(is_final_for_group(code) && !is_coordinator_away(code), "{code:?}");
        }
        // The group has members: a commit without membership is rejected as long as it has.
        assert!(!is_coordinator_away(RDKafkaErrorCode::UnknownMemberId));
    }
}
