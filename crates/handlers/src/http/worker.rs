//! The handler of one worker: sends a batch request by request.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use super::{
    answer::{AnswerOptions, FailureScope, MULTI_STATUS, RequestFailure, RequestOutcome},
    parcel::next_parcel,
    request::RequestContent,
    shared::HttpShared,
    size::HeaderSizes,
};
use crate::{Advice, BatchProgress, Handler, LaneFailure, LaneRun, RecordFailure, RecordIndex, verdict::Verdict};

/// The maximum total time that a batch waits for an overloaded endpoint; then the rest is failed and retried by the
/// run's schedule.
const BATCH_BACKOFF_BUDGET: Duration = Duration::from_secs(10);
/// After this number of consecutive requests that failed because of the endpoint, the rest of the batch is failed as
/// well, without blaming its records.
const MAX_ENDPOINT_FAILURES: u32 = 3;

/// The handler of one worker.
pub(super) struct HttpHandler {
    shared: Arc<HttpShared>,
}

/// A batch that is being sent.
struct Delivery<'a> {
    shared: &'a HttpShared,
    batch: &'a [LaneRun],
    progress: BatchProgress,
    backoff_budget: Duration,
    endpoint_failures: u32,
    /// Whether the server has accepted records of this batch.
    has_accepted: bool,
}

impl Handler for HttpHandler {
    fn handle(&mut self, batch: &[LaneRun]) -> Vec<LaneFailure> {
        let progress = BatchProgress::new(batch);
        let mut it = Delivery {
            shared: &self.shared,
            batch,
            progress,
            backoff_budget: BATCH_BACKOFF_BUDGET,
            endpoint_failures: 0,
            has_accepted: false,
        };
        while let Some((records, content)) = it.next_request() {
            it.send_request(&records, content);
        }
        self.shared.counts.acknowledged.fetch_add(it.progress.handled() as u64, Relaxed);
        it.progress.failures()
    }
}

impl HttpHandler {
    pub(super) fn new(shared: Arc<HttpShared>) -> Self {
        Self { shared }
    }
}

impl<'a> Delivery<'a> {
    /// Builds the next request; `None` if nothing is left. A record that cannot be encoded fails.
    fn next_request(&mut self) -> Option<(Vec<RecordIndex>, RequestContent<'a>)> {
        let shared: &'a HttpShared = self.shared;
        let settings = &shared.settings;
        let max_records = if settings.body.takes_many() { settings.batch as usize } else { 1 };
        let one_per_lane = settings.per_record || shared.answers_per_record.load(Relaxed);
        loop {
            let mut content = RequestContent::new(settings);
            let mut unwritable = None;
            let batch = self.batch;
            let records = next_parcel(&self.progress, one_per_lane, |at| {
                let full = content.records() >= max_records
                    || (content.records() > 0 && content.len() as u64 >= settings.max_body);
                if full || unwritable.is_some() {
                    return false;
                }
                let before = content.mark();
                let appended = append(shared, batch, at, &mut content);
                if appended.is_ok() && content.records() > 1 && content.len() as u64 > settings.max_body {
                    // It begins the next request.
                    content.cut_back(before);
                    return false;
                }
                unwritable = appended.err().map(|failure| (at, failure));
                unwritable.is_none()
            });
            if let Some((at, failure)) = unwritable
                && records.is_empty()
            {
                self.progress.fail(at, failure);
                continue;
            }
            return (!records.is_empty()).then_some((records, content));
        }
    }

    fn send_request(&mut self, records: &[RecordIndex], content: RequestContent<'_>) {
        if let Err(wait) = self.shared.gate.wait(&mut self.backoff_budget) {
            let error = format!("{} asked to back off; retrying later", self.shared.client.request());
            // These records were not sent.
            return self.progress.fail_left(RecordFailure::new(error, Advice::UnableFor(wait)));
        }
        let settings = &self.shared.settings;
        let options = AnswerOptions {
            on_denied: settings.on_denied,
            per_record: settings.per_record && settings.body.takes_many(),
            records: records.len(),
        };
        let (headers, body) = content.finish();
        let sizes = HeaderSizes::of(&headers);
        let (status, outcome) = self.shared.client.send(headers, &body, options);
        self.shared.counts.answered(status);
        if status == Some(MULTI_STATUS) {
            self.shared.answers_per_record.store(true, Relaxed);
        }
        match outcome {
            RequestOutcome::Accepted => {
                self.endpoint_failures = 0;
                self.has_accepted = true;
                for at in records {
                    self.progress.handle_through(*at);
                }
            }
            RequestOutcome::PerRecord(verdicts) => {
                self.endpoint_failures = 0;
                self.has_accepted |= verdicts.iter().any(|verdict| matches!(verdict, Verdict::Handled));
                for (at, verdict) in records.iter().zip(verdicts) {
                    match verdict {
                        Verdict::Handled => self.progress.handle_through(*at),
                        Verdict::Failed { error, advice } => self.progress.fail(*at, RecordFailure { error, advice }),
                    }
                }
            }
            RequestOutcome::Failed(mut failure) => {
                if let [at] = records
                    && let Some(explanation) = sizes.explain(status, settings, &self.batch[at.run].records[at.index])
                {
                    failure.error = format!("{}; {explanation}", failure.error);
                }
                // The answer of a gateway says nothing about the server behind it.
                let is_answered = status.is_some_and(|status| !matches!(status, 502 | 504));
                self.request_failed(records, &failure, is_answered);
            }
        }
    }

    /// `is_answered`: the server itself sent an answer.
    fn request_failed(&mut self, records: &[RecordIndex], failed: &RequestFailure, is_answered: bool) {
        let RequestFailure { error, advice, scope } = failed;
        let failure = || RecordFailure::new(error.as_str(), *advice);
        match scope {
            FailureScope::Records => self.endpoint_failures = 0,
            FailureScope::Overload(time) => self.shared.gate.close_for(*time),
            FailureScope::Endpoint | FailureScope::Unknown => self.endpoint_failures += 1,
        }
        if *advice == Advice::Stop {
            return self.progress.fail_left(failure());
        }
        if let [at] = records {
            self.progress.fail(*at, failure());
        } else if matches!(scope, FailureScope::Endpoint | FailureScope::Overload(_)) {
            for at in records {
                self.progress.fail(*at, failure());
            }
        } else {
            // These requests decide by their own answers whether the server is available.
            return self.send_singly(records);
        }
        // A server that answers, and has accepted other records of this batch, is available.
        let is_away = *scope == FailureScope::Endpoint || !is_answered || !self.has_accepted;
        if self.endpoint_failures >= MAX_ENDPOINT_FAILURES && is_away {
            // These records were not sent, or only together with others.
            self.progress.fail_left(RecordFailure::new(error.as_str(), Advice::Unable));
        }
    }

    /// Sends each record of a failed request alone, because only one of them may be the reason.
    fn send_singly(&mut self, records: &[RecordIndex]) {
        for at in records {
            if !self.progress.is_left(*at) {
                continue;
            }
            let mut content = RequestContent::new(&self.shared.settings);
            match append(self.shared, self.batch, *at, &mut content) {
                Ok(()) => self.send_request(&[*at], content),
                Err(failure) => self.progress.fail(*at, failure),
            }
        }
    }
}

fn append(
    shared: &HttpShared,
    batch: &[LaneRun],
    at: RecordIndex,
    content: &mut RequestContent<'_>,
) -> Result<(), RecordFailure> {
    let record = &batch[at.run].records[at.index];
    content.push(shared.source(record)?, &shared.rules, record)
}
