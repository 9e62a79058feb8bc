//! The connection state of a client.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::error::RDKafkaErrorCode;

/// Connection state of a client, updated by librdkafka's callbacks.
#[derive(Debug, Default)]
pub struct ClientHealth {
    down: AtomicBool,
    last_problem: Mutex<Option<String>>,
    last_sign: Mutex<Option<Instant>>,
}

impl ClientHealth {
    /// Whether all brokers were unreachable at the last report.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    /// Records that a broker has sent something.
    pub fn note_sign(&self, now: Instant) {
        *self.last_sign.lock() = Some(now);
    }

    /// How long no broker has sent anything; at first, since this was asked first.
    #[must_use]
    pub fn quiet_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(*self.last_sign.lock().get_or_insert(now))
    }

    /// Records that no broker answers, although librdkafka has not reported it.
    pub fn note_outage(&self) {
        self.down.store(true, Ordering::Relaxed);
    }

    /// Records that a broker answered. Returns whether the connection was down before.
    pub fn answered(&self) -> bool {
        self.down.load(Ordering::Relaxed) && self.down.swap(false, Ordering::Relaxed)
    }

    /// librdkafka's most recent error message.
    #[must_use]
    pub fn last_problem(&self) -> Option<String> {
        self.last_problem.lock().clone()
    }

    pub(super) fn record_error(&self, code: Option<RDKafkaErrorCode>, reason: &str) {
        if code == Some(RDKafkaErrorCode::AllBrokersDown) {
            self.down.store(true, Ordering::Relaxed);
        } else if !reason.is_empty() {
            *self.last_problem.lock() = Some(first_sentence(reason));
        }
    }
}

/// Strips the thread prefix and the history that librdkafka appends in parentheses.
fn first_sentence(reason: &str) -> String {
    let text = reason.split(" (after ").next().unwrap_or(reason);
    text.split_once("]: ").map_or(text, |(_, rest)| rest).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_shortened_to_their_first_sentence() {
        assert_eq!(
            first_sentence(
                "[thrd:127.0.0.1:1/bootstrap]: 127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused (after 0ms in state CONNECT)"
            ),
            "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed: Connection refused"
        );
    }
}
