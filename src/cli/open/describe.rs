//! What is in a recording, as text.

use std::{fmt::Write as _, path::Path};

use chrono::{DateTime, SecondsFormat};
use kreplay_model::{
    domain::{
        number::{Bytes, Count, counted, seconds},
        printable,
    },
    recording::Past as _,
};
use kreplay_recording::Recording;

/// What is missing because the file is damaged, as far as it was read; `None` if nothing is.
pub(super) fn damage(recording: &Recording) -> Option<String> {
    let places = recording.damaged_places();
    (places > 0)
        .then(|| format!("the file is damaged in {}: what was recorded there is missing", counted(places, "place")))
}

/// Who made it, when, how long it is, and what it ends with.
pub(super) fn text(path: &Path, recording: &Recording) -> String {
    let (first_ms, last_ms) = recording.range().unwrap_or_default();
    let about = recording.about();
    let time = |ms| {
        let at = DateTime::from_timestamp_millis(ms);
        at.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true)).unwrap_or_default()
    };
    #[allow(clippy::cast_precision_loss, reason = "a duration in milliseconds")]
    let length = seconds((last_ms - first_ms) as f64 / 1_000.0);
    let size = std::fs::metadata(path).map(|file| format!(", {}", Bytes(file.len()))).unwrap_or_default();
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "{}: kreplay {}, recorded by kreplay {}, format {}{size}",
        path.display(),
        printable(&about.command),
        printable(&about.kreplay),
        recording.version()
    );
    let _ = writeln!(out, "from {} to {}: {length}", time(first_ms), time(last_ms));
    if !recording.is_complete() {
        out.push_str(
            "the recording is incomplete: it is still being written, its process was killed, or it was truncated\n",
        );
    }
    // Damage is found while entries are read.
    recording.frames().for_each(drop);
    if let Some(text) = damage(recording) {
        let _ = writeln!(out, "{text}");
    }
    let Some(state) = recording.state_at(last_ms) else { return out };
    if let Some(run) = state.snapshot.as_ref().and_then(|snapshot| snapshot.run.as_ref()) {
        let handled = counted(run.totals.handled, "record");
        let _ = writeln!(out, "run {}: {}, {handled} handled", printable(&run.id), run.status());
    }
    if let Some(groups) = state.groups {
        let _ = writeln!(out, "groups: {}", Count(groups.groups.len() as u64));
    }
    out.push_str("open it on a terminal, or use --frame or --export\n");
    out
}
