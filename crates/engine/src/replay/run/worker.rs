//! A worker: takes a batch, calls its handler, settles the results, and takes the next batch.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{
            AtomicU8, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread::JoinHandle,
    time::Instant,
};

use kreplay_model::feed::{Charge, WorkerState};

use super::{
    handled_late::handle_unhandled,
    record_guard::{handle_accepted, undecodable},
};
use crate::{
    handler::{Handler, LaneFailure, LaneRun, RecordFailure, report_commits_to},
    journal::BegunLog,
    replay::{charges::SharedLedger, engine::Engine},
    rules::OnUnjudged,
};

/// A thousand workers with the usual 8 MiB of address space each would look alarming in `top`.
const STACK_BYTES: usize = 512 * 1024;

/// The counters and the state of a worker.
#[derive(Debug, Default)]
pub struct WorkerStats {
    /// Records handled.
    pub handled: AtomicU64,
    /// Nanoseconds spent in the handler.
    pub busy_ns: AtomicU64,
    state: AtomicU8,
}

impl WorkerStats {
    /// What the worker is doing.
    #[must_use]
    pub fn state(&self) -> WorkerState {
        match self.state.load(Acquire) {
            0 => WorkerState::Idle,
            _ => WorkerState::Busy,
        }
    }
}

/// Starts a worker. It ends when the scheduler stops it. It charges its time to `ledger`, and records in `begun_log`
/// which records it begins.
///
/// # Errors
/// The operating system has no thread left.
pub fn spawn(
    engine: Arc<Engine>,
    id: u32,
    stats: Arc<WorkerStats>,
    ledger: Arc<SharedLedger>,
    mut handler: Box<dyn Handler>,
    begun_log: Option<Arc<BegunLog>>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("worker-{id}")).stack_size(STACK_BYTES).spawn(move || {
        report_commits_to(Box::new(Arc::clone(&ledger)));
        let (mut batch, mut entry) = (Vec::new(), Vec::new());
        let rules = &engine.plan.selection.scope.rules;
        // Most runs specify no format and skip decoding. A dry run reports records that cannot be decoded and
        // continues.
        let may_fail = rules.decoding.is_specified() || rules.on_unjudged == Some(OnUnjudged::Fail);
        let must_decode = may_fail && engine.settings.dry_run.is_none();
        let decodes = must_decode.then(|| engine.handlers.get().is_some_and(|source| source.needs().undecodable));
        while engine.scheduler.take_for(id, &mut batch, || stats.state.store(1, Relaxed)) {
            let begun = Instant::now();
            ledger.enter(if begun_log.is_some() { Charge::Commit } else { Charge::Handling }, begun);
            // Held until the result is settled.
            let _ticket = begun_log.as_ref().map(|log| {
                let ticket = log.note(&mut entry, positions(&batch));
                ledger.enter(Charge::Handling, Instant::now());
                ticket
            });
            let mut handle = |batch: &mut Vec<LaneRun>| {
                let Some(decodes) = decodes else { return handle(handler.as_mut(), batch) };
                let reject = |record: &_| undecodable(rules, decodes, record);
                handle_accepted(batch, reject, |batch| handle(handler.as_mut(), batch))
            };
            let failures = if engine.partitions.has_late_results() {
                handle_unhandled(&mut batch, |record| engine.partitions.was_handled_late(record), handle)
            } else {
                handle(&mut batch)
            };
            let elapsed = begun.elapsed();
            ledger.enter(Charge::Settling, begun + elapsed);
            let records: usize = batch.iter().map(|run| run.records.len()).sum();
            let failed: usize = failures
                .iter()
                .filter_map(|failure| batch.get(failure.run).map(|run| run.records.len().saturating_sub(failure.done)))
                .sum();
            engine.settle(std::mem::take(&mut batch), &failures, elapsed);
            stats.handled.fetch_add(records.saturating_sub(failed) as u64, Relaxed);
            stats.busy_ns.fetch_add(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX), Relaxed);
            // A view in which it is idle has its records settled.
            stats.state.store(0, Release);
        }
        ledger.enter(Charge::Stopping, Instant::now());
        drop(handler);
        ledger.end(Instant::now());
    })
}

/// The partition and offset of each record of a batch.
fn positions(batch: &[LaneRun]) -> impl Iterator<Item = (u32, i64)> {
    batch.iter().flat_map(|run| run.records.iter().map(|record| (record.partition, record.offset)))
}

/// Calls the handler. If it panics, the whole batch has failed, since nothing is known about its effects.
fn handle(handler: &mut dyn Handler, batch: &[LaneRun]) -> Vec<LaneFailure> {
    catch_unwind(AssertUnwindSafe(|| handler.handle(batch))).unwrap_or_else(|panic| {
        let failure = RecordFailure::of_panic(panic.as_ref());
        (0..batch.len()).map(|run| failure.clone().in_run(run, 0)).collect()
    })
}
