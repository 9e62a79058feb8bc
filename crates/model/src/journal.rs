//! The runs that have a journal, as views show them. Views read no files: they ask a [`JournalLister`].

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A run that has a journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournaledRun {
    /// The run's id. External data, as all texts here: screens must escape it.
    pub id: String,
    /// Its state in one word, such as `done` or `interrupted`.
    pub state: String,
    /// The process that is working on it.
    pub process: Option<String>,
    /// The attached process that has listed it, if several list their runs.
    pub listed_by: Option<String>,
    /// The command that resumes it; `None` if it cannot be resumed.
    pub resume: Option<String>,
    /// Why it failed, or why its journal cannot be read.
    pub reason: Option<String>,
    /// What its journal says; `None` if it cannot be read.
    pub summary: Option<JournalSummary>,
}

/// What the journal of a run says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalSummary {
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
    /// Offsets that are left and not settled, if known.
    pub left: Option<u64>,
    /// When it was first started.
    pub started_at: DateTime<Utc>,
    /// When it was last updated.
    pub seen_at: DateTime<Utc>,
    /// Seconds that it ran.
    pub elapsed_s: f64,
}

impl JournalSummary {
    /// Offsets of the plan that are settled, if known. All of them only if nothing is left.
    #[must_use]
    pub fn settled(&self) -> Option<u64> {
        Some(self.records.saturating_sub(self.left?))
    }
}

/// The runs of a directory of journals, or of the directories of several processes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalListing {
    /// The directory. With several processes, also those that have not answered.
    pub directory: String,
    /// The runs, or why they cannot be listed.
    pub runs: Result<Vec<JournaledRun>, String>,
}

/// Lists the runs that have a journal. Called on a thread that may block.
#[derive(Clone)]
pub struct JournalLister(Arc<dyn Fn() -> JournalListing + Send + Sync>);

impl JournalLister {
    /// A lister that calls a function each time.
    #[must_use]
    pub fn new(list: impl Fn() -> JournalListing + Send + Sync + 'static) -> Self {
        Self(Arc::new(list))
    }

    /// Lists them. Blocks.
    #[must_use]
    pub fn list(&self) -> JournalListing {
        (self.0)()
    }
}

impl fmt::Debug for JournalLister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JournalLister")
    }
}
