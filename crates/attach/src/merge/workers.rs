//! The workers of several processes.

use kreplay_model::feed::{WorkerOrigin, WorkerView};

use super::RunPart;

/// The smallest distance between the first workers of two processes. It is small because views share out a line for
/// each number.
const MIN_NUMBERS: u32 = 16;

/// The workers of the processes that are there. Their numbers are unique, and do not change when processes come and go:
/// each process has as many numbers as the one with the most workers needs, rounded up to a power of two.
pub(super) fn merge(all: &[RunPart<'_>], there: &[&RunPart<'_>]) -> Vec<WorkerView> {
    let workers = || all.iter().flat_map(|part| &part.run.workers);
    let needed = workers().map(|worker| worker.id.saturating_add(1)).max().unwrap_or(0);
    let numbers = needed.max(MIN_NUMBERS).checked_next_power_of_two().unwrap_or(u32::MAX);
    let of_process = |part: &&RunPart<'_>| {
        let first = part.number.saturating_mul(numbers);
        let (process, workers) = (part.process.to_owned(), part.run.workers.clone());
        workers.into_iter().map(move |worker| WorkerView {
            id: first.saturating_add(worker.id),
            origin: Some(WorkerOrigin { process: process.clone(), number: worker.id }),
            ..worker
        })
    };
    there.iter().flat_map(of_process).collect()
}
