//! Earlier moments: showing one on all screens, keeping what the feed says meanwhile, and returning.

use std::sync::Arc;

use kreplay_model::{recording::Frame, timeline::Moment};

use super::{Effect, Event, cursor, navigate, show_message};
use crate::state::{FeedState, State, StatusKind, Watched};

/// Stays at the latest moment while the feed goes on, or returns to the feed.
pub(super) fn toggle(state: &mut State) -> Vec<Effect> {
    if state.latest.is_some() {
        to_latest(state);
        return Vec::new();
    }
    state.feed.at().map(Effect::ShowMoment).into_iter().collect()
}

/// Shows the moment under the cursor of the timeline on all screens.
pub(super) fn show_cursor(state: &mut State) -> Vec<Effect> {
    state.timeline_cursor().map(Effect::ShowMoment).into_iter().collect()
}

/// Shows a moment, if it is kept.
pub(super) fn show(state: &mut State, at: Moment, frame: Option<Frame>) -> Vec<Effect> {
    state.stale = true;
    let Some(frame) = frame else {
        show_message(state, StatusKind::Refused, "this moment is not kept");
        return Vec::new();
    };
    if state.playback.is_some() {
        // The timeline of a recording grows from its start; what has happened may be known before.
        frame.events.iter().for_each(|event| state.feed.timeline.add_event(event));
        frame.group_events.iter().for_each(|event| state.feed.timeline.add_watch_event(event));
    }
    let is_watch_on = state.latest_feed().watched.is_on() && state.playback.is_none();
    let unlisted = if is_watch_on { Watched::Listing(state.now) } else { Watched::Off };
    let mut before = std::mem::take(&mut state.feed);
    state.feed = FeedState::of_frame(at, frame, &mut before, unlisted);
    if state.latest.is_none() && state.playback.is_none() {
        state.latest = Some(Box::new(before));
    }
    cursor::place(state, at);
    drop_what_belongs_to_another_moment(state);
    Vec::new()
}

/// Returns to the feed.
pub(super) fn to_latest(state: &mut State) {
    cursor::follow_latest(state);
    let Some(latest) = state.latest.take() else { return };
    let before = std::mem::replace(&mut state.feed, *latest);
    let shown_run = before.run().map(|run| run.id.clone());
    state.feed.timeline = before.timeline;
    state.feed.changes = before.changes;
    state.feed.journal = before.journal;
    // Another run may have begun meanwhile.
    if state.run().map(|run| &run.id) != shown_run.as_ref() {
        super::begin_run(state);
    }
    drop_what_belongs_to_another_moment(state);
}

/// Closes prompts, and windows that have nothing to show at this moment.
fn drop_what_belongs_to_another_moment(state: &mut State) {
    state.user.pending = None;
    if state.user.navigation.dialog.as_ref().is_some_and(|dialog| !dialog.is_filter()) {
        state.user.navigation.dialog = None;
    }
    navigate::close_those_with_nothing_to_show(state);
}

/// Keeps what the feed says while an earlier moment is shown. Returns events of another kind, and all events while the
/// latest moment is shown.
pub(super) fn keep(state: &mut State, event: Event) -> Option<Event> {
    let Some(latest) = &mut state.latest else { return Some(event) };
    let timeline = &mut state.feed.timeline;
    match event {
        Event::Snapshot(snapshot) => {
            timeline.add_snapshot(&snapshot);
            latest.snapshot = snapshot;
        }
        Event::Events(events) => {
            for event in &events {
                timeline.add_event(event);
                latest.errors.add(event);
            }
            latest.events.add(events);
        }
        Event::WatchBegan if !latest.watched.is_on() => latest.watched = Watched::Listing(state.now),
        Event::WatchBegan => {}
        Event::Groups(look) => {
            timeline.add_watch(&look);
            latest.watched = Watched::known(look);
        }
        Event::Alerts(alerts) => latest.alerts = Some(Arc::clone(&alerts)),
        Event::GroupEvents(events) => events.iter().for_each(|event| timeline.add_watch_event(event)),
        Event::FeedEnded => latest.ended = true,
        other => return Some(other),
    }
    // How long ago the moment was, and the timeline, have changed.
    state.stale = true;
    None
}
