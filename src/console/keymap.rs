//! Which key does what in which mode. The bindings themselves stand in the catalogue of [`super::action`].

use std::fmt;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::{Action, CATALOGUE};

/// What the keys are for at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The dashboard is in front.
    Dashboard,
    /// Something to read is in front: the help, the comparison, the details of a partition.
    Reading,
    /// Topics are being chosen.
    Choosing,
    /// A plan is looked at.
    Planning,
    /// What becomes of the keys in quarantine is being decided.
    Deciding,
    /// What becomes of the record that paused the run is being decided.
    FailedRecord,
    /// A text is being typed.
    Typing,
    /// A question waits for yes or no.
    Asking,
}

impl Mode {
    /// Every mode.
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

/// A key, with Control held down or not. Shift is part of the character it makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which key.
    pub code: KeyCode,
    /// Whether Control is held down.
    pub ctrl: bool,
}

impl Key {
    /// A key that makes a character.
    #[must_use]
    pub const fn char(c: char) -> Self {
        Self { code: KeyCode::Char(c), ctrl: false }
    }

    /// A character with Control held down.
    #[must_use]
    pub const fn ctrl(c: char) -> Self {
        Self { code: KeyCode::Char(c), ctrl: true }
    }

    /// A key that makes no character.
    #[must_use]
    pub const fn code(code: KeyCode) -> Self {
        Self { code, ctrl: false }
    }

    /// The key of a terminal's event; `None` with a modifier that nothing is bound to.
    #[must_use]
    pub fn from_event(event: KeyEvent) -> Option<Self> {
        let others = KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::HYPER | KeyModifiers::META;
        if event.modifiers.intersects(others) {
            return None;
        }
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let code = match event.code {
            // Some terminals send the capital with Control, some do not.
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

/// What a key does in a mode.
#[must_use]
pub fn lookup(mode: Mode, key: Key) -> Option<Action> {
    CATALOGUE
        .iter()
        .find(|entry| entry.bindings.iter().any(|bound| bound.modes.contains(&mode) && bound.keys.contains(&key)))
        .map(|entry| entry.action)
}
