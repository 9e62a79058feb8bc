//! One frame of a recording.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use kreplay_console::{
    capture::{Capture, text},
    state::ScreenId,
    theme::{ColorDepth, Theme, ThemeChoice},
};
use kreplay_model::{
    feed::{Event, Snapshot, report::printable_json},
    recording::{Frame, Past as _},
    watch::{AlertsSnapshot, WatchEvent, WatchSnapshot},
};
use kreplay_recording::Recording;
use serde::Serialize;

use super::FrameSize;
use crate::cli::CliError;

/// How much of the time before a frame is read for its charts, in milliseconds.
const CHART_MS: i64 = 30 * 60 * 1_000;

/// The format of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FrameFormat {
    /// The screen without colours.
    Text,
    /// Everything that is known at that moment.
    Json,
}

/// Everything that is known at a moment, as JSON.
#[derive(Serialize)]
struct State {
    at: Option<DateTime<Utc>>,
    snapshot: Option<Arc<Snapshot>>,
    events: Vec<Event>,
    groups: Option<Arc<WatchSnapshot>>,
    group_events: Vec<WatchEvent>,
    alerts: Option<Arc<AlertsSnapshot>>,
}

/// The frame at a moment.
pub(super) fn render(
    recording: &Recording,
    at_ms: i64,
    format: FrameFormat,
    size: FrameSize,
) -> Result<String, CliError> {
    match format {
        FrameFormat::Text => {
            let theme = Theme::load_for(&ThemeChoice::MONO, ColorDepth::True);
            let theme = theme.map_err(|error| CliError::Failed(error.to_string()))?;
            Ok(text(&screen_at(recording, at_ms, size).frame(&theme)))
        }
        FrameFormat::Json => {
            let Frame { at_ms, snapshot, events, groups, group_events, alerts } =
                recording.state_at(at_ms).unwrap_or_default();
            let at = DateTime::from_timestamp_millis(at_ms);
            let state = State { at, snapshot, events, groups, group_events, alerts };
            let json = printable_json(&state);
            json.map_err(|error| CliError::Failed(format!("the frame cannot be written: {error}")))
        }
    }
}

/// The console at a moment, with the history of the time before.
fn screen_at(recording: &Recording, at_ms: i64, size: FrameSize) -> Capture {
    let mut capture = capture(recording, size);
    let first_ms = at_ms.saturating_sub(CHART_MS);
    let before = recording.state_at(first_ms);
    let from_ms = if before.is_some() { first_ms + 1 } else { first_ms };
    let start_ms = recording.range().map_or(0, |(first, _)| first);
    for frame in before.into_iter().chain(recording.frames_within(&(from_ms..=at_ms))) {
        let elapsed = elapsed(start_ms, frame.at_ms);
        capture.take_frame(frame, elapsed);
    }
    capture
}

/// A console without a terminal that opens with what a recording is about.
pub(super) fn capture(recording: &Recording, size: FrameSize) -> Capture {
    Capture::new(size.columns, size.rows, None).with_home(home(recording))
}

/// The screen that a recording opens with: of a watch, the groups in trouble.
pub(super) fn home(recording: &Recording) -> ScreenId {
    let is_watch = recording
        .state_at(i64::MAX)
        .is_some_and(|state| state.groups.is_some() && state.snapshot.is_none_or(|snapshot| snapshot.run.is_none()));
    if is_watch { ScreenId::Trouble } else { ScreenId::Dashboard }
}

/// The time since the first frame.
pub(super) fn elapsed(start_ms: i64, at_ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(at_ms.saturating_sub(start_ms)).unwrap_or(0))
}
