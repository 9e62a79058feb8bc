//! Chooses topics and replays them.

use std::sync::Arc;

use kreplay_model::control::Command;

use super::{Effect, ask, run::start, show_message};
use crate::state::{Question, ScreenId, Scrollable, State, StatusKind, TopicRow};

/// Opens the list. Requests the topics from the cluster if that has not been done.
pub(super) fn open(state: &mut State) -> Vec<Effect> {
    state.user.navigation.open(ScreenId::Topics);
    if !state.feed.lists_topics() {
        return vec![Effect::Send(Command::ListTopics)];
    }
    follow(state);
    Vec::new()
}

/// Opens the list automatically, once, if topics must be chosen first. It also shows that the list is
/// loading.
pub(super) fn open_automatically(state: &mut State) {
    let snapshot = &state.feed.snapshot;
    if snapshot.run.is_some() {
        return;
    }
    if snapshot.problem.is_some() {
        // Opens again when the problem is resolved.
        state.user.topics.auto_opened = false;
    } else if state.feed.lists_topics() && !state.user.topics.auto_opened {
        state.user.topics.auto_opened = true;
        state.user.navigation.open_behind_windows(ScreenId::Topics);
    }
}

/// Whether topics must be chosen before a run can start.
pub(super) fn must_choose(state: &State) -> bool {
    let snapshot = &state.feed.snapshot;
    !state.feed.ended && snapshot.run.is_none() && snapshot.problem.is_none() && state.feed.lists_topics()
}

/// Requests the topics from the cluster again.
pub(super) fn reload(state: &mut State) -> Vec<Effect> {
    show_message(state, StatusKind::Info, "reloading the topics");
    vec![Effect::Send(Command::ListTopics)]
}

/// Replays the chosen topics. Asks first if a run is active.
pub(super) fn replay(state: &mut State) -> Vec<Effect> {
    let names: Arc<[String]> = state.chosen().into_iter().map(|topic| topic.name.clone()).collect();
    if state.run_is_active() {
        return ask(state, Question::ReplayInstead(names));
    }
    replay_these(state, names)
}

/// Starts a run of these topics. The session stops an active run first.
pub(super) fn replay_these(state: &mut State, names: Arc<[String]>) -> Vec<Effect> {
    state.user.navigation.close(ScreenId::Topics);
    start(state, Command::Replay(names))
}

/// Marks or unmarks the topic under the cursor.
pub(super) fn mark(state: &mut State) {
    let shown = state.user.topics.shown(&state.feed);
    let row = state.user.topics.selected_row(&shown, &state.feed);
    let topic = row.and_then(|row| state.catalog().get(*shown.get(row)?));
    let Some(name) = topic.map(|topic| topic.name.clone()) else { return };
    if !state.user.topics.marked.remove(&name) {
        state.user.topics.marked.insert(name.clone());
    }
    state.user.topics.table.selected = Some(name);
}

/// Marks all topics shown, or unmarks them if all are marked.
pub(super) fn mark_all(state: &mut State) {
    let shown = state.user.topics.shown(&state.feed);
    let topics: Vec<_> = shown.iter().filter_map(|index| state.catalog().get(*index)).collect();
    let all = topics.iter().all(|topic| state.user.topics.is_marked(topic));
    let names: Vec<String> = topics.into_iter().map(|topic| topic.name.clone()).collect();
    if all {
        for name in &names {
            state.user.topics.marked.remove(name);
        }
    } else {
        state.user.topics.marked.extend(names);
    }
}

/// Moves the cursor up (negative) or down.
pub(super) fn scroll(state: &mut State, by: isize) {
    let Some(name) = state.user.topics.topic_at_distance(&state.feed, by) else { return };
    select(state, name);
}

/// Sorts by a column, or reverses the order if it is the sort column already.
pub(super) fn sort_by(state: &mut State, column: &'static str) {
    state.user.topics.table.sort_by::<TopicRow<'_>>(column);
    follow(state);
}

/// Moves the cursor to a topic.
pub(super) fn select(state: &mut State, name: String) {
    state.user.topics.table.selected = Some(name);
    follow(state);
}

/// Scrolls so that the cursor is visible. Before the first frame of the list, drawing alone does so.
pub(super) fn follow(state: &mut State) {
    let Some(height) = state.extents.page(Scrollable::Screen(ScreenId::Topics)) else { return };
    let shown = state.user.topics.shown(&state.feed);
    state.user.topics.table.offset = state.user.topics.first_row(&shown, &state.feed, height);
}
