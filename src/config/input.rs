//! A value as it was given, before it is known to be allowed.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    Origin,
    bytes::parse_bytes,
    list::{split, split_pairs},
};
use crate::{
    domain::{BoundsError, Masked},
    feed::printable,
    handler::parse_duration,
};

/// A value as it was given. There is no `Debug` form: it may be a secret.
#[derive(Clone)]
pub(super) enum Input {
    /// From a flag or the environment, where everything is text.
    Untyped(String),
    /// A string of the file.
    Text(String),
    /// A whole number of the file.
    Integer(i128),
    /// A number of the file that is not whole, as it is written.
    Float(String),
    /// True or false in the file.
    Bool(bool),
    /// A list of strings of the file.
    List(Vec<String>),
    /// The values of a flag that takes several, each of which may be a list with commas.
    Flags(Vec<String>),
    /// A text, a list, or a text that may be taken for either, of a setting whose values may be secrets.
    Masked {
        /// As a text.
        text: Option<Masked>,
        /// As a list.
        list: Option<Vec<Masked>>,
    },
    /// Something that no setting is, such as a date; the name of its type.
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

    /// Values given by a flag that takes several.
    #[must_use]
    pub fn flag_list(flag: &str, key: &str, values: Vec<String>) -> Self {
        Self { key: key.into(), input: Input::Flags(values), origin: Origin::Flag(flag.into()) }
    }
}

/// A value in an error's text: hostile characters escaped, and no longer than a line.
pub(super) fn quoted(value: &str) -> String {
    const LONGEST: usize = 60;
    let clipped: String = value.chars().take(LONGEST).collect();
    let more = if clipped.len() < value.len() { "…" } else { "" };
    format!("`{}{more}`", printable(&clipped))
}

impl Input {
    fn type_name(&self) -> &'static str {
        match self {
            Self::Untyped(_) | Self::Text(_) | Self::Masked { text: Some(_), .. } => "a string",
            Self::Integer(_) => "a number",
            Self::Float(_) => "a number with a fraction",
            Self::Bool(_) => "true or false",
            Self::List(_) | Self::Flags(_) | Self::Masked { text: None, .. } => "a list",
            Self::Other(name) => name,
        }
    }

    fn not(&self, wanted: &str) -> String {
        format!("must be {wanted}, not {}", self.type_name())
    }

    pub(super) fn text(&self) -> Result<&str, String> {
        match self {
            Self::Untyped(text) | Self::Text(text) => Ok(text),
            other => Err(other.not("a string")),
        }
    }

    /// What librdkafka takes for a property: all of its values are text.
    pub(super) fn property(&self) -> Result<String, String> {
        match self {
            Self::Untyped(text) | Self::Text(text) | Self::Float(text) => Ok(text.clone()),
            Self::Integer(number) => Ok(number.to_string()),
            Self::Bool(value) => Ok(value.to_string()),
            other => Err(other.not("a string, a number, true or false")),
        }
    }

    pub(super) fn integer(&self) -> Result<u64, String> {
        let number = match self {
            Self::Integer(number) => *number,
            Self::Untyped(text) => {
                text.trim().parse().map_err(|_| format!("{} is not a whole number", quoted(text)))?
            }
            other => return Err(other.not("a whole number")),
        };
        u64::try_from(number).map_err(|_| format!("{number} is out of range"))
    }

    /// A number with a range of its own.
    pub(super) fn bounded<T: TryFrom<u64, Error = BoundsError>>(&self) -> Result<T, String> {
        let number = self.integer()?;
        T::try_from(number).map_err(|_| format!("{number} is out of range"))
    }

    /// A whole number, 0 or more.
    pub(super) fn whole(&self) -> Result<u64, String> {
        self.integer()
    }

    pub(super) fn within(&self, range: &RangeInclusive<u32>) -> Result<u32, String> {
        let number = self.integer()?;
        u32::try_from(number)
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| format!("{number} is out of range"))
    }

    pub(super) fn duration(&self, range: &RangeInclusive<Duration>) -> Result<Duration, String> {
        let text = self.text()?;
        let time = parse_duration(text).map_err(|_| format!("{} is not a time", quoted(text)))?;
        if range.contains(&time) { Ok(time) } else { Err(format!("{} is out of range", quoted(text))) }
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
            other => Err(other.not("true or false")),
        }
    }

    /// A text that may hold a secret; only for the settings that the catalog says this of.
    pub(super) fn masked(&self) -> Result<Masked, String> {
        match self {
            Self::Masked { text: Some(text), .. } => Ok(text.clone()),
            other => Err(other.not("a string")),
        }
    }

    /// The same for a list.
    pub(super) fn masked_list(&self) -> Result<Vec<Masked>, String> {
        match self {
            Self::Masked { list: Some(list), .. } => Ok(list.clone()),
            other => Err(other.not("a list of strings")),
        }
    }

    /// The same, with every text in it replaced.
    pub(super) fn try_map(&self, f: impl Fn(&str) -> Result<String, String>) -> Result<Self, String> {
        Ok(match self {
            Self::Untyped(text) => Self::Untyped(f(text)?),
            Self::Text(text) => Self::Text(f(text)?),
            Self::List(items) => Self::List(items.iter().map(|item| f(item)).collect::<Result<_, _>>()?),
            Self::Flags(values) => Self::Flags(values.iter().map(|value| f(value)).collect::<Result<_, _>>()?),
            other => other.clone(),
        })
    }

    /// A list; in a flag or variable with commas.
    pub(super) fn list(&self) -> Result<Vec<String>, String> {
        self.items(split)
    }

    /// A list of `NAME=VALUE`; in a flag or variable with commas before each name.
    pub(super) fn pairs(&self) -> Result<Vec<String>, String> {
        self.items(split_pairs)
    }

    fn items(&self, split: fn(&str) -> Vec<String>) -> Result<Vec<String>, String> {
        match self {
            Self::List(items) => Ok(items.clone()),
            Self::Flags(values) => Ok(values.iter().flat_map(|value| split(value)).collect()),
            Self::Untyped(text) => Ok(split(text)),
            other => Err(other.not("a list of strings")),
        }
    }
}
