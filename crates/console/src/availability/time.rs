//! Whether earlier moments can be shown, and what cannot be done while one is.

use std::borrow::Cow;

use super::{Refusal, refuse_unless};
use crate::{
    action::{Action, Reach},
    key::Mode,
    state::{RecordingState, ScreenId, State},
    text::clean,
};

const NOTHING_MEASURED: &str = "nothing has been measured yet";
const NO_RECORDING: &str = "this is not a recording";

/// Why an action is not available while an earlier moment is shown: it would act on the present one.
pub(super) fn refusal_in_past(action: Action, state: &State) -> Refusal {
    if !state.shows_past() || leaves_moment(action, state) {
        return None;
    }
    match action.reach() {
        Reach::View => None,
        Reach::Request | Reach::Change if state.playback.is_some() => {
            Some("this is a recording, which is read-only".into())
        }
        Reach::Request | Reach::Change => {
            let back = match state.key_of(Action::Freeze, Mode::Dashboard) {
                Some(key) => format!("; {key} returns to the latest one"),
                None => String::new(),
            };
            Some(Cow::Owned(format!("an earlier moment is shown{back}")))
        }
    }
}

/// Whether an action does not depend on the moment that is shown.
fn leaves_moment(action: Action, state: &State) -> bool {
    match action {
        // Prompts of actions that change something are closed when an earlier moment is shown.
        Action::Quit | Action::Interrupt | Action::Suspend | Action::Accept => true,
        Action::Plan => state.shows_plan() || state.has_plan_to_show(),
        Action::Audit => state.has_audit_to_show(),
        Action::Topics => state.feed.lists_topics(),
        // The page is closed.
        Action::Journals => state.user.navigation.front().screen == ScreenId::Journals,
        _ => false,
    }
}

/// Why an action on time is not available; `None` for other actions.
pub(super) fn refusal_of_time(action: Action, state: &State) -> Refusal {
    match action {
        Action::Timeline => no_timeline(state),
        // Pages with a window in time of their own are always available.
        Action::CursorLeft
        | Action::CursorRight
        | Action::ZoomIn
        | Action::ZoomOut
        | Action::WholeTimeline
        | Action::Latest
            if state.is_charting() =>
        {
            None
        }
        Action::PreviousMark | Action::NextMark if state.visits_events_on_chart() => None,
        Action::CursorLeft
        | Action::CursorRight
        | Action::CursorFarLeft
        | Action::CursorFarRight
        | Action::ZoomIn
        | Action::ZoomOut
        | Action::WholeTimeline
        | Action::ShowMoment
        | Action::SetMarker => refuse_unless(state.timeline_range().is_some(), NOTHING_MEASURED),
        Action::PreviousMark | Action::NextMark => no_mark(state, action == Action::NextMark),
        Action::Freeze if state.playback.is_some() => Some("a recording has no live view to return to".into()),
        Action::Freeze => refuse_unless(state.feed.at().is_some(), NOTHING_MEASURED),
        Action::Record => no_recording(state),
        Action::Latest => no_later_moment(state),
        Action::TogglePlayback
        | Action::SeekBack
        | Action::SeekForward
        | Action::SeekFarBack
        | Action::SeekFarForward => refuse_unless(state.playback.is_some(), NO_RECORDING),
        Action::SlowerPlayback | Action::FasterPlayback => no_speed(state, action == Action::FasterPlayback),
        _ => None,
    }
}

/// Why there is no timeline.
pub(crate) fn no_timeline(state: &State) -> Refusal {
    let timeline = &state.feed.timeline;
    refuse_unless(timeline.runs().len() > 0 || timeline.looks().is_some(), NOTHING_MEASURED)
}

/// Why there is no event to go to.
fn no_mark(state: &State, forward: bool) -> Refusal {
    let Some(cursor) = state.moment_to_leave() else { return refuse_unless(false, NOTHING_MEASURED) };
    let why = if forward { "there is no later event" } else { "there is no earlier event" };
    refuse_unless(state.next_mark(cursor, forward).is_some(), why)
}

fn no_later_moment(state: &State) -> Refusal {
    let is_earlier = match &state.playback {
        Some(playback) => playback.at() < playback.range().to(),
        None => state.shows_past() || state.user.timeline.cursor.is_some(),
    };
    refuse_unless(is_earlier, "this is the latest moment")
}

/// Why recording cannot be started or ended.
fn no_recording(state: &State) -> Refusal {
    match &state.recording {
        _ if state.playback.is_some() => Some("this is already a recording".into()),
        RecordingState::Unavailable => Some("this console cannot record".into()),
        RecordingState::ByCommand(file) => Some(format!("already recording everything to {}", clean(file)).into()),
        RecordingState::Ending(_) => Some("the recording is being completed".into()),
        RecordingState::Off | RecordingState::On(_) => None,
    }
}

fn no_speed(state: &State, faster: bool) -> Refusal {
    let Some(playback) = &state.playback else { return refuse_unless(false, NO_RECORDING) };
    let why = if faster { "this is the highest speed" } else { "this is the lowest speed" };
    refuse_unless(playback.can_change_speed(faster), why)
}
