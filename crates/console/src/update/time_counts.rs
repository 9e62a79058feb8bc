//! Counts the records of the chosen topics by time, and picks a range of times on them.

use std::sync::Arc;

use kreplay_model::{
    control::RunField,
    time_counts::{TimeCountCommand, TimeCountProgress},
};

use super::{Effect, launch_draft};
use crate::state::{State, launch_topics};

/// Buckets of a long step.
pub(super) const FAR_BUCKETS: isize = 5;

/// Notes that records can be counted by time.
pub(super) fn allow(state: &mut State) -> Vec<Effect> {
    state.user.launch.time_counts.is_available = true;
    state.stale = true;
    Vec::new()
}

/// Takes an answer.
pub(super) fn learn(state: &mut State, answer: &TimeCountProgress) -> Vec<Effect> {
    state.user.launch.time_counts.learn(answer);
    state.stale |= state.shows_time_counts();
    Vec::new()
}

/// Has the records of the chosen topics counted while their range is filled in. Stops when that is not needed.
pub(super) fn tick(state: &mut State) -> Vec<Effect> {
    if !state.user.launch.time_counts.is_available {
        return Vec::new();
    }
    let topics: Vec<String> = launch_topics(&state.draft()).into_iter().map(str::to_owned).collect();
    let is_wanted = state.shows_time_counts() && !topics.is_empty();
    let view = &mut state.user.launch.time_counts;
    if is_wanted && !view.is_about(&topics) {
        state.stale = true;
        return vec![Effect::CountTimes(TimeCountCommand::Start(view.ask(Arc::from(topics))))];
    }
    if !is_wanted && view.lookups.is_some() {
        return forget(state);
    }
    Vec::new()
}

/// Forgets the counts, so that they are made again.
pub(super) fn forget(state: &mut State) -> Vec<Effect> {
    let was_counting = state.user.launch.time_counts.forget();
    if was_counting { vec![Effect::CountTimes(TimeCountCommand::Stop)] } else { Vec::new() }
}

/// Moves the cursor by buckets, and with it the range if one end is fixed.
pub(super) fn step(state: &mut State, by: isize) {
    let cursor = state.user.launch.time_counts.cursor.saturating_add_signed(by);
    move_to(state, cursor);
}

/// Moves the cursor to a bucket, or to the last one.
pub(super) fn move_to(state: &mut State, bucket: usize) {
    let view = &mut state.user.launch.time_counts;
    view.cursor = bucket.min(view.buckets().saturating_sub(1));
    if view.anchor.is_some() {
        take_over(state);
    }
}

/// Begins a range at the cursor, or ends it there.
pub(super) fn mark(state: &mut State) {
    let view = &mut state.user.launch.time_counts;
    if view.anchor.take().is_none() && view.buckets() > 0 {
        view.anchor = Some(view.cursor);
        take_over(state);
    }
}

/// Begins a range at a bucket that was clicked.
pub(super) fn begin_at(state: &mut State, bucket: usize) {
    let view = &mut state.user.launch.time_counts;
    if bucket < view.buckets() {
        (view.cursor, view.anchor) = (bucket, Some(bucket));
        take_over(state);
    }
}

/// Makes the range the whole log again.
pub(super) fn clear(state: &mut State) {
    state.user.launch.time_counts.anchor = None;
    launch_draft::set_range(state, RunField::From.value_if_empty(), RunField::To.value_if_empty());
}

/// Puts the range into its fields.
fn take_over(state: &mut State) {
    if let Some((from, to)) = state.user.launch.time_counts.picked() {
        launch_draft::set_range(state, &from, &to);
    }
}
