//! Rejected records: whether the record, its topic, another record, or a temporary error is the cause.

use chrono::{DateTime, SecondsFormat, Utc};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::{RecordFacts, error_text};
use crate::TopicLimits;

/// What caused a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The record: it will never be accepted (too large, timestamp out of range, unknown partition).
    Record,
    /// Its topic: no record will be accepted (unknown topic, not authorized).
    Topic,
    /// Another record, in the same batch or transaction or before it. This record was not examined.
    Neighbour,
    /// A temporary error: a broker was unreachable or slow.
    Passing,
}

/// Why a record was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The record, or its batch, is larger than the topic accepts.
    TooLarge,
    /// The record is larger than the client's `message.max.bytes`, in bytes; it was not sent to a broker.
    TooLargeForClient(u64),
    /// Its timestamp is too far from the broker's time.
    Timestamp,
    /// The broker reported an invalid record: a compacted topic requires a key. Several timestamps out of range are
    /// reported like this, too.
    Invalid,
    /// Another cause, see the reason.
    Other,
}

/// A rejected record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What caused the rejection.
    pub fault: Fault,
    /// Why the record was rejected.
    pub cause: Cause,
    /// The broker's or librdkafka's message.
    pub reason: String,
    /// Whether the rejection concerns this record itself. Otherwise its batch was rejected, and another record may be
    /// the cause.
    pub exact: bool,
}

impl Refusal {
    /// A record that cannot be sent.
    #[must_use]
    pub fn of_record(reason: String) -> Self {
        Self { fault: Fault::Record, cause: Cause::Other, reason, exact: true }
    }

    pub(super) fn passing(reason: String) -> Self {
        Self { fault: Fault::Passing, cause: Cause::Other, reason, exact: false }
    }

    /// A record that librdkafka refused to queue; `client_limit` is its `message.max.bytes`.
    pub(super) fn rejected_by_client(error: &KafkaError, client_limit: u64) -> Self {
        let code = error.rdkafka_error_code();
        let cause = match code {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Cause::TooLargeForClient(client_limit),
            code => code.map_or(Cause::Other, cause_of),
        };
        Self { fault: code.map_or(Fault::Passing, fault_of), cause, reason: error_text(error), exact: true }
    }

    /// A record that was sent and rejected.
    pub(super) fn reported(code: RDKafkaErrorCode, exact: bool) -> Self {
        Self { fault: fault_of(code), cause: cause_of(code), reason: code.to_string(), exact }
    }

    /// Explains why the record was rejected, with the setting that caused it and the next step.
    #[must_use]
    pub fn explain(&self, record: &RecordFacts<'_>, limits: Option<&TopicLimits>) -> String {
        let topic = record.topic;
        match self.cause {
            Cause::TooLargeForClient(limit) => format!(
                "with {} bytes it exceeds this client's limit ({limit} bytes); raise or remove message.max.bytes in the \
                 client's properties",
                record.batch_bytes
            ),
            Cause::TooLarge => {
                let bytes = record.batch_bytes;
                match limits.and_then(|limits| limits.max_message_bytes) {
                    Some(limit) if bytes > limit => format!(
                        "with {bytes} bytes it is larger than topic {topic} accepts ({limit} bytes); raise max.message.bytes of \
                         {topic}"
                    ),
                    Some(limit) => format!(
                        "topic {topic} accepts at most {limit} bytes and rejected the record, which has {bytes} bytes; \
                         raise max.message.bytes of {topic}"
                    ),
                    None => format!(
                        "with {bytes} bytes it is larger than topic {topic} accepts; raise max.message.bytes of {topic}"
                    ),
                }
            }
            Cause::Timestamp => explain_timestamp(record, limits),
            Cause::Invalid if !record.has_key && limits.is_none_or(|limits| limits.compacts) => {
                format!("topic {topic} is compacted and accepts no record without a key")
            }
            Cause::Invalid if timestamp_refusal(record, limits).is_some() => explain_timestamp(record, limits),
            Cause::Invalid | Cause::Other => format!("{}: topic {topic}", self.reason),
        }
    }
}

fn timestamp_refusal(record: &RecordFacts<'_>, limits: Option<&TopicLimits>) -> Option<crate::TimestampRefusal> {
    limits?.refuses_time(record.timestamp_ms?, Utc::now().timestamp_millis())
}

fn explain_timestamp(record: &RecordFacts<'_>, limits: Option<&TopicLimits>) -> String {
    let topic = record.topic;
    let at = record.timestamp_ms.map_or_else(|| "(the time of sending)".to_owned(), time);
    match timestamp_refusal(record, limits) {
        Some(refusal) => format!(
            "its timestamp {at} is outside the range that topic {topic} accepts ({} = {}); raise that setting of {topic}",
            refusal.setting, refusal.limit_ms
        ),
        None => format!(
            "its timestamp {at} is outside the range that topic {topic} accepts; raise \
             message.timestamp.after.max.ms or message.timestamp.before.max.ms of {topic}"
        ),
    }
}

