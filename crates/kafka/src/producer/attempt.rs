//! One attempt to send records, and which of them caused a rejection.
//!
//! Brokers accept or reject whole batches. Since Kafka 2.4 a broker reports which records of a batch caused the
//! rejection, except when the batch as a whole is too large; and if it names only one record, librdkafka (2.12) reports
//! the same error for the whole batch. In these cases the known limits of the topic identify the record, or each
//! suspect is sent once in a batch by itself.

use std::time::Duration;

use super::{BatchProducer, Cause, Fault, Refusal};

/// The result of an attempt.
pub enum Attempt {
    /// All records were accepted.
    All,
    /// Some records were not accepted.
    Not(NotSent),
    /// Records are still in flight; the text gives the reason, in one sentence.
    Unknown(String),
}

/// The records of an attempt that were not accepted.
#[derive(Debug)]
pub struct NotSent {
    /// Numbers of the rejected records in ascending order, with the reasons.
    pub refused: Vec<(usize, Refusal)>,
    /// Records from this number on were not sent.
    pub sent: usize,
}

/// What an attempt was rejected for, and so how to proceed.
#[derive(Debug, PartialEq, Eq)]
pub enum Rejection {
    /// These records will never be accepted. The others were accepted, or were not examined.
    Records(Vec<(usize, Refusal)>),
    /// The topic of this record accepts no records.
    Topic(usize, Refusal),
    /// A batch was rejected, and any of its records may be the cause. Send the records below this number one at a time
    /// to find it.
    Batch(usize),
    /// A temporary error, in one sentence: send the records again.
    Temporary(String),
}

/// Sends `count` records and waits for the results, up to `within` each time. The first `single_count` records are sent
/// one at a time, each after the previous one was accepted. `send` sends the record with the given number.
#[must_use]
pub fn attempt(
    producer: &BatchProducer,
    count: usize,
    single_count: usize,
    within: Duration,
    mut send: impl FnMut(usize) -> Result<(), Refusal>,
) -> Attempt {
    let (mut refused, mut handed_over) = (Vec::new(), count);
    for number in 0..count {
        if let Err(refusal) = send(number) {
            refused.push((number, refusal));
            handed_over = number;
            break;
        }
        if number < single_count {
            match producer.settle(within) {
                Ok(failed) if failed.is_empty() => {}
                Ok(failed) => {
                    refused.extend(failed.into_iter().map(|(at, refusal)| (at, Refusal { exact: true, ..refusal })));
                    handed_over = number + 1;
                    break;
                }
                Err(error) => return Attempt::Unknown(error),
            }
        }
    }
    match producer.settle(within) {
        Ok(failed) => refused.extend(failed),
        Err(error) => return Attempt::Unknown(error),
    }
    if refused.is_empty() {
        return Attempt::All;
    }
    refused.sort_by_key(|(number, _)| *number);
    Attempt::Not(NotSent { refused, sent: handed_over })
}

impl NotSent {
    /// Whether the broker accepted a record.
    #[must_use]
    pub fn is_there(&self, number: usize) -> bool {
        number < self.sent && self.refused.binary_search_by_key(&number, |(at, _)| *at).is_err()
    }

    /// What was rejected. `single_count` is the number of records that were sent one at a time; `is_suspect` returns
    /// whether the record with this number exceeds a known limit of its topic.
    #[must_use]
    pub fn rejection(self, single_count: usize, is_suspect: impl Fn(usize) -> bool) -> Rejection {
        let is = |fault: Fault| move |(_, one): &&(usize, Refusal)| one.fault == fault;
        if let Some((number, one)) = self.refused.iter().find(is(Fault::Topic)) {
            return Rejection::Topic(*number, one.clone());
        }
        let is_to_blame = |(number, one): &&(usize, Refusal)| {
            one.exact || matches!(one.cause, Cause::Timestamp | Cause::Invalid) && is_suspect(*number)
        };
        let exact: Vec<_> = self.refused.iter().filter(is(Fault::Record)).filter(is_to_blame).cloned().collect();
        if !exact.is_empty() {
            return Rejection::Records(exact);
        }
        if let Some((last, _)) = self.refused.iter().rev().find(is(Fault::Record))
            && *last >= single_count
        {
            return Rejection::Batch(last + 1);
        }
        // The reason of a record that failed because of another one does not explain the cause.
        let reason = self.refused.iter().find(is(Fault::Passing)).or(self.refused.first());
        Rejection::Temporary(reason.map_or_else(|| "records were not sent".to_owned(), |(_, one)| one.reason.clone()))
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode::{
        self, InvalidDifferentRecord, InvalidTimestamp, MessageSizeTooLarge, MessageTimedOut, TopicAuthorizationFailed,
    };

    use super::*;

    fn rejection(single_count: usize, refused: &[(usize, RDKafkaErrorCode, bool)]) -> Rejection {
        let refused = refused.iter().map(|(at, code, exact)| (*at, Refusal::reported(*code, *exact))).collect();
        NotSent { refused, sent: 10 }.rejection(single_count, |_| false)
    }

    #[test]
    fn only_the_record_named_by_the_broker_is_blamed() {
        let neighbours =
            [(0, InvalidDifferentRecord, true), (1, InvalidTimestamp, true), (2, InvalidDifferentRecord, true)];
        assert_eq!(rejection(0, &neighbours), Rejection::Records(vec![(1, Refusal::reported(InvalidTimestamp, true))]));
    }

    #[test]
    fn oversized_batch_is_split_once() {
        let batch = [(3, MessageSizeTooLarge, false), (5, MessageSizeTooLarge, false)];
        assert_eq!(rejection(0, &batch), Rejection::Batch(6));
        assert!(matches!(rejection(6, &batch), Rejection::Temporary(_)), "not repeatedly");
        assert!(matches!(rejection(4, &[(3, MessageSizeTooLarge, true)]), Rejection::Records(_)));
    }

    #[test]
    fn topic_limits_identify_the_record_if_all_report_the_same_error() {
        let refused = (0..5).map(|at| (at, Refusal::reported(InvalidTimestamp, false))).collect();
        let rejection = NotSent { refused, sent: 5 }.rejection(0, |at| at == 3);
        assert_eq!(rejection, Rejection::Records(vec![(3, Refusal::reported(InvalidTimestamp, false))]));
    }

    #[test]
    fn closed_topic_takes_precedence_and_timeouts_are_temporary() {
        let closed = rejection(0, &[(0, InvalidTimestamp, true), (4, TopicAuthorizationFailed, false)]);
        assert!(matches!(closed, Rejection::Topic(4, _)), "{closed:?}");
        let passing = rejection(0, &[(0, InvalidDifferentRecord, true), (1, MessageTimedOut, false)]);
        assert_eq!(passing, Rejection::Temporary(Refusal::reported(MessageTimedOut, false).reason));
    }

    #[test]
    fn unsent_records_do_not_count_as_accepted() {
        let not = NotSent { refused: vec![(1, Refusal::reported(MessageTimedOut, false))], sent: 3 };
        assert_eq!([0, 1, 2, 3].map(|number| not.is_there(number)), [true, false, true, false]);
    }
}
