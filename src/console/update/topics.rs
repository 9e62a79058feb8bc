//! Choosing topics, and replaying them.

use std::sync::Arc;

use super::{
    Effect, ask,
    run::{cannot_command, start},
    say,
};
use crate::{
    console::{
        screen,
        state::{Question, State, StatusKind},
    },
    feed::Snapshot,
    replay::Command,
};

/// Opens the window; asks the cluster where it has not been asked yet.
pub(super) fn open(state: &mut State) -> Vec<Effect> {
    if state.snapshot.catalog.is_none() && !state.snapshot.listing {
        if let Some(refusal) = cannot_command(state) {
            say(state, StatusKind::Refused, refusal);
            return Vec::new();
        }
        state.topics.open = true;
        return vec![Effect::Send(Command::ListTopics)];
    }
    state.topics.open = true;
    follow(state);
    Vec::new()
}

/// Opens the window by itself, once, where there is nothing to look at before topics are chosen; the wait for them shows
/// there, too.
pub(super) fn offer(state: &mut State) {
    let snapshot = &state.snapshot;
    if snapshot.run.is_some() {
        return;
    }
    if snapshot.problem.is_some() {
        // When it is overcome, the choice is open again.
        state.topics.offered = false;
    } else if is_to_choose(snapshot) && !state.topics.offered {
        state.topics.offered = true;
        state.topics.open = true;
    }
}

/// Whether `run` can only mean a choice of topics: none has been made yet.
pub(super) fn must_choose(state: &State) -> bool {
    let snapshot = &state.snapshot;
    !state.ended && snapshot.run.is_none() && snapshot.problem.is_none() && is_to_choose(snapshot)
}

fn is_to_choose(snapshot: &Snapshot) -> bool {
    snapshot.catalog.is_some() || snapshot.listing
}

/// Asks the cluster again.
pub(super) fn list_again(state: &mut State) -> Vec<Effect> {
    if let Some(refusal) = cannot_command(state) {
        say(state, StatusKind::Refused, refusal);
        return Vec::new();
    }
    say(state, StatusKind::Info, "asking the cluster again");
    vec![Effect::Send(Command::ListTopics)]
}

/// Replays what is chosen; nothing is chosen while the window is shut.
pub(super) fn replay(state: &mut State) -> Vec<Effect> {
    if !state.topics.open {
        return Vec::new();
    }
    if state.chosen().is_empty() {
        say(state, StatusKind::Refused, "there is no topic to replay");
        return Vec::new();
    }
    if state.going() {
        return ask(state, Question::ReplayInstead);
    }
    replay_chosen(state)
}

/// Starts a run of the chosen topics; the session stops one that is going.
pub(super) fn replay_chosen(state: &mut State) -> Vec<Effect> {
    let names: Arc<[String]> = state.chosen().into_iter().map(|topic| topic.name.clone()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let effects = start(state, Command::Replay(names));
    state.topics.open = effects.is_empty();
    effects
}

/// Marks the topic under the cursor, or takes its mark away.
pub(super) fn mark(state: &mut State) {
    let shown = state.topics.shown(state.catalog());
    let row = state.topics.selected_row(&shown, state.catalog());
    let topic = row.and_then(|row| state.catalog().get(*shown.get(row)?));
    let Some(name) = topic.map(|topic| topic.name.clone()) else { return };
    if !state.topics.marked.remove(&name) {
        state.topics.marked.insert(name.clone());
    }
    state.topics.selected = Some(name);
}

/// Marks every topic shown; where all are marked, takes their marks away.
pub(super) fn mark_all(state: &mut State) {
    let shown = state.topics.shown(state.catalog());
    let topics: Vec<_> = shown.iter().filter_map(|index| state.catalog().get(*index)).collect();
    let all = topics.iter().all(|topic| state.topics.is_marked(topic));
    let names: Vec<String> = topics.into_iter().map(|topic| topic.name.clone()).collect();
    if all {
        for name in &names {
            state.topics.marked.remove(name);
        }
    } else {
        state.topics.marked.extend(names);
    }
}

/// Moves the cursor up (negative) or down.
pub(super) fn scroll(state: &mut State, by: isize) {
    let shown = state.topics.shown(state.catalog());
    let Some(now) = state.topics.selected_row(&shown, state.catalog()) else { return };
    select(state, now.saturating_add_signed(by).min(shown.len() - 1));
}

/// Puts the cursor on a row; one that is not there changes nothing.
fn select(state: &mut State, row: usize) {
    let shown = state.topics.shown(state.catalog());
    let name = shown.get(row).and_then(|index| state.catalog().get(*index)).map(|topic| topic.name.clone());
    let Some(name) = name else { return };
    state.topics.selected = Some(name);
    follow(state);
}

/// A click puts the cursor on the row under it.
pub(super) fn click(state: &mut State, x: u16, y: u16) {
    let Some(rows) = screen::topic_rows(state).filter(|rows| rows.contains((x, y).into())) else { return };
    let shown = state.topics.shown(state.catalog());
    let first = state.topics.first_row(&shown, state.catalog(), usize::from(rows.height));
    select(state, first + usize::from(y - rows.y));
}

/// Keeps the cursor in view.
pub(super) fn follow(state: &mut State) {
    let height = page(state);
    let shown = state.topics.shown(state.catalog());
    state.topics.offset = state.topics.first_row(&shown, state.catalog(), height);
}

/// How many rows are in view.
pub(super) fn page(state: &State) -> usize {
    screen::topic_rows(state).map_or(1, |rows| usize::from(rows.height))
}
