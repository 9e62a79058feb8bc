//! The timeline: cursor, zoom, and marker.

use kreplay_model::timeline::Moment;

use super::{Effect, cursor, navigate, past, playback};
use crate::state::{COLUMN_LENGTHS_MS, ScreenId, State, TimeColumns};

/// The columns of a large step.
pub(super) const FAR_COLUMNS: i64 = 10;

/// Opens the timeline, or closes it. On the page of a group, and where there are no runs, it is that of the group.
pub(super) fn toggle(state: &mut State) {
    let front = state.user.navigation.front().screen;
    if front != ScreenId::Timeline {
        let has_runs = state.feed.timeline.runs().len() > 0;
        let of_group = matches!(front, ScreenId::Trouble | ScreenId::Groups | ScreenId::Group) || !has_runs;
        let group = match front {
            ScreenId::Trouble => state.selected_trouble_group(),
            ScreenId::Group => state.opened_group(),
            _ => state.selected_group(),
        };
        let group = group.filter(|_| of_group).map(|group| group.group.clone());
        if group != state.user.timeline.group {
            state.user.timeline.group = group;
            state.user.timeline.column_ms = None;
            state.user.timeline.marker = None;
        }
    }
    navigate::toggle(state, ScreenId::Timeline);
}

/// Moves the cursor by columns.
pub(super) fn step(state: &mut State, by: i64) -> Vec<Effect> {
    let (Some(columns), Some(cursor)) = (state.drawn_timeline_columns(), state.timeline_cursor()) else {
        return Vec::new();
    };
    move_to(state, columns.step(cursor, by))
}

/// Moves the cursor to the next event, or to the previous one.
pub(super) fn to_mark(state: &mut State, forward: bool) -> Vec<Effect> {
    let mark = state.moment_to_leave().and_then(|at| state.next_mark(at, forward));
    mark.map_or_else(Vec::new, |at| move_to(state, at))
}

/// Moves the cursor to a moment. While an earlier moment is shown, all screens follow.
pub(super) fn move_to(state: &mut State, at: Moment) -> Vec<Effect> {
    let Some(range) = state.timeline_range() else { return Vec::new() };
    let at = at.clamp(range.from(), range.to());
    if state.playback.is_some() {
        return playback::seek(state, at);
    }
    cursor::place(state, at);
    if state.shows_past() { vec![Effect::ShowMoment(at)] } else { Vec::new() }
}

/// Makes the columns shorter or longer. The cursor stays where it is on the screen.
pub(super) fn zoom(state: &mut State, closer: bool) {
    let (Some(columns), Some(cursor), Some(all)) =
        (state.drawn_timeline_columns(), state.timeline_cursor(), state.timeline_range())
    else {
        return;
    };
    let longest = TimeColumns::length_for(all, columns.count());
    let now = columns.length_ms();
    let next = if closer {
        COLUMN_LENGTHS_MS.into_iter().rev().find(|length_ms| *length_ms < now)
    } else {
        COLUMN_LENGTHS_MS.into_iter().find(|length_ms| *length_ms > now).filter(|length_ms| *length_ms <= longest)
    };
    let Some(length_ms) = next else { return };
    let right_of_cursor = columns.index_of(cursor).map_or(0, |index| columns.count() - 1 - index);
    let right_of_cursor = i64::try_from(right_of_cursor).unwrap_or(i64::MAX);
    state.user.timeline.column_ms = Some(length_ms);
    state.user.timeline.end = Some(cursor.plus_ms(right_of_cursor.saturating_mul(length_ms)));
}

/// Sets the marker at the cursor, or removes it if it is there.
pub(super) fn set_marker(state: &mut State) {
    let cursor = state.timeline_cursor();
    let marker = &mut state.user.timeline.marker;
    *marker = cursor.filter(|_| *marker != cursor);
}

/// Returns to the latest moment, or goes to the end of the recording.
pub(super) fn to_latest(state: &mut State) -> Vec<Effect> {
    if let Some(end) = state.playback.as_ref().map(|playback| playback.range().to()) {
        return playback::seek(state, end);
    }
    past::to_latest(state);
    Vec::new()
}
