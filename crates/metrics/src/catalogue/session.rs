//! Metrics of the runs of a session and of its events.

use std::borrow::Cow;

use kreplay_model::{
    domain::Severity,
    feed::{EventCounts, RunState, Snapshot},
};

use crate::{
    Family, Kind,
    figure::{Count, Figure, Read},
};

pub(crate) const FIGURES: &[Figure<Snapshot>] = &[Figure {
    family: Family::new(
        Kind::Counter,
        "runs",
        None,
        &["state"],
        "Runs of this process that have ended, by the state in which they ended",
    ),
    read: Read::Counts("state", ended),
}];

pub(crate) const EVENTS: &[Figure<EventCounts>] = &[Figure {
    family: Family::new(Kind::Counter, "run_log_events", None, &["level"], "Events of this process by severity"),
    read: Read::Counts("level", by_severity),
}];

fn by_severity(counts: &EventCounts) -> Vec<Count<'_>> {
    Severity::ALL.into_iter().map(|severity| (Cow::Borrowed(severity.as_str()), counts.of(severity))).collect()
}

/// The states in which a run ends, with their words in the report.
const FINAL_STATES: [(RunState, &str); 3] =
    [(RunState::Done, "done"), (RunState::Failed, "failed"), (RunState::Cancelled, "cancelled")];

fn ended(session: &Snapshot) -> Vec<Count<'_>> {
    let count = |state| session.finished.iter().filter(|run| run.state == state).count() as u64;
    FINAL_STATES.into_iter().map(|(state, word)| (Cow::Borrowed(word), count(state))).collect()
}
