//! The value of a cell, for sorting, filtering, and export.

use std::{borrow::Cow, cmp::Ordering};

/// What the values of a column are. It determines the units that the filter accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text, such as a name.
    Text,
    /// One of a few words.
    State,
    /// A count, an offset, or a number that identifies something.
    Count,
    /// A rate per second.
    Rate,
    /// A duration, in seconds.
    Duration,
    /// A size, in bytes.
    Size,
    /// A share, from 0 to 1.
    Share,
}

impl Kind {
    /// Whether the values are words.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::State)
    }

    /// What an export appends to the column's name, so that the name says the unit.
    #[must_use]
    pub fn export_suffix(self) -> &'static str {
        match self {
            Self::Text | Self::State | Self::Count | Self::Share => "",
            Self::Rate => "_per_s",
            Self::Duration => "_s",
            Self::Size => "_bytes",
        }
    }
}

/// The value of a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Not known. It sorts last in both directions, and no comparison is true of it.
    Unknown,
    /// A whole number.
    Count(u64),
    /// A number in the unit of the column's [`Kind`]. One that is not finite counts as unknown.
    Number(f64),
    /// Text.
    Text(Cow<'a, str>),
}

impl<'a> Value<'a> {
    /// A whole number, if it is known.
    #[must_use]
    pub fn count(value: Option<u64>) -> Self {
        value.map_or(Self::Unknown, Self::Count)
    }

    /// A number, if it is known and finite.
    #[must_use]
    pub fn number(value: Option<f64>) -> Self {
        value.filter(|value| value.is_finite()).map_or(Self::Unknown, Self::Number)
    }

    /// Text.
    #[must_use]
    pub fn text(value: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(value.into())
    }

    /// Whether it is unknown.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown => true,
            Self::Number(number) => !number.is_finite(),
            Self::Count(_) | Self::Text(_) => false,
        }
    }

    /// The number, if it is a known one.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "whole numbers are compared as such before")]
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Count(count) => Some(*count as f64),
            Self::Number(number) => Some(*number).filter(|number| number.is_finite()),
            Self::Unknown | Self::Text(_) => None,
        }
    }

    /// The order of two values. Unknown values are last, also if the largest values come first.
    #[must_use]
    pub fn order(&self, other: &Self, descending: bool) -> Ordering {
        match (self.is_unknown(), other.is_unknown()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) if descending => other.compare_known(self),
            (false, false) => self.compare_known(other),
        }
    }

    fn compare_known(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Count(a), Self::Count(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            // A column has values of one kind; numbers come before text only to make this a total order.
            (Self::Text(_), _) => Ordering::Greater,
            (_, Self::Text(_)) => Ordering::Less,
            _ => self.as_number().unwrap_or(0.0).total_cmp(&other.as_number().unwrap_or(0.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_values_are_last_in_both_directions() {
        let known = Value::Count(3);
        for unknown in [Value::Unknown, Value::Number(f64::NAN), Value::number(Some(f64::INFINITY))] {
            for descending in [false, true] {
                assert_eq!(unknown.order(&known, descending), Ordering::Greater);
                assert_eq!(known.order(&unknown, descending), Ordering::Less);
            }
        }
        assert_eq!(Value::Unknown.order(&Value::Number(f64::NAN), true), Ordering::Equal);
    }

    #[test]
    fn large_counts_are_compared_exactly() {
        let (small, large) = (Value::Count((1 << 53) + 1), Value::Count((1 << 53) + 2));
        assert_eq!(small.order(&large, false), Ordering::Less);
        assert_eq!(small.order(&large, true), Ordering::Greater);
        assert_eq!(Value::Number(1.5).order(&Value::Count(1), false), Ordering::Greater);
    }
}
