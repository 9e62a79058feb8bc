//! A race: the same run again and again, each time with another number of workers.

use std::sync::Arc;

use kreplay_model::{control::Command, domain::Concurrency};

use super::{Effect, navigate, reject, show_message};
use crate::{
    action::Action,
    state::{Asked, Dialog, Question, Race, RacePhase, RaceStep, ScreenId, State, StatusKind, forecast, parse_lanes},
};

/// The numbers of workers that are proposed.
const PROPOSED: [u32; 3] = [1, 3, 8];

/// Opens the race, or asks for one if there is none.
pub(super) fn open(state: &mut State) {
    if state.race.is_some() || state.user.navigation.front().screen == ScreenId::Race {
        navigate::toggle(state, ScreenId::Race);
    } else {
        navigate::open(state, ScreenId::Race);
        if Action::StartRace.refusal(state).is_none() {
            ask(state);
        }
    }
}

/// Asks for the numbers of workers.
pub(super) fn ask(state: &mut State) {
    let max = state.max_concurrency();
    let raced = state.race.iter().flat_map(|race| &race.lanes).map(|lane| lane.workers).collect::<Vec<_>>();
    let lanes = if raced.is_empty() { PROPOSED.to_vec() } else { raced };
    let lanes: Vec<String> = lanes.iter().filter(|workers| **workers <= max).map(u32::to_string).collect();
    state.user.navigation.dialog = Some(Dialog::prompt(Asked::RaceWorkers, &lanes.join(",")));
}

/// Begins a race with the typed numbers, after a question if its runs have effects.
pub(super) fn accept(state: &mut State, text: &str) -> Vec<Effect> {
    match parse_lanes(text, state.max_concurrency()) {
        Err(error) => {
            reject(state, error.to_string());
            Vec::new()
        }
        Ok(lanes) if state.has_effects() => {
            state.user.racing = lanes;
            super::ask(state, Question::Race)
        }
        Ok(lanes) => {
            state.user.racing = lanes;
            begin(state)
        }
    }
}

/// Begins a race. A plan is made first, which predicts the times.
pub(super) fn begin(state: &mut State) -> Vec<Effect> {
    state.user.navigation.dialog = None;
    let before = (state.concurrency().unwrap_or(1), state.feed.adaptive());
    state.race = Some(Race::new(&std::mem::take(&mut state.user.racing), state.now, before));
    navigate::open(state, ScreenId::Race);
    let is_planned = forecast(&state.feed.snapshot).is_some();
    if is_planned { Vec::new() } else { vec![Effect::Send(Command::Plan(Arc::from([])))] }
}

/// Ends the race, and the run of its lane.
pub(super) fn stop(state: &mut State) -> Vec<Effect> {
    let Some(race) = &mut state.race else { return Vec::new() };
    let runs = race.current().is_some();
    let step = race.stop("stopped");
    let mut effects = if runs { vec![Effect::Send(Command::Stop)] } else { vec![Effect::Send(Command::StopPlanning)] };
    effects.extend(effects_of(state, step));
    effects
}

/// Goes on as far as the session has come, also while an earlier moment is shown.
pub(super) fn tick(state: &mut State) -> Vec<Effect> {
    let snapshot = Arc::clone(&state.latest_feed().snapshot);
    let has_ended = state.latest_feed().ended;
    let now = state.now;
    let Some(race) = state.race.as_mut().filter(|race| race.is_active()) else { return Vec::new() };
    let was_starting = matches!(race.phase, RacePhase::Starting(..));
    let step = if has_ended { race.stop("the session has ended") } else { race.advance(&snapshot, now) };
    // The run of the lane may still begin, but the race no longer expects it.
    let is_abandoned = was_starting && !has_ended && matches!(race.phase, RacePhase::Stopped(_));
    state.stale = true;
    if step == RaceStep::Restore && !has_ended {
        show_message(state, StatusKind::Info, "the race is over");
    }
    let mut effects = if is_abandoned { vec![Effect::Send(Command::Stop)] } else { Vec::new() };
    effects.extend(effects_of(state, step));
    effects
}

fn effects_of(state: &State, step: RaceStep) -> Vec<Effect> {
    let send = |command| Effect::Send(command);
    let workers = |number: u32| Concurrency::new(u64::from(number)).ok().map(Command::SetConcurrency).map(send);
    match step {
        RaceStep::Wait => Vec::new(),
        // A plan that takes too long would slow the run.
        RaceStep::Begin(number) => {
            let no_plan = [send(Command::StopPlanning)].into_iter();
            no_plan.chain(workers(number)).chain([send(Command::Start)]).collect()
        }
        RaceStep::Restore => {
            let (number, adaptive) = state.race.as_ref().map_or((1, false), |race| race.before);
            let adaptive = adaptive.then(|| send(Command::SetAdaptive(true)));
            workers(number).into_iter().chain(adaptive).collect()
        }
    }
}
