//! Sends a batch of letters, or counts what a command would send.

use std::{collections::HashSet, time::Duration};

use chrono::Utc;
use kreplay_kafka::producer::{Refusal, SendError, time};

use super::{OutgoingLetter, Retrier};
use crate::dlq::{DeadLetter, DlqError};

/// How long the broker may take to acknowledge a batch.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);
/// The number of refused letters that are listed.
const MAX_NAMED_REFUSALS: usize = 20;

impl Retrier<'_> {
    /// Counts the letters that would be sent or, as far as is known, refused.
    pub(super) fn count_outgoing(&mut self, outgoing: &[OutgoingLetter]) {
        let now = Utc::now().timestamp_millis();
        for one in outgoing {
            if self.blocked.contains(&one.lane) {
                self.done.behind_refused += 1;
                continue;
            }
            let limits = &self.targets[&*one.letter.source.topic].limits;
            let refused = one.timestamp_ms.and_then(|at| Some((at, limits.refuses_time(at, now)?)));
            if let Some((at, refusal)) = refused {
                let text = format!(
                    "its timestamp {} is outside the limits of topic {} ({} = {})",
                    time(at),
                    one.letter.source.topic,
                    refusal.setting,
                    refusal.limit_ms
                );
                self.refuse(one.number, one.record.offset, &one.letter, one.lane, &text);
                continue;
            }
            let headers = one.headers();
            let bytes = one.as_new(&headers, self.options.same_partition).batch_bytes();
            if let Some(limit) = limits.max_message_bytes.filter(|limit| bytes > *limit) {
                let text = format!(
                    "{} at offset {} has {bytes} bytes, but topic {} accepts {limit} (max.message.bytes): it will be \
                     rejected unless compression makes it smaller",
                    self.progress[one.number].id, one.record.offset, one.letter.source.topic
                );
                (self.warn)(&text);
            }
            self.done.sent += 1;
        }
    }

    /// Sends letters. `expired` has the indexes of letters older than the retention of their topic.
    pub(super) fn send(&mut self, outgoing: &[OutgoingLetter], expired: &HashSet<usize>) -> Result<(), DlqError> {
        let lanes: Vec<u64> = outgoing.iter().map(|one| one.lane).collect();
        let same_partition = self.options.same_partition;
        let suspects = self.suspects(outgoing);
        let outcome = self.producer.deliver(
            &lanes,
            usize::MAX,
            DELIVERY_TIMEOUT,
            |at| suspects.contains(&at),
            |at, send| {
                let one = &outgoing[at];
                let headers = one.headers();
                send(one.as_new(&headers, same_partition))
            },
        );
        for (at, one) in outgoing.iter().enumerate().filter(|(at, _)| outcome.there[*at]) {
            self.progress[one.number].position.complete(one.record.offset);
            self.done.sent += 1;
            self.done.older_than_retention += u64::from(expired.contains(&at));
            self.pacer.note(1, one.record.size());
        }
        let explanation = |at: usize, refusal: &Refusal| {
            let one = &outgoing[at];
            let headers = one.headers();
            let limits = self.targets.get(&*one.letter.source.topic).map(|target| &target.limits);
            refusal.explain(&one.as_new(&headers, same_partition).facts(), limits)
        };
        let texts: Vec<(usize, String)> =
            outcome.refused.iter().map(|(at, refusal)| (*at, explanation(*at, refusal))).collect();
        let not_sent = |at: usize, reason: String| DlqError::NotSent {
            id: self.progress[outgoing[at].number].id.clone(),
            offset: outgoing[at].record.offset,
            target: outgoing[at].letter.source.topic.to_string(),
            reason,
        };
        let error = match &outcome.error {
            None => None,
            Some(SendError::Topic(at, refusal)) => Some(not_sent(*at, explanation(*at, refusal))),
            Some(SendError::Temporary(reason)) => {
                let first = outcome.there.iter().position(|there| !there);
                first.map(|at| not_sent(at, reason.clone()))
            }
        };
        let is_refused = |at: usize| outcome.refused.binary_search_by_key(&at, |(at, _)| *at).is_ok();
        let left = (0..outgoing.len()).filter(|at| !outcome.there[*at] && !is_refused(*at)).count();
        if error.is_none() {
            self.done.behind_refused += left as u64;
        }
        for (at, text) in texts {
            let one = &outgoing[at];
            self.refuse(one.number, one.record.offset, &one.letter, one.lane, &text);
        }
        error.map_or(Ok(()), Err)
    }

    /// The indexes of letters that their topic will probably refuse.
    fn suspects(&self, outgoing: &[OutgoingLetter]) -> HashSet<usize> {
        let now = Utc::now().timestamp_millis();
        let is_suspect = |one: &OutgoingLetter| {
            let limits = &self.targets[&*one.letter.source.topic].limits;
            let headers = one.headers();
            limits.refuses(&one.as_new(&headers, self.options.same_partition).facts(), now)
        };
        outgoing.iter().enumerate().filter(|(_, one)| is_suspect(one)).map(|(at, _)| at).collect()
    }

    /// Counts a refused letter and blocks its lane.
    pub(super) fn refuse(&mut self, number: usize, offset: i64, letter: &DeadLetter, lane: u64, reason: &str) {
        self.blocked.insert(lane);
        self.done.refused += 1;
        if self.done.refusals.len() < MAX_NAMED_REFUSALS {
            let text = format!(
                "{} at offset {offset} (from {} at {}): {reason}",
                self.progress[number].id, letter.source, letter.offset
            );
            self.done.refusals.push(text);
        }
    }
}
