//! How the console looks, for all commands that open it.

use std::io::{self, IsTerminal as _};

use kreplay_console::{
    ConsoleOptions,
    theme::{Theme, ThemeChoice},
};

use super::{CliError, journal_listing};
use crate::config::{Config, Environment};

/// Whether standard input and output are a terminal.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// The theme of the configuration, by name or file. The file is not read.
pub(super) fn theme_choice(config: &Config) -> Result<ThemeChoice, CliError> {
    config.console.theme.parse::<ThemeChoice>().map_err(|error| CliError::Usage(error.to_string()))
}

/// The options of the configuration. To be called before anything is contacted: a theme file may be missing or invalid.
pub(super) fn console_options(config: &Config) -> Result<ConsoleOptions, CliError> {
    let theme = theme_choice(config)?;
    Theme::load(&theme).map_err(|error| CliError::Usage(error.to_string()))?;
    Ok(ConsoleOptions {
        theme,
        mouse: config.console.mouse,
        notify: config.console.notify,
        // https://no-color.org: any non-empty value.
        no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
        keymap: config.console.keymap.clone(),
        journals: config.journals(&Environment::of_process()).map(journal_listing::lister),
        ..ConsoleOptions::default()
    })
}
