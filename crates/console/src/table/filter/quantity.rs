//! Numbers with units in filters. The units are those of the configuration and those that the console shows.

use kreplay_model::domain::unit;

use crate::table::Kind;

/// A number, in the unit of its column.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Quantity {
    /// The text it was read from.
    pub(super) text: String,
    /// The number.
    pub(super) value: f64,
    /// The number, if it was written as a whole number without a unit. Large offsets are compared exactly.
    pub(super) whole: Option<u64>,
}

/// The factor of an abbreviated count.
fn count(unit: &str) -> Option<f64> {
    match unit {
        "" => Some(1.0),
        "k" | "K" => Some(1e3),
        "M" => Some(1e6),
        "G" => Some(1e9),
        "T" => Some(1e12),
        "P" => Some(1e15),
        "E" => Some(1e18),
        _ => None,
    }
}

#[allow(clippy::cast_precision_loss, reason = "all units of size are exact")]
fn bytes(unit: &str) -> Option<f64> {
    unit::bytes(unit).map(|bytes| bytes as f64)
}

fn share(unit: &str) -> Option<f64> {
    matches!(unit, "" | "%").then_some(0.01)
}

impl Quantity {
    /// Reads a number of a column of this kind; `None` if the text is none.
    pub(super) fn parse(text: &str, kind: Kind) -> Option<Self> {
        let amount = match kind {
            Kind::Rate => text.strip_suffix("/s").unwrap_or(text),
            _ => text,
        };
        let (number, unit) = unit::split_decimal(amount);
        let value = match kind {
            Kind::Text | Kind::State => None,
            Kind::Count | Kind::Rate => scaled(number, count(unit)),
            Kind::Duration => seconds(amount),
            Kind::Size => scaled(number, bytes(unit)),
            Kind::Share => scaled(number, share(unit)),
        }
        .or_else(|| is_zero(amount).then_some(0.0))?;
        let whole = if kind == Kind::Count && unit.is_empty() { number.parse().ok() } else { None };
        Some(Self { text: text.to_owned(), value, whole })
    }
}

/// Zero needs no unit.
fn is_zero(text: &str) -> bool {
    text == "0"
}

fn scaled(number: &str, scale: Option<f64>) -> Option<f64> {
    let value = number.parse::<f64>().ok()? * scale?;
    value.is_finite().then_some(value)
}

/// A duration of one or several parts, such as `20ms` or `1h30m`.
fn seconds(text: &str) -> Option<f64> {
    let (mut rest, mut sum) = (text, 0.0);
    while !rest.is_empty() {
        let (number, after) = unit::split_decimal(rest);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        sum += scaled(number, unit::seconds(unit))?;
        rest = next;
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_units_of_their_column() {
        for (kind, text, value) in [
            (Kind::Count, "1000", 1000.0),
            (Kind::Count, "1.5k", 1500.0),
            (Kind::Count, "2M", 2e6),
            (Kind::Rate, "20k/s", 20_000.0),
            (Kind::Rate, "0.5", 0.5),
            (Kind::Duration, "250us", 250e-6),
            (Kind::Duration, "20ms", 0.02),
            (Kind::Duration, "5m", 300.0),
            (Kind::Duration, "1h30m", 5400.0),
            (Kind::Duration, "0", 0.0),
            (Kind::Size, "1.5KiB", 1536.0),
            (Kind::Size, "2MB", 2e6),
            (Kind::Share, "50%", 0.5),
            (Kind::Share, "50", 0.5),
        ] {
            let read = Quantity::parse(text, kind).map(|quantity| quantity.value);
            assert!(read.is_some_and(|read| (read - value).abs() <= value * 1e-12), "{text}: {read:?}");
        }
    }

    #[test]
    fn a_number_without_its_unit_or_with_another_one_is_an_error() {
        for (kind, text) in [
            (Kind::Count, "1.5x"),
            (Kind::Count, "k"),
            (Kind::Count, "-1"),
            (Kind::Count, "1.2.3"),
            (Kind::Count, "20ms"),
            (Kind::Count, ""),
            (Kind::Duration, "20"),
            (Kind::Duration, "1h30"),
            (Kind::Duration, "20k"),
            (Kind::Size, "512"),
            (Kind::Share, "5k"),
            (Kind::Rate, "5/m"),
            (Kind::Count, "1e999"),
        ] {
            assert_eq!(Quantity::parse(text, kind), None, "{text}");
        }
    }

    #[test]
    fn whole_counts_are_exact() {
        let exact = (1_u64 << 60) + 1;
        assert_eq!(Quantity::parse(&exact.to_string(), Kind::Count).and_then(|read| read.whole), Some(exact));
    }
}
