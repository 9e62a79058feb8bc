//! A worker: takes a batch, has it handled, settles it, and takes the next.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::Instant,
};

use super::{
    accepted::{Refusal, handle_accepted, undecodable},
    handled_late::handle_the_rest,
};
use crate::{
    feed::WorkerState,
    handler::{Advice, Handler, LaneFailure, LaneRun},
    plan::OnUnjudged,
    replay::engine::Engine,
};

/// A thousand workers with the usual 8 MiB of address space each would frighten people who look at `top`.
const STACK_BYTES: usize = 512 * 1024;

/// What is known of a worker from outside.
#[derive(Debug, Default)]
pub struct WorkerStats {
    /// Records handled.
    pub handled: AtomicU64,
    /// Nanoseconds spent in the handler.
    pub busy_ns: AtomicU64,
    state: AtomicU8,
}

impl WorkerStats {
    /// What it does just now.
    #[must_use]
    pub fn state(&self) -> WorkerState {
        match self.state.load(Relaxed) {
            0 => WorkerState::Idle,
            _ => WorkerState::Busy,
        }
    }
}

/// Starts a worker. It ends when the board tells it to go.
///
/// # Errors
/// The operating system has no thread left.
pub fn spawn(
    engine: Arc<Engine>,
    id: u32,
    stats: Arc<WorkerStats>,
    mut handler: Box<dyn Handler>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("worker-{id}")).stack_size(STACK_BYTES).spawn(move || {
        let (mut batch, mut entry) = (Vec::new(), Vec::new());
        let rules = &engine.plan.selection.scope.rules;
        // Most runs ask for no format, and pay for none. A rehearsal tells of what cannot be decoded, and goes on.
        let may_fail = rules.decoding.is_asked() || rules.on_unjudged == Some(OnUnjudged::Fail);
        let asked = may_fail && engine.settings.rehearsal.is_none();
        let decodes = asked.then(|| engine.handlers.get().is_some_and(|source| source.decodes()));
        while engine.board.take(id, &mut batch) {
            let begun = Instant::now();
            stats.state.store(1, Relaxed);
            // It stays until the result is settled.
            let _ticket = engine.begun.as_ref().map(|log| log.note(&mut entry, places(&batch)));
            let mut handle = |batch: &mut Vec<LaneRun>| {
                if decodes.is_none() && !engine.has_decisions() {
                    return handle(handler.as_mut(), batch);
                }
                let refuse = |record: &_| {
                    if engine.is_decided(record) {
                        return Some(Refusal::decided());
                    }
                    decodes.and_then(|decodes| undecodable(rules, decodes, record))
                };
                handle_accepted(batch, refuse, |batch| handle(handler.as_mut(), batch))
            };
            let failures = if engine.has_late_results() {
                handle_the_rest(&mut batch, |record| engine.was_handled_late(record), handle)
            } else {
                handle(&mut batch)
            };
            let elapsed = begun.elapsed();
            let records: usize = batch.iter().map(|run| run.records.len()).sum();
            let failed: usize = failures
                .iter()
                .filter_map(|failure| batch.get(failure.run).map(|run| run.records.len().saturating_sub(failure.done)))
                .sum();
            engine.settle(std::mem::take(&mut batch), &failures, elapsed);
            stats.handled.fetch_add(records.saturating_sub(failed) as u64, Relaxed);
            stats.busy_ns.fetch_add(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX), Relaxed);
            stats.state.store(0, Relaxed);
        }
    })
}

/// Where the records of a batch stand: partition and offset.
fn places(batch: &[LaneRun]) -> impl Iterator<Item = (u32, i64)> {
    batch.iter().flat_map(|run| run.records.iter().map(|record| (record.partition, record.offset)))
}

/// A handler that panics has failed with its whole batch: nothing is known of what it did.
fn handle(handler: &mut dyn Handler, batch: &[LaneRun]) -> Vec<LaneFailure> {
    catch_unwind(AssertUnwindSafe(|| handler.handle(batch))).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no reason given".into());
        (0..batch.len())
            .map(|run| LaneFailure {
                run,
                done: 0,
                error: format!("the handler panicked: {text}"),
                advice: Advice::Retry,
            })
            .collect()
    })
}
