//! Tells an Alertmanager which alerts fire, for as long as they do.
//!
//! An alert that fires is sent again at intervals, as Prometheus does, with an end time a few intervals ahead: if this
//! process ends, the alert is resolved in Alertmanager after that time.

use std::{
    collections::BTreeMap,
    sync::mpsc::RecvTimeoutError,
    time::{Duration, Instant},
};

use chrono::Utc;

use super::Worker;
use crate::{action::ActionKind, error::DeliveryError, http::HttpSender, notice::Notice, payload};

/// The path of the interface that takes alerts.
const PATH: &str = "/api/v2/alerts";
/// After how many intervals an alert that is not sent again is resolved. Prometheus uses the same number
/// (`rules/alerting.go`).
const INTERVALS_UNTIL_RESOLVED: u32 = 4;
/// How long the attempt at the end may be repeated: the process waits for it.
const MAX_ATTEMPTS_AT_THE_END: u32 = 3;

/// The alerts to send, by fingerprint.
#[derive(Default)]
struct Pending {
    alerts: BTreeMap<u64, Notice>,
    /// Whether one of them was not sent yet.
    is_new: bool,
}

impl Pending {
    fn take(&mut self, notice: Notice) {
        self.alerts.insert(notice.fingerprint(), notice);
        self.is_new = true;
    }

    /// All of them were accepted: those that are resolved need not be sent again.
    fn accepted(&mut self) {
        self.alerts.retain(|_, notice| !notice.is_resolved());
        self.is_new = false;
    }
}

pub(super) fn run(worker: &Worker) {
    let ActionKind::Alertmanager { endpoint, headers } = &worker.action.kind else { return };
    let Some(uri) = endpoint.below(PATH) else { return };
    let sender = HttpSender::new(endpoint, uri, headers, worker.action.timeout);
    let mut pending = Pending::default();
    let (mut failed, mut next) = (0_u32, Instant::now());
    loop {
        let idle = pending.alerts.is_empty();
        let wait = if idle { worker.pace.resend } else { next.saturating_duration_since(Instant::now()) };
        match worker.notices.recv_timeout(wait) {
            Ok(notice) => {
                pending.take(notice);
                worker.notices.try_iter().for_each(|notice| pending.take(notice));
                // While the server does not answer, a new alert does not shorten the delay.
                if failed == 0 {
                    next = Instant::now();
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if pending.alerts.is_empty() || Instant::now() < next {
            continue;
        }
        match send(worker, &sender, &pending) {
            Ok(()) => {
                pending.accepted();
                (failed, next) = (0, Instant::now() + worker.pace.resend);
            }
            Err(error) => {
                failed = failed.saturating_add(1);
                next = Instant::now() + worker.pace.retry_after(failed);
                // Once for each time that the server does not take alerts.
                if let Some(first) = pending.alerts.values().next().filter(|_| failed == 1) {
                    worker.failures.add(&worker.action.name, first, error.text);
                }
            }
        }
    }
    for attempt in 1..=MAX_ATTEMPTS_AT_THE_END {
        if !pending.is_new || send(worker, &sender, &pending).is_ok() {
            return;
        }
        std::thread::sleep(worker.pace.retry_after(attempt));
    }
}

fn send(worker: &Worker, sender: &HttpSender, pending: &Pending) -> Result<(), DeliveryError> {
    let until = Utc::now() + worker.pace.resend.saturating_mul(INTERVALS_UNTIL_RESOLVED).max(Duration::from_secs(1));
    let body = payload::alerts(pending.alerts.values(), until)
        .map_err(|error| DeliveryError { text: error.to_string(), is_final: true })?;
    sender.post(&body)
}
