//! The workers of several processes.

use kreplay_model::{
    domain::Concurrency,
    feed::{WorkerOrigin, WorkerView},
};

use super::RunPart;

/// The workers of the processes that are there. Their numbers are unique and do not change when processes come and go:
/// each process has its own thousand.
pub(super) fn merge(there: &[&RunPart<'_>]) -> Vec<WorkerView> {
    let of_process = |part: &&RunPart<'_>| {
        let first = part.number.saturating_mul(Concurrency::MAX.get());
        let (process, workers) = (part.process.to_owned(), part.run.workers.clone());
        workers.into_iter().map(move |worker| WorkerView {
            id: first.saturating_add(worker.id),
            origin: Some(WorkerOrigin { process: process.clone(), number: worker.id }),
            ..worker
        })
    };
    there.iter().flat_map(of_process).collect()
}
