//! What the workers of an `http` run share.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use kreplay_engine::rules::Rules;
use kreplay_model::domain::{AppendOnlyVec, Record, TopicPartition};

use super::{HttpSettings, backoff_gate::BackoffGate, client::Client};

/// The state shared by the workers of one run.
pub(super) struct HttpShared {
    pub(super) client: Client,
    pub(super) gate: BackoffGate,
    pub(super) settings: HttpSettings,
    pub(super) partitions: Arc<AppendOnlyVec<TopicPartition>>,
    pub(super) rules: Arc<Rules>,
    pub(super) counts: Counts,
    /// Whether the endpoint has answered with a result for each record, although `http.per_record` is not set.
    pub(super) answers_per_record: AtomicBool,
    /// The configured headers of each request, masked for display.
    pub(super) shown: Vec<String>,
}

/// Counters for the report.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) requests: AtomicU64,
    /// Answers by the first digit of their status; index 0 counts requests without an answer.
    pub(super) answers: [AtomicU64; 6],
    pub(super) acknowledged: AtomicU64,
}

impl Counts {
    pub(super) fn answered(&self, status: Option<u16>) {
        self.requests.fetch_add(1, Relaxed);
        let class = usize::from(status.unwrap_or_default() / 100);
        if let Some(count) = self.answers.get(class) {
            count.fetch_add(1, Relaxed);
        }
    }
}

impl HttpShared {
    /// The source partition of a record.
    pub(super) fn source(&self, record: &Record) -> Result<&TopicPartition, String> {
        let source = self.partitions.get(record.partition as usize);
        source.ok_or_else(|| format!("partition {} is not in the plan", record.partition))
    }
}
