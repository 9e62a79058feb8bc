//! Keys, and the modes that determine what they do.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

mod notation;

pub use notation::{KEY_FORMS, KeyError};

/// The mode, which determines what keys do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// No window is open.
    Dashboard,
    /// A window for reading is open: help, comparison, details, an event, or the run.
    Reading,
    /// The topic list is open.
    Choosing,
    /// Watched groups are shown.
    Watching,
    /// The window that changes a group is open.
    Changing,
    /// The window of alerts is open.
    Alerting,
    /// The plan window is open.
    Planning,
    /// The audit window is open.
    Auditing,
    /// The quarantine window is open.
    Deciding,
    /// The window of the record that paused the run is open.
    FailedRecord,
    /// The workers or the partitions are shown over time.
    Charting,
    /// A race is shown.
    Racing,
    /// The whole event log, the hot keys, or the runs that have a journal are shown.
    Listing,
    /// The failures by kind are shown.
    Errors,
    /// A record is shown.
    Inspecting,
    /// Text is being entered.
    Typing,
    /// A yes-or-no question is open.
    Asking,
    /// The palette is open.
    Palette,
    /// The choice of columns is open.
    Columns,
    /// The list of presets is open.
    Presets,
    /// The timeline is open.
    Timeline,
    /// The launch form is open.
    Launching,
    /// A recording is shown, whatever else is open except questions and text input.
    Playback,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 23] = [
        Self::Dashboard,
        Self::Reading,
        Self::Choosing,
        Self::Watching,
        Self::Changing,
        Self::Alerting,
        Self::Planning,
        Self::Auditing,
        Self::Deciding,
        Self::FailedRecord,
        Self::Charting,
        Self::Racing,
        Self::Listing,
        Self::Errors,
        Self::Inspecting,
        Self::Typing,
        Self::Asking,
        Self::Palette,
        Self::Columns,
        Self::Presets,
        Self::Timeline,
        Self::Launching,
        Self::Playback,
    ];

    /// The name of the mode in messages and in the output of commands.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dashboard => "dashboard",
            Self::Reading => "window",
            Self::Choosing => "topics",
            Self::Watching => "groups",
            Self::Changing => "change",
            Self::Alerting => "alerts",
            Self::Planning => "plan",
            Self::Auditing => "audit",
            Self::Deciding => "quarantine",
            Self::FailedRecord => "failed-record",
            Self::Charting => "chart",
            Self::Racing => "race",
            Self::Listing => "list",
            Self::Errors => "errors",
            Self::Inspecting => "record",
            Self::Typing => "input",
            Self::Asking => "question",
            Self::Palette => "palette",
            Self::Columns => "columns",
            Self::Presets => "presets",
            Self::Timeline => "timeline",
            Self::Launching => "launch",
            Self::Playback => "playback",
        }
    }

    /// Whether characters are text.
    #[must_use]
    pub fn takes_text(self) -> bool {
        matches!(self, Self::Typing | Self::Palette | Self::Launching)
    }
}

/// A key with or without Control and Alt. Shift is part of the resulting character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The key code.
    pub code: KeyCode,
    /// Whether Control is held down.
    pub ctrl: bool,
    /// Whether Alt is held down.
    pub alt: bool,
}

impl Key {
    /// A character key.
    #[must_use]
    pub const fn char(c: char) -> Self {
        Self::code(KeyCode::Char(c))
    }

    /// A character key with Control.
    #[must_use]
    pub const fn ctrl(c: char) -> Self {
        Self { code: KeyCode::Char(c), ctrl: true, alt: false }
    }

    /// A non-character key with Control.
    #[must_use]
    pub const fn ctrl_code(code: KeyCode) -> Self {
        Self { code, ctrl: true, alt: false }
    }

    /// A non-character key.
    #[must_use]
    pub const fn code(code: KeyCode) -> Self {
        Self { code, ctrl: false, alt: false }
    }

    /// The key of a terminal event; `None` if it has a modifier that is never bound.
    #[must_use]
    pub fn from_event(event: KeyEvent) -> Option<Self> {
        let others = KeyModifiers::SUPER | KeyModifiers::HYPER | KeyModifiers::META;
        if event.modifiers.intersects(others) {
            return None;
        }
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        let code = match event.code {
            // With Control, some terminals send upper-case letters and some lower-case.
            KeyCode::Char(c) if ctrl => KeyCode::Char(c.to_ascii_lowercase()),
            KeyCode::Tab if event.modifiers.contains(KeyModifiers::SHIFT) => KeyCode::BackTab,
            code => code,
        };
        Some(Self { code, ctrl, alt })
    }

    /// The character that the key adds to a text; `None` if it adds none.
    #[must_use]
    pub fn text(self) -> Option<char> {
        match self {
            Self { code: KeyCode::Char(c), ctrl: false, alt: false } => Some(c),
            _ => None,
        }
    }
}
