//! The runs that are kept, for people who look for one.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Head, JournalError, Journals, open::unreadable, store::Store};
use crate::feed::RunState;

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A process works on it.
    Running,
    /// No process works on it, and it was not brought to an end.
    Interrupted,
    /// It is done.
    Done,
    /// It could not go on.
    Failed,
    /// It was stopped before its end.
    Cancelled,
    /// Its journal cannot be read.
    Corrupt,
}

impl Status {
    /// The word for it.
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

    /// Whether `kreplay resume` can go on with it.
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
    /// How it stands.
    #[serde(rename = "state")]
    pub status: Status,
    /// The process that works on it.
    pub process: Option<String>,
    /// What is known of it; `None` where its journal cannot be read.
    #[serde(flatten)]
    pub summary: Option<Summary>,
    /// Why it failed, or why its journal cannot be read.
    pub reason: Option<String>,
}

/// What is known of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The topics.
    pub topics: Vec<String>,
    /// The group that keeps the positions.
    pub group: Option<String>,
    /// How many processes have worked on it.
    pub attempts: u32,
    /// Offsets in the plan.
    pub records: u64,
    /// Records handled.
    pub handled: u64,
    /// Offsets that are left.
    pub lag: Option<u64>,
    /// How many of them are dealt with already.
    pub ahead: u64,
    /// When it was started first.
    pub started_at: DateTime<Utc>,
    /// When it was heard of last.
    pub seen_at: DateTime<Utc>,
    /// Seconds that it ran.
    pub elapsed_s: f64,
}

impl Journals {
    /// Every run, oldest first. One whose journal is damaged is among them.
    ///
    /// # Errors
    /// The directory is there and cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>, JournalError> {
        Ok(self.ids()?.into_iter().map(|id| self.entry(id)).collect())
    }

    /// The plan of a run that can go on.
    ///
    /// # Errors
    /// Why it cannot, as far as that can be said without the cluster.
    pub fn resumable(&self, id: &str) -> Result<Head, JournalError> {
        if let Some(pid) = self.process(id) {
            return Err(JournalError::Live { id: id.into(), pid });
        }
        let read = Store::open(&self.database(id), false).and_then(|store| store.summary());
        let (head, figures) = read.map_err(|problem| unreadable(self, id, problem))?;
        if figures.state == RunState::Done { Err(JournalError::Done { id: id.into() }) } else { Ok(head) }
    }

    fn entry(&self, run_id: String) -> Entry {
        let process = self.process(&run_id);
        let read = Store::open(&self.database(&run_id), false).and_then(|store| store.summary());
        let (head, figures) = match read {
            Ok(read) => read,
            Err(problem) => {
                let reason = Some(unreadable(self, &run_id, problem).to_string());
                return Entry { run_id, status: Status::Corrupt, process, summary: None, reason };
            }
        };
        let status = match figures.state {
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
            handled: figures.handled,
            lag: figures.lag,
            ahead: figures.ahead,
            started_at: head.created,
            seen_at: figures.updated,
            elapsed_s: figures.elapsed_s,
        };
        Entry { run_id, status, process, summary: Some(summary), reason: figures.error }
    }

    /// Forgets the oldest runs that are done, so that `keep` of them are left. Runs that can be resumed stay.
    pub(super) fn prune(&self, keep: usize) {
        let Ok(mut ids) = self.ids() else { return };
        if ids.len() <= keep {
            // Each is opened only where there may be too many.
            return;
        }
        ids.retain(|id| {
            let read = Store::open(&self.database(id), false).and_then(|store| store.summary());
            read.is_ok_and(|(_, figures)| figures.state == RunState::Done) && self.process(id).is_none()
        });
        for id in ids.iter().take(ids.len().saturating_sub(keep)) {
            // What cannot be deleted is tried again when the next run ends.
            let _ = self.forget(id);
        }
    }
}
