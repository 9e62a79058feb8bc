//! Keys, and the modes that determine what they do.

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The mode, which determines what keys do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// No window is open.
    Dashboard,
    /// A window for reading is open: help, comparison, details, an event, or the run.
    Reading,
    /// The topic list is open.
    Choosing,
    /// The plan window is open.
    Planning,
    /// The quarantine window is open.
    Deciding,
    /// The window of the record that paused the run is open.
    FailedRecord,
    /// Text is being entered.
    Typing,
    /// A yes-or-no question is open.
    Asking,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 8] = [
        Self::Dashboard,
        Self::Reading,
        Self::Choosing,
        Self::Planning,
        Self::Deciding,
        Self::FailedRecord,
        Self::Typing,
        Self::Asking,
    ];
}

/// A key with or without Control. Shift is part of the resulting character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The key code.
    pub code: KeyCode,
    /// Whether Control is held down.
    pub ctrl: bool,
}

impl Key {
    /// A character key.
    #[must_use]
    pub const fn char(c: char) -> Self {
        Self { code: KeyCode::Char(c), ctrl: false }
    }

    /// A character key with Control.
    #[must_use]
    pub const fn ctrl(c: char) -> Self {
        Self { code: KeyCode::Char(c), ctrl: true }
    }

    /// A non-character key.
    #[must_use]
    pub const fn code(code: KeyCode) -> Self {
        Self { code, ctrl: false }
    }

    /// The key of a terminal event; `None` if it has a modifier that is never bound.
    #[must_use]
    pub fn from_event(event: KeyEvent) -> Option<Self> {
        let others = KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::HYPER | KeyModifiers::META;
        if event.modifiers.intersects(others) {
            return None;
        }
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let code = match event.code {
            // With Control, some terminals send upper-case letters and some lower-case.
            KeyCode::Char(c) if ctrl => KeyCode::Char(c.to_ascii_lowercase()),
            KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            code => code,
        };
        Some(Self { code, ctrl })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.code {
            KeyCode::Char(' ') => "Space",
            KeyCode::Up => "↑",
            KeyCode::Down => "↓",
            KeyCode::Left => "←",
            KeyCode::Right => "→",
            KeyCode::PageUp => "PgUp",
            KeyCode::PageDown => "PgDn",
            KeyCode::BackTab => "Shift-Tab",
            KeyCode::Char(c) if self.ctrl => return write!(f, "Ctrl-{}", c.to_ascii_uppercase()),
            KeyCode::Char(c) => return write!(f, "{c}"),
            other => return write!(f, "{other}"),
        };
        f.write_str(name)
    }
}
