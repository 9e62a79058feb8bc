//! What a refusal says: whether the record is to blame, its topic, another record, or a broker that is away.

use chrono::{DateTime, SecondsFormat, Utc};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::{RecordFacts, plain};
use crate::kafka::TopicLimits;

/// Whose fault it is that a record was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The record's: it will never be accepted (too large, a timestamp out of bounds, a partition that is not there).
    Record,
    /// Its topic's: no record will be accepted (not there, no permission).
    Topic,
    /// Another record's, which stands in the same batch or transaction, or before it. It was not judged itself.
    Neighbour,
    /// Nothing that will last: a broker was away or slow.
    Passing,
}

/// What a refused record was refused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It is larger than the topic accepts, or the batch that it was in.
    TooLarge,
    /// It is larger than the client's own `message.max.bytes`, in bytes; no broker has seen it.
    TooLargeForClient(u64),
    /// Its timestamp is too far before or after the broker's time.
    Timestamp,
    /// The broker calls it invalid: a compacted topic needs a key, and several timestamps out of bounds are reported so, too.
    Invalid,
    /// What the reason says.
    Other,
}

/// A record that was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whose fault that is.
    pub fault: Fault,
    /// What it was refused for.
    pub cause: Cause,
    /// The broker's or the library's words.
    pub reason: String,
    /// Whether this very record was judged. Otherwise a batch was, and another record of it may be to blame.
    pub exact: bool,
}

impl Refusal {
    /// A record that cannot be sent at all.
    #[must_use]
    pub fn of_record(reason: String) -> Self {
        Self { fault: Fault::Record, cause: Cause::Other, reason, exact: true }
    }

    pub(super) fn passing(reason: String) -> Self {
        Self { fault: Fault::Passing, cause: Cause::Other, reason, exact: false }
    }

    /// Of a record that the library did not even queue; `client_limit` is its `message.max.bytes`.
    pub(super) fn at_once(error: &KafkaError, client_limit: u64) -> Self {
        let code = error.rdkafka_error_code();
        let cause = match code {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Cause::TooLargeForClient(client_limit),
            code => code.map_or(Cause::Other, cause_of),
        };
        Self { fault: code.map_or(Fault::Passing, fault_of), cause, reason: plain(error), exact: true }
    }

    /// Of a record that was sent.
    pub(super) fn reported(code: RDKafkaErrorCode, exact: bool) -> Self {
        Self { fault: fault_of(code), cause: cause_of(code), reason: code.to_string(), exact }
    }

    /// Why the record is refused, with the setting that decides it, and what can be done.
    #[must_use]
    pub fn explain(&self, record: &RecordFacts<'_>, limits: Option<&TopicLimits>) -> String {
        let topic = record.topic;
        match self.cause {
            Cause::TooLargeForClient(limit) => format!(
                "with {} bytes it is larger than this client may send ({limit} bytes); raise or remove message.max.bytes in the \
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
                        "topic {topic} accepts {limit} bytes and refused it with {bytes} bytes; raise max.message.bytes of {topic}"
                    ),
                    None => format!(
                        "with {bytes} bytes it is larger than topic {topic} accepts; raise max.message.bytes of {topic}"
                    ),
                }
            }
            Cause::Timestamp => out_of_bounds(record, limits),
            Cause::Invalid if !record.has_key && limits.is_none_or(|limits| limits.compacts) => {
                format!("topic {topic} is compacted and accepts no record without a key")
            }
            Cause::Invalid if refused_time(record, limits).is_some() => out_of_bounds(record, limits),
            Cause::Invalid | Cause::Other => format!("{}: topic {topic}", self.reason),
        }
    }
}

fn refused_time(record: &RecordFacts<'_>, limits: Option<&TopicLimits>) -> Option<crate::kafka::TimeRefusal> {
    limits?.refuses_time(record.timestamp_ms?, Utc::now().timestamp_millis())
}

fn out_of_bounds(record: &RecordFacts<'_>, limits: Option<&TopicLimits>) -> String {
    let topic = record.topic;
    let at = record.timestamp_ms.map_or_else(|| "of sending".to_owned(), time);
    match refused_time(record, limits) {
        Some(refusal) => format!(
            "its timestamp {at} is out of the bounds of topic {topic} ({} = {}); raise that setting of {topic}",
            refusal.setting, refusal.limit_ms
        ),
        None => format!(
            "its timestamp {at} is out of the bounds of topic {topic}; raise message.timestamp.after.max.ms or \
             message.timestamp.before.max.ms of {topic}"
        ),
    }
}

/// A timestamp for people.
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
    fn codes_say_who_is_to_blame() {
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
    fn the_clients_limit_is_not_taken_for_the_topics() {
        let record = RecordFacts { topic: "orders", batch_bytes: 170, timestamp_ms: None, has_key: true };
        let limits = TopicLimits { max_message_bytes: Some(90), ..TopicLimits::default() };
        let error = KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge);
        let ours = Refusal::at_once(&error, 50).explain(&record, Some(&limits));
        assert!(ours.contains("message.max.bytes in the client's properties") && ours.contains("50 bytes"), "{ours}");
        let theirs = Refusal::reported(RDKafkaErrorCode::MessageSizeTooLarge, true).explain(&record, Some(&limits));
        assert!(theirs.contains("raise max.message.bytes of orders") && theirs.contains("90 bytes"), "{theirs}");
        assert!(theirs.contains("with 170 bytes"), "{theirs}");
    }

    #[test]
    fn an_invalid_record_is_explained_by_what_the_topic_asks_for() {
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
