//! The setting for notifications.

use std::{fmt, str::FromStr};

/// How the end of a run is announced while the terminal does not have the focus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notify {
    /// By a notification where the terminal is known to show them, otherwise by the bell. Nothing happens in a terminal
    /// that does not report whether it has the focus.
    #[default]
    Auto,
    /// By the bell, unless the terminal reports that it has the focus.
    Bell,
    /// Not at all.
    Off,
}

impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Bell => "bell",
            Self::Off => "off",
        })
    }
}

impl FromStr for Notify {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "bell" => Ok(Self::Bell),
            "off" => Ok(Self::Off),
            other => Err(format!("`{other}` is neither auto, bell nor off")),
        }
    }
}
