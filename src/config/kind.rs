//! Kinds of settings with their bounds, as data: messages and the JSON schema are derived from them.

use std::{fmt, ops::RangeInclusive, time::Duration};

use kreplay_model::domain::SecretFormat;

use super::bytes::show_bytes;

/// The kind of a setting's value. Its `Display` output describes the allowed values, for error messages.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer(RangeInclusive<u64>),
    /// A whole number without an upper bound, and what it counts (may be empty).
    Count(&'static str),
    /// A number from 0 to 1.
    Fraction,
    /// A duration, and an example (may be empty).
    Duration(RangeInclusive<Duration>, &'static str),
    /// A size in bytes, and an example.
    Bytes(RangeInclusive<u64>, &'static str),
    /// One of several words.
    Word(&'static [&'static str]),
    /// Text with a form of its own, and its description.
    Text(&'static str),
    /// Like `Text`, but a number needs no quotes in a file.
    Position(&'static str),
    /// A list of texts, and their description.
    List(&'static str),
    /// A text, or a list of texts.
    TextOrList(&'static str),
    /// A path, and its description. It is stored as an absolute path: a run may be resumed in another directory.
    Path(&'static str),
    /// A text or list that may contain secrets. References (`${env:NAME}`, `${file:PATH}`) are resolved in it, and it
    /// is shown masked.
    Secret(SecretFormat, &'static Self),
    /// A value of any of these kinds.
    Either(&'static [Self]),
    /// A kind with a description of its own.
    Described(&'static Self, &'static str),
}

impl Kind {
    /// The format of values that may contain secrets.
    pub(super) fn secret(&self) -> Option<SecretFormat> {
        if let Self::Secret(format, _) = self { Some(*format) } else { None }
    }

    /// The bounds of whole numbers.
    pub(super) fn integers(&self) -> RangeInclusive<u64> {
        if let Self::Integer(range) = self { range.clone() } else { 0..=u64::MAX }
    }

    /// The bounds of durations.
    pub(super) fn durations(&self) -> RangeInclusive<Duration> {
        if let Self::Duration(range, _) = self { range.clone() } else { Duration::ZERO..=Duration::MAX }
    }

    /// The bounds of sizes.
    pub(super) fn sizes(&self) -> RangeInclusive<u64> {
        if let Self::Bytes(range, _) = self { range.clone() } else { 0..=u64::MAX }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("true or false"),
            Self::Integer(range) => write!(f, "a whole number from {} to {}", range.start(), range.end()),
            Self::Count("") => f.write_str("a whole number, 0 or more"),
            Self::Count(what) => write!(f, "a whole number of {what}, 0 or more"),
            Self::Fraction => f.write_str("a number from 0 to 1"),
            Self::Duration(range, example) => {
                write!(f, "a duration from {} to {}", rounded(*range.start()), rounded(*range.end()))?;
                such_as(f, example)
            }
            Self::Bytes(range, example) => {
                write!(f, "a size from {} to {}", show_bytes(*range.start()), show_bytes(*range.end()))?;
                such_as(f, example)
            }
            Self::Word(words) => match words {
                [before @ .., last] if !before.is_empty() => write!(f, "{} or {last}", before.join(", ")),
                words => f.write_str(&words.join(", ")),
            },
            Self::Text(allowed)
            | Self::Position(allowed)
            | Self::List(allowed)
            | Self::TextOrList(allowed)
            | Self::Path(allowed)
            | Self::Described(_, allowed) => f.write_str(allowed),
            Self::Secret(_, kind) => kind.fmt(f),
            Self::Either(kinds) => {
                f.write_str(&kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", or "))
            }
        }
    }
}

fn such_as(f: &mut fmt::Formatter<'_>, example: &str) -> fmt::Result {
    if example.is_empty() { Ok(()) } else { write!(f, ", such as {example}") }
}

/// A bound in the largest unit that gives a whole number: `60m`, `5s` or `100ms`.
fn rounded(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "0".into(),
        _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1000) => format!("{}s", millis / 1000),
        _ => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_describe_the_allowed_values() {
        let second = Duration::from_secs(1);
        for (kind, text) in [
            (Kind::Integer(1..=64), "a whole number from 1 to 64"),
            (Kind::Count("records"), "a whole number of records, 0 or more"),
            (Kind::Duration(Duration::ZERO..=60 * second, ""), "a duration from 0 to 1m"),
            (Kind::Duration(second / 10..=5 * second, "1s"), "a duration from 100ms to 5s, such as 1s"),
            (Kind::Bytes(1 << 16..=1 << 40, "8MiB"), "a size from 64KiB to 1024GiB, such as 8MiB"),
            (Kind::Word(&["a", "b", "c"]), "a, b or c"),
            (Kind::Either(&[Kind::Word(&["auto"]), Kind::Integer(1..=2)]), "auto, or a whole number from 1 to 2"),
            (Kind::Secret(SecretFormat::Secret, &Kind::Text("a string")), "a string"),
        ] {
            assert_eq!(kind.to_string(), text);
        }
    }
}
