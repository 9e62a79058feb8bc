//! Which moment is shown, at the right of the banner.

use ratatui::style::Style;

use crate::{
    number,
    state::{Playback, State},
    theme::Theme,
};

/// The moment that is shown; `None` while it is the latest one.
pub(crate) fn text(state: &State, theme: &Theme) -> Option<(String, Style)> {
    let at = state.feed.moment?;
    let clock = state.moment_text(at);
    if let Some(playback) = &state.playback {
        return Some(recording(playback, &clock, theme));
    }
    let latest = state.latest_feed().at().unwrap_or(at);
    #[allow(clippy::cast_precision_loss, reason = "milliseconds below 2^53")]
    let seconds = (latest.ms() - at.ms()).max(0) as f64 / 1000.0;
    // Tenths would only distract.
    let ago = if seconds < 60.0 { format!("{seconds:.0} s") } else { number::seconds(seconds) };
    Some((format!("‖ VIEW AT {clock}, {ago} ago"), theme.warning))
}

fn recording(playback: &Playback, clock: &str, theme: &Theme) -> (String, Style) {
    let share = number::percent(playback.progress());
    let speed = playback.speed();
    let speed = if (speed - 1.0).abs() < 1e-9 { String::new() } else { format!(" {speed} ×") };
    let (sign, style) = if playback.is_playing() { ("►", theme.good) } else { ("‖", theme.warning) };
    (format!("{sign}{speed} RECORDING AT {clock}, {share}"), style)
}
