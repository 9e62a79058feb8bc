//! The console: the feed on a terminal, and keys that become commands.
//!
//! One task owns the [`state`]. What happens becomes an [`update::Event`]; [`update::update`] changes the state and says
//! what has to be done outside; the screens draw the state in a [`theme`]. The console knows the feed and the commands,
//! and nothing of what stands behind them.

use std::io;

pub mod action;
pub mod capture;
mod input;
pub mod keymap;
pub mod layout;
mod number;
mod runtime;
mod screen;
pub mod state;
mod terminal;
mod text;
pub mod theme;
pub mod update;
mod widget;

pub use runtime::run;

/// How the console is to look and behave.
#[derive(Clone, Debug)]
pub struct ConsoleOptions {
    /// Its colours.
    pub theme: theme::ThemeChoice,
    /// Whether it listens to the mouse; a terminal selects text by itself only where it does not.
    pub mouse: bool,
    /// Whether to do without colours, as `NO_COLOR` asks for; it goes before the theme.
    pub no_color: bool,
    /// A line that says what to press.
    pub hint: Option<String>,
}

impl Default for ConsoleOptions {
    fn default() -> Self {
        Self { theme: theme::ThemeChoice::default(), mouse: true, no_color: false, hint: None }
    }
}

/// Why the console could not be opened or go on.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// The theme cannot be used.
    #[error(transparent)]
    Theme(#[from] theme::ThemeError),
    /// The terminal cannot be taken over.
    #[error("cannot open the console on this terminal: {0}; use --headless without one")]
    Open(#[source] io::Error),
    /// Nothing more can be read from the terminal.
    #[error("cannot read from the terminal: {0}")]
    Read(#[source] io::Error),
    /// Nothing more can be written to the terminal.
    #[error("cannot write to the terminal: {0}")]
    Write(#[source] io::Error),
    /// Some part of the program has panicked; what it said stands above.
    #[error("a part of kreplay has failed unexpectedly; the run was stopped")]
    Panicked,
}