/// Formats a timestamp as RFC 3339, or as milliseconds if it is out of range.
#[must_use]
pub fn time(timestamp_ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(timestamp_ms)
        .map_or_else(|| format!("{timestamp_ms} ms"), |at| at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

fn cause_of(code: RDKafkaErrorCode) -> Cause {
    match code {
        RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::MessageBatchTooLarge => Cause::TooLarge,
        RDKafkaErrorCode::InvalidTimestamp => Cause::Timestamp,
        RDKafkaErrorCode::InvalidRecord => Cause::Invalid,
        _ => Cause::Other,
    }
}

pub(super) fn fault_of(code: RDKafkaErrorCode) -> Fault {
    match code {
        RDKafkaErrorCode::MessageSizeTooLarge
        | RDKafkaErrorCode::MessageBatchTooLarge
        | RDKafkaErrorCode::InvalidRecord
        | RDKafkaErrorCode::InvalidTimestamp
        | RDKafkaErrorCode::InvalidPartitions
        | RDKafkaErrorCode::UnknownPartition => Fault::Record,
        RDKafkaErrorCode::UnknownTopic
        | RDKafkaErrorCode::UnknownTopicOrPartition
        | RDKafkaErrorCode::InvalidTopic
        | RDKafkaErrorCode::PolicyViolation
        | RDKafkaErrorCode::UnsupportedForMessageFormat
        | RDKafkaErrorCode::UnsupportedCompressionType
        | RDKafkaErrorCode::InvalidRequiredAcks
        | RDKafkaErrorCode::TopicAuthorizationFailed
        | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
        | RDKafkaErrorCode::ClusterAuthorizationFailed => Fault::Topic,
        RDKafkaErrorCode::InvalidDifferentRecord
        | RDKafkaErrorCode::PurgeQueue
        | RDKafkaErrorCode::PurgeInflight
        | RDKafkaErrorCode::OutOfOrderSequenceNumber
        | RDKafkaErrorCode::GaplessGuarantee
        | RDKafkaErrorCode::Fatal => Fault::Neighbour,
        _ => Fault::Passing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_map_to_faults_and_causes() {
        use RDKafkaErrorCode as Code;
        for (code, fault, cause) in [
            (Code::MessageSizeTooLarge, Fault::Record, Cause::TooLarge),
            (Code::InvalidTimestamp, Fault::Record, Cause::Timestamp),
            (Code::InvalidRecord, Fault::Record, Cause::Invalid),
            (Code::UnknownPartition, Fault::Record, Cause::Other),
            (Code::TopicAuthorizationFailed, Fault::Topic, Cause::Other),
            (Code::UnknownTopicOrPartition, Fault::Topic, Cause::Other),
            (Code::PolicyViolation, Fault::Topic, Cause::Other),
            (Code::UnsupportedCompressionType, Fault::Topic, Cause::Other),
            (Code::InvalidDifferentRecord, Fault::Neighbour, Cause::Other),
            (Code::PurgeQueue, Fault::Neighbour, Cause::Other),
            (Code::OutOfOrderSequenceNumber, Fault::Neighbour, Cause::Other),
            (Code::MessageTimedOut, Fault::Passing, Cause::Other),
            (Code::NotEnoughReplicas, Fault::Passing, Cause::Other),
            (Code::BrokerTransportFailure, Fault::Passing, Cause::Other),
        ] {
            let refusal = Refusal::reported(code, true);
            assert_eq!((refusal.fault, refusal.cause), (fault, cause), "{code:?}");
        }
    }

    #[test]
    fn client_limit_is_distinguished_from_topic_limit() {
        let record = RecordFacts { topic: "orders", batch_bytes: 170, timestamp_ms: None, has_key: true };
        let limits = TopicLimits { max_message_bytes: Some(90), ..TopicLimits::default() };
        let error = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);
        let ours = Refusal::rejected_by_client(&error, 50).explain(&record, Some(&limits));
        assert!(ours.contains("message.max.bytes in the client's properties") && ours.contains("50 bytes"), "{ours}");
        let theirs = Refusal::reported(RDKafkaErrorCode::MessageSizeTooLarge, true).explain(&record, Some(&limits));
        assert!(theirs.contains("raise max.message.bytes of orders") && theirs.contains("90 bytes"), "{theirs}");
        assert!(theirs.contains("with 170 bytes"), "{theirs}");
    }

    #[test]
    fn invalid_record_is_explained_by_topic_settings() {
        let refusal = Refusal::reported(RDKafkaErrorCode::InvalidRecord, true);
        let compacted = TopicLimits { compacts: true, after_max_ms: Some(1000), ..TopicLimits::default() };
        let future = Utc::now().timestamp_millis() + 3_600_000;
        let keyless = RecordFacts { topic: "t", batch_bytes: 70, timestamp_ms: Some(future), has_key: false };
        assert!(refusal.explain(&keyless, Some(&compacted)).contains("without a key"));
        let keyed = RecordFacts { has_key: true, ..keyless };
        let text = refusal.explain(&keyed, Some(&compacted));
        assert!(text.contains("message.timestamp.after.max.ms = 1000") && text.contains(&time(future)), "{text}");
        let neither = refusal.explain(&keyed, Some(&TopicLimits::default()));
        assert!(neither.contains("topic t"), "{neither}");
    }
}
