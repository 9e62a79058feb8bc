//! Values as given by file, environment or flags, before they are checked.

use std::{ops::RangeInclusive, time::Duration};

use kreplay_handlers::parse_duration;
use kreplay_model::domain::{BoundsError, Secret, printable};

use super::{
    Origin,
    bytes::parse_bytes,
    list::{split, split_pairs},
};

/// Maximum length of a quoted value in an error message.
const MAX_QUOTED_CHARS: usize = 60;

/// A value that is not checked yet. It does not implement `Debug`, because it may be a secret.
#[derive(Clone)]
pub(super) enum Input {
    /// A value from a flag or the environment, which have only text.
    Untyped(String),
    /// A string in the file.
    Text(String),
    /// An integer in the file.
    Integer(i128),
    /// A number with a fraction in the file, as written.
    Float(String),
    /// A boolean in the file.
    Bool(bool),
    /// A list of strings in the file.
    List(Vec<String>),
    /// The values of a repeatable flag, each of which may be a comma-separated list.
    Flags(Vec<String>),
    /// A text or a list for a setting whose values may be secrets. Text from a flag or the environment has both forms.
    Secret {
        /// The value as text.
        text: Option<Secret>,
        /// The value as a list.
        list: Option<Vec<Secret>>,
    },
    /// A type that no setting has, such as a date. Holds the name of the type.
    Other(&'static str),
}

/// A value for a setting.
#[derive(Clone)]
pub struct Assignment {
    pub(super) key: String,
    pub(super) input: Input,
    pub(super) origin: Origin,
}

impl Assignment {
    /// A value given by a flag, such as `--batch`.
    pub fn flag(flag: &str, key: &str, value: impl Into<String>) -> Self {
        Self { key: key.into(), input: Input::Untyped(value.into()), origin: Origin::Flag(flag.into()) }
    }

    /// A secret in a file that a flag names, as `${file:PATH}` in the configuration file.
    #[must_use]
    pub fn secret_file(flag: &str, key: &str, path: &str) -> Self {
        Self { key: key.into(), input: Input::Text(format!("${{file:{path}}}")), origin: Origin::Flag(flag.into()) }
    }

