//! Recording the feed to a file at the request of the user.

use super::{Effect, show_message};
use crate::state::{RecordingState, State, StatusKind};

/// Starts a recording, or ends it.
pub(super) fn toggle(state: &mut State) -> Vec<Effect> {
    if matches!(state.recording, RecordingState::On(_)) { stop(state) } else { vec![Effect::StartRecording] }
}

/// Ends a recording.
pub(super) fn stop(state: &mut State) -> Vec<Effect> {
    let RecordingState::On(file) = &state.recording else { return Vec::new() };
    state.recording = RecordingState::Ending(file.clone());
    vec![Effect::StopRecording]
}

/// Whether recording is possible, or goes on already.
pub(super) fn allow(state: &mut State, recording: RecordingState) -> Vec<Effect> {
    state.recording = recording;
    state.stale = true;
    Vec::new()
}

/// A recording has begun in a file, or has not.
pub(super) fn begin(state: &mut State, began: Result<String, String>) -> Vec<Effect> {
    state.stale = true;
    match began {
        Ok(file) => {
            let message = format!("recording to {file}, starting with the recent history");
            show_message(state, StatusKind::Info, message);
            state.recording = RecordingState::On(file);
        }
        Err(reason) => show_message(state, StatusKind::Error, format!("recording failed: {reason}")),
    }
    Vec::new()
}

/// A recording has ended.
pub(super) fn end(state: &mut State, ended: Result<String, String>) -> Vec<Effect> {
    state.stale = true;
    let file = match std::mem::replace(&mut state.recording, RecordingState::Off) {
        RecordingState::On(file) | RecordingState::Ending(file) => file,
        other => {
            state.recording = other;
            return Vec::new();
        }
    };
    match ended {
        Ok(recorded) => show_message(state, StatusKind::Info, format!("{recorded} in {file}; kreplay open {file}")),
        Err(problem) => show_message(state, StatusKind::Error, format!("{file}: {problem}")),
    }
    Vec::new()
}
