//! How values of each kind are parsed into fields and shown again.

use std::{fmt::Display, path::PathBuf, str::FromStr, time};

use kreplay_model::domain::BoundsError;
use toml::Value;

use super::{
    bytes::show_bytes,
    input::Input,
    kind::Kind,
    scope,
    value::{self, text},
};

/// Converts between values of a kind and fields of type `T`.
pub(super) trait Codec<T> {
    /// Parses a value, or returns the problem with it.
    fn parse(input: &Input, kind: &Kind) -> Result<T, String>;

    /// The value as TOML; `None` if the field has no value.
    fn show(field: &T) -> Option<Value>;
}

/// `true` or `false`.
pub(super) struct Bool;

impl Codec<bool> for Bool {
    fn parse(input: &Input, _: &Kind) -> Result<bool, String> {
        input.bool()
    }

    fn show(field: &bool) -> Option<Value> {
        Some(Value::from(*field))
    }
}

/// A whole number.
pub(super) struct Integer;

impl Codec<u32> for Integer {
    fn parse(input: &Input, kind: &Kind) -> Result<u32, String> {
        input.within(&kind.integers())
    }

    fn show(field: &u32) -> Option<Value> {
        Some(value::number(*field))
    }
}

/// A whole number of a type that checks its own range.
pub(super) struct Bounded;

impl<T: TryFrom<u64, Error = BoundsError> + Display> Codec<T> for Bounded {
    fn parse(input: &Input, _: &Kind) -> Result<T, String> {
        input.bounded()
    }

    fn show(field: &T) -> Option<Value> {
        field.to_string().parse().ok().map(Value::Integer)
    }
}

/// A number from 0 to 1.
pub(super) struct Fraction;

impl Codec<f64> for Fraction {
    fn parse(input: &Input, _: &Kind) -> Result<f64, String> {
        value::fraction(input)
    }

    fn show(field: &f64) -> Option<Value> {
        Some(Value::from(*field))
    }
}

/// A duration.
pub(super) struct Duration;

impl Codec<time::Duration> for Duration {
    fn parse(input: &Input, kind: &Kind) -> Result<time::Duration, String> {
        input.duration(&kind.durations())
    }

    fn show(field: &time::Duration) -> Option<Value> {
        Some(value::time(*field))
    }
}

/// A size.
pub(super) struct Bytes;

impl Codec<u64> for Bytes {
    fn parse(input: &Input, kind: &Kind) -> Result<u64, String> {
        input.bytes(&kind.sizes())
    }

    fn show(field: &u64) -> Option<Value> {
        Some(text(&show_bytes(*field)))
    }
}

/// A word of a type whose errors are dropped, because the kind lists the allowed words.
pub(super) struct Word;

impl<T: FromStr + Display> Codec<T> for Word {
    fn parse(input: &Input, _: &Kind) -> Result<T, String> {
        value::word(input)
    }

    fn show(field: &T) -> Option<Value> {
        Some(text(field))
    }
}

/// A text of a type with its own error messages.
pub(super) struct Parsed;

impl<T: FromStr<Err = String> + Display> Codec<T> for Parsed {
    fn parse(input: &Input, _: &Kind) -> Result<T, String> {
        scope::parsed(input)
    }

    fn show(field: &T) -> Option<Value> {
        Some(text(field))
    }
}

/// A value that may be absent.
pub(super) struct Optional<C>(std::marker::PhantomData<C>);

impl<T, C: Codec<T>> Codec<Option<T>> for Optional<C> {
    fn parse(input: &Input, kind: &Kind) -> Result<Option<T>, String> {
        C::parse(input, kind).map(Some)
    }

    fn show(field: &Option<T>) -> Option<Value> {
        C::show(field.as_ref()?)
    }
}

/// A group id; `None` if no group is used.
pub(super) struct Group;

impl Codec<Option<String>> for Group {
    fn parse(input: &Input, _: &Kind) -> Result<Option<String>, String> {
        value::group(input).map(Some)
    }

    fn show(field: &Option<String>) -> Option<Value> {
        field.clone().map(Value::from)
    }
}

/// A path; `None` if none is given.
pub(super) struct Path;

impl Codec<Option<PathBuf>> for Path {
    fn parse(input: &Input, _: &Kind) -> Result<Option<PathBuf>, String> {
        value::path(input).map(Some)
    }

    fn show(field: &Option<PathBuf>) -> Option<Value> {
        field.as_ref().map(|path| text(&path.display()))
    }
}

/// A list of a type with its own error messages. An empty list is shown as not set.
pub(super) struct List;

impl<T: FromStr<Err = String> + Display> Codec<Vec<T>> for List {
    fn parse(input: &Input, _: &Kind) -> Result<Vec<T>, String> {
        scope::list(input)
    }

    fn show(field: &Vec<T>) -> Option<Value> {
        scope::show_list(field)
    }
}

/// Like [`List`], but the list must have an item.
pub(super) struct NonEmptyList;

impl<T: FromStr<Err = String> + Display> Codec<Vec<T>> for NonEmptyList {
    fn parse(input: &Input, _: &Kind) -> Result<Vec<T>, String> {
        let items: Vec<T> = scope::list(input)?;
        if items.is_empty() { Err("the list is empty".into()) } else { Ok(items) }
    }

    fn show(field: &Vec<T>) -> Option<Value> {
        scope::show_list(field)
    }
}

/// Like [`List`], for `NAME=VALUE`.
pub(super) struct Pairs;

impl<T: FromStr<Err = String> + Display> Codec<Vec<T>> for Pairs {
    fn parse(input: &Input, _: &Kind) -> Result<Vec<T>, String> {
        scope::pairs(input)
    }

    fn show(field: &Vec<T>) -> Option<Value> {
        scope::show_list(field)
    }
}
