//! One attempt at sending records, and who is to blame where some are refused.
//!
//! A broker judges batches. Since Kafka 2.4 it names the records of a batch that are to blame, except where the batch as a whole is
//! too large; and where it names only one, librdkafka (2.12) reports all of the batch alike. Then what is known of the topic tells,
//! or each record that may be to blame is sent by itself once, which shows it.

use std::time::Duration;

use super::{BatchProducer, Cause, Fault, Refusal};

/// What became of records that were sent.
pub enum Attempt {
    /// The broker has them.
    All,
    /// Some were refused.
    Not(NotSent),
    /// They are still on their way; in one sentence.
    Unknown(String),
}

/// Records that were refused, by number.
#[derive(Debug)]
pub struct NotSent {
    /// Which, and why, in rising order.
    pub refused: Vec<(usize, Refusal)>,
    /// From this number on nothing was sent.
    pub sent: usize,
}

/// What follows from an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// These will never be accepted; the others were not judged, or are there.
    Blamed(Vec<(usize, Refusal)>),
    /// The topic of this one accepts nothing.
    Closed(usize, Refusal),
    /// A batch was refused, and any of its records may be to blame. Sent by themselves, those below this number will show it.
    Crowded(usize),
    /// Nothing that will last, in one sentence: to be sent again.
    Passing(String),
}

/// Sends records and waits for what becomes of them, at most `within` each time. The first `singly` are sent one after the other,
/// each after the one before it was accepted. `send` sends the record of a number.
#[must_use]
pub fn attempt(
    producer: &BatchProducer,
    count: usize,
    singly: usize,
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
        if number < singly {
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
    /// Whether the broker has a record.
    #[must_use]
    pub fn is_there(&self, number: usize) -> bool {
        number < self.sent && self.refused.binary_search_by_key(&number, |(at, _)| *at).is_err()
    }

    /// What follows. `singly` is how many were sent by themselves; `is_suspect` says whether a record of that number is out of the
    /// bounds that its topic is known to have.
    #[must_use]
    pub fn verdict(self, singly: usize, is_suspect: impl Fn(usize) -> bool) -> Verdict {
        let is = |fault: Fault| move |(_, one): &&(usize, Refusal)| one.fault == fault;
        if let Some((number, one)) = self.refused.iter().find(is(Fault::Topic)) {
            return Verdict::Closed(*number, one.clone());
        }
        let is_to_blame = |(number, one): &&(usize, Refusal)| {
            one.exact || matches!(one.cause, Cause::Timestamp | Cause::Invalid) && is_suspect(*number)
        };
        let exact: Vec<_> = self.refused.iter().filter(is(Fault::Record)).filter(is_to_blame).cloned().collect();
        if !exact.is_empty() {
            return Verdict::Blamed(exact);
        }
        if let Some((last, _)) = self.refused.iter().rev().find(is(Fault::Record))
            && *last >= singly
        {
            return Verdict::Crowded(last + 1);
        }
        // The reason of a neighbour says nothing of why.
        let reason = self.refused.iter().find(is(Fault::Passing)).or(self.refused.first());
        Verdict::Passing(reason.map_or_else(|| "records were not sent".to_owned(), |(_, one)| one.reason.clone()))
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode::{
        self, InvalidDifferentRecord, InvalidTimestamp, MessageSizeTooLarge, MessageTimedOut, TopicAuthorizationFailed,
    };

    use super::*;

    fn verdict(singly: usize, refused: &[(usize, RDKafkaErrorCode, bool)]) -> Verdict {
        let refused = refused.iter().map(|(at, code, exact)| (*at, Refusal::reported(*code, *exact))).collect();
        NotSent { refused, sent: 10 }.verdict(singly, |_| false)
    }

    #[test]
    fn the_record_that_the_broker_names_is_to_blame_and_its_neighbours_are_not() {
        let neighbours =
            [(0, InvalidDifferentRecord, true), (1, InvalidTimestamp, true), (2, InvalidDifferentRecord, true)];
        assert_eq!(verdict(0, &neighbours), Verdict::Blamed(vec![(1, Refusal::reported(InvalidTimestamp, true))]));
    }

    #[test]
    fn a_batch_that_is_too_large_is_taken_apart_once() {
        let batch = [(3, MessageSizeTooLarge, false), (5, MessageSizeTooLarge, false)];
        assert_eq!(verdict(0, &batch), Verdict::Crowded(6));
        assert!(matches!(verdict(6, &batch), Verdict::Passing(_)), "not for ever");
        assert!(matches!(verdict(4, &[(3, MessageSizeTooLarge, true)]), Verdict::Blamed(_)));
    }

    #[test]
    fn where_all_of_a_batch_are_reported_alike_the_bounds_of_the_topic_tell() {
        let refused = (0..5).map(|at| (at, Refusal::reported(InvalidTimestamp, false))).collect();
        let verdict = NotSent { refused, sent: 5 }.verdict(0, |at| at == 3);
        assert_eq!(verdict, Verdict::Blamed(vec![(3, Refusal::reported(InvalidTimestamp, false))]));
    }

    #[test]
    fn a_closed_topic_comes_before_everything_and_time_outs_are_nobodys_fault() {
        let closed = verdict(0, &[(0, InvalidTimestamp, true), (4, TopicAuthorizationFailed, false)]);
        assert!(matches!(closed, Verdict::Closed(4, _)), "{closed:?}");
        let passing = verdict(0, &[(0, InvalidDifferentRecord, true), (1, MessageTimedOut, false)]);
        assert_eq!(passing, Verdict::Passing(Refusal::reported(MessageTimedOut, false).reason));
    }

    #[test]
    fn what_was_not_sent_is_not_there() {
        let not = NotSent { refused: vec![(1, Refusal::reported(MessageTimedOut, false))], sent: 3 };
        assert_eq!([0, 1, 2, 3].map(|number| not.is_there(number)), [true, false, true, false]);
    }
}
