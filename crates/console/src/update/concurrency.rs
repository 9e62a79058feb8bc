//! Changes the number of workers within the run's limits.

use kreplay_model::control::Command;
use kreplay_model::domain::{Concurrency, Ordering};

use super::{Effect, run::cannot_command, show_message};
use crate::state::{Overlay, Pending, State, StatusKind};

/// Changes the number of workers, starting from the last requested number.
pub(super) fn change(state: &mut State, step: impl Fn(u32) -> u32) -> Vec<Effect> {
    let Some(now) = changeable(state) else { return Vec::new() };
    let max = state.max_concurrency();
    let asked = step(now);
    // A number above the limit, such as of a run that could not be started, can only decrease.
    let wanted = if asked > now { asked.min(max).max(now) } else { asked.clamp(1, max) };
    if wanted == now {
        let refusal = if asked > now { at_most(state) } else { "at least 1 worker".to_owned() };
        show_message(state, StatusKind::Refused, refusal);
        return Vec::new();
    }
    set(state, now, wanted)
}

/// Turns automatic concurrency on or off.
pub(super) fn toggle_auto(state: &mut State) -> Vec<Effect> {
    if changeable(state).is_none() {
        return Vec::new();
    }
    if state.run().is_some_and(|run| run.limits.single_threaded) && state.run_is_active() {
        show_message(state, StatusKind::Refused, "this run is single-threaded: it has one worker");
        return Vec::new();
    }
    let adaptive = !state.feed.adaptive();
    show_message(state, StatusKind::Info, if adaptive { "concurrency auto" } else { "concurrency auto is off" });
    vec![Effect::Send(Command::SetAdaptive(adaptive))]
}

/// Opens the prompt for the number of workers.
pub(super) fn ask(state: &mut State) {
    if changeable(state).is_some() {
        state.user.overlay = Some(Overlay::Number { text: String::new(), error: None });
    }
}

/// Accepts the typed number, or shows in the prompt why it is invalid.
pub(super) fn accept(state: &mut State, text: &str) -> Vec<Effect> {
    if text.trim().eq_ignore_ascii_case("auto") {
        state.user.overlay = None;
        if state.feed.adaptive() {
            show_message(state, StatusKind::Info, "concurrency is already auto");
            return Vec::new();
        }
        return toggle_auto(state);
    }
    let refusal = match text.trim().parse::<Concurrency>() {
        Err(_) => format!("type a number from 1 to {}, or auto", state.max_concurrency()),
        Ok(wanted) if wanted.get() > state.max_concurrency() => at_most(state),
        Ok(wanted) => {
            state.user.overlay = None;
            return match changeable(state) {
                Some(now) if now == wanted.get() => {
                    show_message(state, StatusKind::Info, format!("concurrency is already {now}"));
                    Vec::new()
                }
                Some(now) => set(state, now, wanted.get()),
                None => Vec::new(),
            };
        }
    };
    state.user.overlay = Some(Overlay::Number { text: text.to_owned(), error: Some(refusal) });
    Vec::new()
}

/// The number to start from. If it cannot be changed, shows the reason and returns `None`.
fn changeable(state: &mut State) -> Option<u32> {
    let refusal =
        cannot_command(state).or_else(|| state.concurrency().is_none().then_some("there is no run to change yet"));
    if let Some(refusal) = refusal {
        show_message(state, StatusKind::Refused, refusal);
        return None;
    }
    state.wanted_concurrency()
}

fn set(state: &mut State, now: u32, wanted: u32) -> Vec<Effect> {
    let Ok(concurrency) = Concurrency::new(u64::from(wanted)) else { return Vec::new() };
    let (run_id, over) = state.run().map_or_else(Default::default, |run| (run.id.clone(), run.state.is_over()));
    let when = if over { " for the next run" } else { "" };
    state.user.pending = Some(Pending { to: wanted, run_id, since: state.now });
    let auto = if state.feed.adaptive() { "; auto is off" } else { "" };
    show_message(state, StatusKind::Info, format!("concurrency {now} → {wanted}{when}{auto}"));
    vec![Effect::Send(Command::SetConcurrency(concurrency))]
}

fn at_most(state: &State) -> String {
    let max = state.max_concurrency();
    let workers = if max == 1 { "worker" } else { "workers" };
    if state.user.topics.open && !state.run_is_active() && max < Concurrency::MAX.get() {
        return format!("at most {max} {workers} with ordering partition: one per partition");
    }
    match state.run() {
        Some(run) if run.limits.single_threaded => "this run is single-threaded: it has one worker".into(),
        Some(run) if max < Concurrency::MAX.get() && run.plan.ordering == Ordering::Partition => {
            format!("at most {max} {workers} with ordering partition: one per partition")
        }
        Some(_) if max < Concurrency::MAX.get() => format!("at most {max} {workers} in this run"),
        _ => format!("at most {max} {workers}"),
    }
}
