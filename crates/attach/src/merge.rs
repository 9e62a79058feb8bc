//! One snapshot of several processes that share a replay.
//!
//! Counters are sums: each process counts what it has done itself, and the last counters of a process that is gone
//! still count. States, rates and workers are those of the processes that are there; rates and pauses of runs that
//! have ended are shown only if all have. A partition is shown as its owner sees it.

mod events;
#[cfg(test)]
mod merge_test;
mod partitions;
mod run;
mod watch;
#[cfg(test)]
mod watch_test;
mod workers;

use std::sync::Arc;

use kreplay_model::feed::{ClusterView, PlanningView, RunView, Snapshot};

pub use events::Interleaver;
pub use watch::{MergedWatch, WatchPart, merge_alerts, merge_watches};

/// Maximum number of finished runs of a folded snapshot; the oldest are dropped first.
const MAX_FOLDED_RUNS: usize = 1_000;

/// The snapshot of one process.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The name of the process.
    pub process: String,
    /// The number of its address, from which the numbers of its workers are made. Only processes that are gone may have
    /// the number of another part.
    pub number: u32,
    /// Whether the process is gone: it works no longer, but what it has done still counts.
    pub is_gone: bool,
    /// What it said last.
    pub snapshot: Arc<Snapshot>,
}

/// A part that has a run.
#[derive(Clone, Copy, Debug)]
struct RunPart<'a> {
    process: &'a str,
    number: u32,
    is_gone: bool,
    run: &'a RunView,
}

impl RunPart<'_> {
    /// Whether its rates and its pause are those of now: its run has not ended, or all have.
    fn is_active(&self, all_have_ended: bool) -> bool {
        all_have_ended || !self.run.state.is_over()
    }
}

/// One snapshot of several processes, with a run that has the given id and number of [joins](RunView::joins). Without
/// parts, the placeholder of a session that has not begun.
#[must_use]
pub fn merge(id: &str, joins: u32, parts: &[Part]) -> Snapshot {
    let mut there: Vec<&Part> = parts.iter().filter(|part| !part.is_gone).collect();
    if there.is_empty() {
        there = parts.iter().collect();
    }
    let Some(first) = there.first() else { return Snapshot::default() };
    let problem = there.iter().find_map(|part| Some((&part.process, part.snapshot.problem.as_ref()?)));
    Snapshot {
        at: parts.iter().filter_map(|part| part.snapshot.at).max(),
        cluster: ClusterView {
            reachable: there.iter().all(|part| part.snapshot.cluster.reachable),
            ..first.snapshot.cluster.clone()
        },
        run: merged_run(id, parts).map(|run| RunView { joins, ..run }),
        finished: parts.iter().flat_map(|part| part.snapshot.finished.clone()).collect(),
        problem: problem.map(|(process, text)| format!("{process}: {text}")),
        catalog: there.iter().find_map(|part| part.snapshot.catalog.clone()),
        listing: there.iter().any(|part| part.snapshot.listing),
        next: first.snapshot.next.clone(),
        planning: PlanningView::default(),
    }
}

/// One snapshot in the place of those of several processes that are gone, so that many of them need no more memory than
/// a few. In a merge, it counts as they did.
pub(crate) fn fold(parts: &[Part]) -> Snapshot {
    let workers = parts.iter().filter_map(|part| part.snapshot.run.as_ref()).flat_map(|run| &run.workers);
    // The numbers of the workers of other processes depend on the largest one.
    let last_worker = workers.max_by_key(|worker| worker.id).cloned();
    let merged = merge("", 0, parts);
    let mut finished = merged.finished;
    finished.drain(..finished.len().saturating_sub(MAX_FOLDED_RUNS));
    Snapshot {
        finished,
        // Each merge puts the name of a process before these texts: merged twice, they would have two.
        problem: None,
        run: merged.run.map(|run| RunView {
            workers: last_worker.into_iter().collect(),
            error: None,
            paused_by: None,
            ..run
        }),
        ..merged
    }
}

fn merged_run(id: &str, parts: &[Part]) -> Option<RunView> {
    let runs: Vec<RunPart<'_>> = parts
        .iter()
        .filter_map(|part| {
            let Part { process, number, is_gone, snapshot } = part;
            Some(RunPart { process, number: *number, is_gone: *is_gone, run: snapshot.run.as_ref()? })
        })
        .collect();
    run::merge(id, &runs)
}
