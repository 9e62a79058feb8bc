//! The playback of a recording.

use std::time::Duration;

use kreplay_model::{
    recording::Frame,
    timeline::{Moment, TimeRange},
};

use super::{Effect, cursor};
use crate::state::{FeedState, Playback, State};

/// A small step in milliseconds.
pub(super) const STEP_MS: i64 = 1_000;
/// A large step.
pub(super) const FAR_STEP_MS: i64 = 10_000;

/// Begins to show a recording at one of its moments.
pub(super) fn open(state: &mut State, range: TimeRange, at: Moment) -> Vec<Effect> {
    let part_ms = u64::try_from(Playback::timeline_part_ms(range)).unwrap_or(0);
    state.feed.timeline = FeedState::timeline(Duration::from_millis(part_ms));
    let mut playback = Playback::new(range);
    playback.seek(at);
    state.playback = Some(playback);
    state.user.timeline.cursor = Some(playback.at());
    state.stale = true;
    vec![Effect::ShowMoment(playback.at())]
}

/// Plays or pauses.
pub(super) fn toggle(state: &mut State) -> Vec<Effect> {
    change(state, Playback::toggle)
}

/// Changes the speed.
pub(super) fn change_speed(state: &mut State, faster: bool) -> Vec<Effect> {
    if let Some(playback) = &mut state.playback {
        playback.change_speed(faster);
    }
    Vec::new()
}

/// Goes forward, or back if negative.
pub(super) fn seek_by(state: &mut State, by_ms: i64) -> Vec<Effect> {
    change(state, |playback| playback.seek(playback.at().plus_ms(by_ms)))
}

/// Goes to a moment.
pub(super) fn seek(state: &mut State, at: Moment) -> Vec<Effect> {
    change(state, |playback| playback.seek(at))
}

/// Advances the time.
pub(super) fn tick(state: &mut State, elapsed: Duration) -> Vec<Effect> {
    let Some(playback) = &mut state.playback else { return Vec::new() };
    let was_playing = playback.is_playing();
    let moved = playback.advance(elapsed);
    state.stale |= moved || was_playing != playback.is_playing();
    if moved { vec![Effect::ShowMoment(playback.at())] } else { Vec::new() }
}

/// Adds a moment of the recording to the timeline. They come in order, from the start of the recording.
pub(super) fn learn(state: &mut State, frame: &Frame) -> Vec<Effect> {
    let timeline = &mut state.feed.timeline;
    if let Some(snapshot) = &frame.snapshot {
        timeline.add_snapshot(snapshot);
    }
    if let Some(look) = &frame.groups {
        timeline.add_watch(look);
    }
    frame.events.iter().for_each(|event| timeline.add_event(event));
    frame.group_events.iter().for_each(|event| timeline.add_watch_event(event));
    state.stale = true;
    Vec::new()
}

fn change(state: &mut State, change: impl FnOnce(&mut Playback)) -> Vec<Effect> {
    let Some(playback) = &mut state.playback else { return Vec::new() };
    let before = playback.at();
    change(playback);
    let at = playback.at();
    if at == before {
        return Vec::new();
    }
    cursor::place(state, at);
    vec![Effect::ShowMoment(at)]
}
