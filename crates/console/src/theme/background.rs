//! The theme that suits the background of the terminal.

use std::time::Duration;

use terminal_colorsaurus::{QueryOptions, ThemeMode, theme_mode};

use super::ThemeChoice;

/// How long to wait for the terminal. A terminal that does not know the request for its colours answers the request
/// that follows it, so that this time passes only with one that answers neither.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(100);

/// The light theme on a light background, otherwise the dark theme, also if the terminal does not tell.
///
/// Must be called before standard input is read by anything else.
pub(crate) fn for_background_of_terminal() -> ThemeChoice {
    let mut options = QueryOptions::default();
    options.timeout = ANSWER_TIMEOUT;
    match theme_mode(options) {
        Ok(ThemeMode::Light) => ThemeChoice::LIGHT,
        Ok(ThemeMode::Dark) | Err(_) => ThemeChoice::DARK,
    }
}
