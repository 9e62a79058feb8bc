//! The runs that have a journal, for the console.

use kreplay_engine::journal::{Entry, Journals, Summary};
use kreplay_model::journal::{JournalLister, JournalListing, JournalSummary, JournaledRun};

/// Lists the runs of a directory of journals.
pub(super) fn lister(journals: Journals) -> JournalLister {
    JournalLister::new(move || JournalListing {
        directory: journals.dir().display().to_string(),
        runs: journals.list().map(|entries| entries.into_iter().map(run).collect()).map_err(|error| error.to_string()),
    })
}

fn run(entry: Entry) -> JournaledRun {
    JournaledRun {
        state: entry.status.as_str().to_owned(),
        resume: entry.status.is_resumable().then(|| format!("kreplay resume {}", entry.run_id)),
        id: entry.run_id,
        process: entry.process,
        listed_by: None,
        reason: entry.reason,
        summary: entry.summary.map(summary),
    }
}

fn summary(summary: Summary) -> JournalSummary {
    JournalSummary {
        topics: summary.topics,
        group: summary.group,
        attempts: summary.attempts,
        records: summary.records,
        handled: summary.handled,
        left: summary.lag.map(|lag| lag.saturating_sub(summary.ahead).max(u64::from(lag > 0))),
        started_at: summary.started_at,
        seen_at: summary.seen_at,
        elapsed_s: summary.elapsed_s,
    }
}
