//! Whether the number of workers can be changed, and races can be started.

use kreplay_model::domain::{Concurrency, Ordering};

use super::{NO_RUN_YET, Refusal, no_session, refuse_unless};
use crate::{
    number,
    state::{Race, State, WorkerStep},
};

const SINGLE_THREADED: &str = "this run is single-threaded: it has one worker";

/// Why the number of workers cannot be changed at all.
pub(super) fn fixed_concurrency(state: &State) -> Refusal {
    no_session(state).or_else(|| refuse_unless(state.wanted_concurrency().is_some(), "there is no run to change yet"))
}

pub(super) fn single_threaded(state: &State) -> Refusal {
    let single = state.run().is_some_and(|run| run.limits.single_threaded) && state.run_is_active();
    refuse_unless(!single, SINGLE_THREADED)
}

pub(super) fn no_step(state: &State, step: WorkerStep) -> Refusal {
    fixed_concurrency(state).or_else(|| {
        let (now, to) = state.workers_after(step)?;
        let why = || if step.adds() { at_most(state).into() } else { "at least 1 worker".into() };
        (now == to).then(why)
    })
}

/// Why there cannot be more workers.
pub(crate) fn at_most(state: &State) -> String {
    let max = state.max_concurrency();
    let workers = number::counted(max.into(), "worker");
    let by_partition = format!("at most {workers} with ordering partition: one per partition");
    if max >= Concurrency::MAX.get() {
        return match state.run() {
            Some(run) if run.limits.single_threaded && !state.plans_next_run() => SINGLE_THREADED.into(),
            _ => format!("at most {workers}"),
        };
    }
    match state.run() {
        _ if state.plans_next_run() => by_partition,
        Some(run) if run.limits.single_threaded => SINGLE_THREADED.into(),
        Some(run) if run.plan.ordering == Ordering::Partition => by_partition,
        Some(_) => format!("at most {workers} in this run"),
        None => format!("at most {workers}"),
    }
}

/// Why no race can be started.
pub(super) fn no_race_possible(state: &State) -> Refusal {
    let has_group = state.run().is_some_and(|run| run.plan.group.is_some()) || state.feed.snapshot.next.group.is_some();
    let follows = state.run().is_some_and(|run| run.plan.follow);
    let single = state.run().is_some_and(|run| run.limits.single_threaded);
    no_session(state)
        .or_else(|| refuse_unless(state.run().is_some(), NO_RUN_YET))
        .or_else(|| refuse_unless(!state.race.as_ref().is_some_and(Race::is_active), "a race is running"))
        .or_else(|| refuse_unless(!state.run_is_active(), "a run is active; a race starts runs of its own"))
        .or_else(|| refuse_unless(!has_group, "a race cannot use a consumer group; start kreplay without --group"))
        .or_else(|| refuse_unless(!follows, "a run with --to never does not end, so it cannot be raced"))
        .or_else(|| refuse_unless(!single, SINGLE_THREADED))
        .or_else(|| {
            refuse_unless(state.max_concurrency() > 1, "only 1 worker is possible here, so there is nothing to compare")
        })
}