    /// The values of a repeatable flag.
    #[must_use]
    pub fn flag_list(flag: &str, key: &str, values: Vec<String>) -> Self {
        Self { key: key.into(), input: Input::Flags(values), origin: Origin::Flag(flag.into()) }
    }
}

/// Quotes a value for an error message: escapes control characters and cuts it to [`MAX_QUOTED_CHARS`].
pub(super) fn quoted(value: &str) -> String {
    let clipped: String = value.chars().take(MAX_QUOTED_CHARS).collect();
    let more = if clipped.len() < value.len() { "…" } else { "" };
    format!("`{}{more}`", printable(&clipped))
}

impl Input {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Untyped(_) | Self::Text(_) | Self::Secret { text: Some(_), .. } => "a string",
            Self::Integer(_) => "a number",
            Self::Float(_) => "a number with a fraction",
            Self::Bool(_) => "true or false",
            Self::List(_) | Self::Flags(_) | Self::Secret { text: None, .. } => "a list",
            Self::Other(name) => name,
        }
    }

    fn wrong_type(&self, expected: &str) -> String {
        format!("must be {expected}, not {}", self.type_name())
    }

    pub(super) fn text(&self) -> Result<&str, String> {
        match self {
            Self::Untyped(text) | Self::Text(text) => Ok(text),
            other => Err(other.wrong_type("a string")),
        }
    }

    /// The text of a librdkafka property; librdkafka takes all values as text.
    pub(super) fn property(&self) -> Result<String, String> {
        match self {
            Self::Untyped(text) | Self::Text(text) | Self::Float(text) => Ok(text.clone()),
            Self::Integer(number) => Ok(number.to_string()),
            Self::Bool(value) => Ok(value.to_string()),
            other => Err(other.wrong_type("a string, a number, true or false")),
        }
    }

    pub(super) fn integer(&self) -> Result<u64, String> {
        let number = match self {
            Self::Integer(number) => *number,
            Self::Untyped(text) => {
                text.trim().parse().map_err(|_| format!("{} is not a whole number", quoted(text)))?
            }
            other => return Err(other.wrong_type("a whole number")),
        };
        u64::try_from(number).map_err(|_| format!("{number} is out of range"))
    }

    /// A number of a type that checks its own range.
    pub(super) fn bounded<T: TryFrom<u64, Error = BoundsError>>(&self) -> Result<T, String> {
        let number = self.integer()?;
        T::try_from(number).map_err(|_| format!("{number} is out of range"))
    }

    /// An integer, 0 or more.
    pub(super) fn whole(&self) -> Result<u64, String> {
        self.integer()
    }

    pub(super) fn within(&self, range: &RangeInclusive<u64>) -> Result<u32, String> {
        let number = self.integer()?;
        let small = u32::try_from(number).ok().filter(|_| range.contains(&number));
        small.ok_or_else(|| format!("{number} is out of range"))
    }

    pub(super) fn duration(&self, range: &RangeInclusive<Duration>) -> Result<Duration, String> {
        let text = self.text()?;
        let duration = parse_duration(text).map_err(|_| format!("{} is not a duration", quoted(text)))?;
        if range.contains(&duration) { Ok(duration) } else { Err(format!("{} is out of range", quoted(text))) }
    }

    pub(super) fn bytes(&self, range: &RangeInclusive<u64>) -> Result<u64, String> {
        let text = self.text()?;
        let bytes = parse_bytes(text).map_err(|_| format!("{} is not a size", quoted(text)))?;
        if range.contains(&bytes) { Ok(bytes) } else { Err(format!("{} is out of range", quoted(text))) }
    }

    pub(super) fn bool(&self) -> Result<bool, String> {
        match self {
            Self::Bool(value) => Ok(*value),
            Self::Untyped(text) => text.parse().map_err(|_| format!("{} is neither true nor false", quoted(text))),
            other => Err(other.wrong_type("true or false")),
        }
    }

    /// A text that may hold a secret. Only for settings of the kind [`Secret`](super::kind::Kind::Secret).
    pub(super) fn secret(&self) -> Result<Secret, String> {
        match self {
            Self::Secret { text: Some(text), .. } => Ok(text.clone()),
            other => Err(other.wrong_type("a string")),
        }
    }

    /// A list whose items may hold secrets. Only for settings of the kind [`Secret`](super::kind::Kind::Secret).
    pub(super) fn secret_list(&self) -> Result<Vec<Secret>, String> {
        match self {
            Self::Secret { list: Some(list), .. } => Ok(list.clone()),
            other => Err(other.wrong_type("a list of strings")),
        }
    }

    /// Returns the input with `f` applied to each text.
    pub(super) fn try_map(&self, f: impl Fn(&str) -> Result<String, String>) -> Result<Self, String> {
        Ok(match self {
            Self::Untyped(text) => Self::Untyped(f(text)?),
            Self::Text(text) => Self::Text(f(text)?),
            Self::List(items) => Self::List(items.iter().map(|item| f(item)).collect::<Result<_, _>>()?),
            Self::Flags(values) => Self::Flags(values.iter().map(|value| f(value)).collect::<Result<_, _>>()?),
            other => other.clone(),
        })
    }

    /// A list. In a flag or variable, it is separated by commas.
    pub(super) fn list(&self) -> Result<Vec<String>, String> {
        self.items(split)
    }

    /// A list of `NAME=VALUE`. In a flag or variable, it is separated by commas; see [`split_pairs`].
    pub(super) fn pairs(&self) -> Result<Vec<String>, String> {
        self.items(split_pairs)
    }

    fn items(&self, split: fn(&str) -> Vec<String>) -> Result<Vec<String>, String> {
        match self {
            Self::List(items) => Ok(items.clone()),
            Self::Flags(values) => Ok(values.iter().flat_map(|value| split(value)).collect()),
            Self::Untyped(text) => Ok(split(text)),
            other => Err(other.wrong_type("a list of strings")),
        }
    }
}
