//! A recording as frames of the console, in the format of asciinema (asciicast v2,
//! <https://docs.asciinema.org/manual/asciicast/v2/>).

use std::io::{self, Write};

use kreplay_console::{capture::changes, theme::Theme};
use kreplay_model::recording::Past as _;
use kreplay_recording::Recording;
use serde_json::json;

use super::{
    FrameSize,
    frame::{capture, elapsed},
};

/// Writes the frames, each as what changed since the one before. Events that explain a change are markers.
pub(super) fn write(recording: &Recording, theme: &Theme, size: FrameSize, mut out: impl Write) -> io::Result<()> {
    let (start_ms, _) = recording.range().unwrap_or_default();
    let header = json!({
        "version": 2,
        "width": size.columns,
        "height": size.rows,
        "timestamp": start_ms / 1_000,
        "title": format!("kreplay {}", recording.about().command),
        "env": {"TERM": "xterm-256color"},
    });
    writeln!(out, "{header}")?;
    let mut capture = capture(recording, size);
    let mut previous = None;
    let mut next_mark = recording.next_mark(start_ms - 1, true);
    for frame in recording.frames() {
        let elapsed = elapsed(start_ms, frame.at_ms);
        let marker = next_mark.filter(|mark| *mark <= frame.at_ms).and_then(|_| {
            next_mark = recording.next_mark(frame.at_ms, true);
            frame.events.last().map(|event| event.kind.to_string())
        });
        if let Some(text) = marker {
            writeln!(out, "{}", json!([elapsed.as_secs_f64(), "m", text]))?;
        }
        capture.take_frame(frame, elapsed);
        let shown = capture.frame(theme);
        let text = changes(previous.as_ref(), &shown)?;
        if !text.is_empty() {
            writeln!(out, "{}", json!([elapsed.as_secs_f64(), "o", text]))?;
        }
        previous = Some(shown);
    }
    out.flush()
}
