//! Lists the stored runs.

use chrono::{DateTime, Utc};
use kreplay_model::feed::RunState;
use serde::Serialize;

use super::{Head, JournalError, Journals, open::unreadable, store::Store};

/// The state of a stored run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A process is working on it.
    Running,
    /// No process is working on it, and it did not end.
    Interrupted,
    /// It is complete.
    Done,
    /// It failed.
    Failed,
    /// It was stopped before its end.
    Cancelled,
    /// Its journal cannot be read.
    Corrupt,
}

impl Status {
    /// The name of the state.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Interrupted => "interrupted",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Corrupt => "corrupt",
        }
    }

    /// Whether `kreplay resume` can continue it.
    #[must_use]
    pub fn is_resumable(self) -> bool {
        matches!(self, Self::Interrupted | Self::Failed | Self::Cancelled)
    }
}

/// A run in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// The run's id.
    pub run_id: String,
    /// Its state.
    #[serde(rename = "state")]
    pub status: Status,
    /// The process that is working on it.
    pub process: Option<String>,
    /// Its summary; `None` if its journal cannot be read.
    #[serde(flatten)]
    pub summary: Option<Summary>,
    /// Why it failed, or why its journal cannot be read.
    pub reason: Option<String>,
}

/// The summary of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The topics.
    pub topics: Vec<String>,
    /// The group that keeps the positions.
    pub group: Option<String>,
    /// The number of attempts.
    pub attempts: u32,
    /// Offsets in the plan.
    pub records: u64,
    /// Records handled.
    pub handled: u64,
    /// Offsets that are left.
    pub lag: Option<u64>,
    /// How many of them are already settled.
    pub ahead: u64,
    /// When it was first started.
    pub started_at: DateTime<Utc>,
    /// When it was last updated.
    pub seen_at: DateTime<Utc>,
    /// Seconds that it ran.
    pub elapsed_s: f64,
}

impl Journals {
    /// All runs, oldest first, including those with a damaged journal.
    ///
    /// # Errors
    /// The directory exists, but cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>, JournalError> {
        Ok(self.ids()?.into_iter().map(|id| self.entry(id)).collect())
    }

    /// The plan of a run that can be resumed.
    ///
    /// # Errors
    /// Why the run cannot be resumed, as far as that is known without the cluster.
    pub fn resumable(&self, id: &str) -> Result<Head, JournalError> {
        if let Some(pid) = self.process(id) {
            return Err(JournalError::Live { id: id.into(), pid });
        }
        let read = Store::open(&self.database(id), false).and_then(|store| store.summary());
        let (head, totals) = read.map_err(|problem| unreadable(self, id, problem))?;
        if totals.state == RunState::Done { Err(JournalError::Done { id: id.into() }) } else { Ok(head) }
    }

    fn entry(&self, run_id: String) -> Entry {
        let process = self.process(&run_id);
        let read = Store::open(&self.database(&run_id), false).and_then(|store| store.summary());
        let (head, totals) = match read {
            Ok(read) => read,
            Err(problem) => {
                let reason = Some(unreadable(self, &run_id, problem).to_string());
                return Entry { run_id, status: Status::Corrupt, process, summary: None, reason };
            }
        };
        let status = match totals.state {
            _ if process.is_some() => Status::Running,
            RunState::Done => Status::Done,
            RunState::Failed => Status::Failed,
            RunState::Cancelled => Status::Cancelled,
            _ => Status::Interrupted,
        };
        let summary = Summary {
            topics: head.topics.iter().map(|topic| topic.name.clone()).collect(),
            group: head.group,
            attempts: head.attempt,
            records: head.partitions.iter().map(|one| one.end.since(one.first)).sum(),
            handled: totals.handled,
            lag: totals.lag,
            ahead: totals.ahead,
            started_at: head.created,
            seen_at: totals.updated,
            elapsed_s: totals.elapsed_s,
        };
        Entry { run_id, status, process, summary: Some(summary), reason: totals.error }
    }

    /// Deletes the oldest finished runs, so that `keep` of them are left. Resumable runs stay.
    pub(super) fn prune(&self, keep: usize) {
        let Ok(mut ids) = self.ids() else { return };
        if ids.len() <= keep {
            // Opens the databases only if there may be too many.
            return;
        }
        ids.retain(|id| {
            let read = Store::open(&self.database(id), false).and_then(|store| store.summary());
            read.is_ok_and(|(_, totals)| totals.state == RunState::Done) && self.process(id).is_none()
        });
        for id in ids.iter().take(ids.len().saturating_sub(keep)) {
            // If deleting fails, it is tried again when the next run ends.
            let _ = self.forget(id);
        }
    }
}
