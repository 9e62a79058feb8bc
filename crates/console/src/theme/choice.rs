//! The choice of a theme.

use std::{fmt, path::PathBuf, str::FromStr};

use super::{ThemeError, built_in};

/// The choice of a theme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThemeChoice {
    /// `dark` or `light`, whichever suits the background of the terminal.
    Auto,
    /// A built-in theme, by name.
    BuiltIn(&'static str),
    /// A theme file.
    File(PathBuf),
}

impl ThemeChoice {
    /// Light text on a dark background.
    pub const DARK: Self = Self::BuiltIn("dark");
    /// Dark text on a light background.
    pub const LIGHT: Self = Self::BuiltIn("light");
    /// No colours, only bold, dim, reverse, and underline.
    pub const MONO: Self = Self::BuiltIn("mono");
}

impl Default for ThemeChoice {
    fn default() -> Self {
        Self::DARK
    }
}

impl FromStr for ThemeChoice {
    type Err = ThemeError;

    fn from_str(text: &str) -> Result<Self, ThemeError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let path = PathBuf::from(text);
        if text.contains('/') || path.extension().is_some_and(|ending| ending == "toml") {
            return Ok(Self::File(path));
        }
        let built_in = built_in::find(text).map(|theme| Self::BuiltIn(theme.name));
        built_in.ok_or_else(|| ThemeError::Unknown { name: text.to_owned() })
    }
}

impl fmt::Display for ThemeChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::BuiltIn(name) => f.write_str(name),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}
