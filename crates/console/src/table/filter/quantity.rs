//! Numbers with units in filters. The units are those of the configuration and those that the console shows.

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

const COUNTS: &[(&str, f64)] =
    &[("", 1.0), ("k", 1e3), ("K", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12), ("P", 1e15), ("E", 1e18)];
const SECONDS: &[(&str, f64)] =
    &[("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];
const BYTES: &[(&str, f64)] = &[
    ("B", 1.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];
const PERCENT: &[(&str, f64)] = &[("", 0.01), ("%", 0.01)];

impl Quantity {
    /// Reads a number of a column of this kind; `None` if the text is none.
    pub(super) fn parse(text: &str, kind: Kind) -> Option<Self> {
        let amount = match kind {
            Kind::Rate => text.strip_suffix("/s").unwrap_or(text),
            _ => text,
        };
        let (number, unit) = split(amount);
        let value = match kind {
            Kind::Text | Kind::State => None,
            Kind::Count | Kind::Rate => scaled(number, unit, COUNTS),
            Kind::Duration => seconds(amount),
            Kind::Size => scaled(number, unit, BYTES),
            Kind::Share => scaled(number, unit, PERCENT),
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

/// The digits with a decimal point, and what follows them.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.split_at(end)
}

fn scaled(number: &str, unit: &str, units: &[(&str, f64)]) -> Option<f64> {
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    let value = number.parse::<f64>().ok()? * scale;
    value.is_finite().then_some(value)
}

/// A duration of one or several parts, such as `20ms` or `1h30m`.
fn seconds(text: &str) -> Option<f64> {
    let (mut rest, mut sum) = (text, 0.0);
    while !rest.is_empty() {
        let (number, after) = split(rest);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        sum += scaled(number, unit, SECONDS)?;
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
