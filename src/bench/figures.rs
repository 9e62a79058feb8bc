//! Summaries of several rounds.

use kreplay_model::domain::number::{Count, whole};
use serde::Serialize;

/// Median, minimum and maximum of some rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The median; the mean of the middle two for an even number of rounds.
    pub median: f64,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
}

impl Spread {
    /// Summarises rounds. Values that are not finite are ignored; `None` if none are left.
    #[must_use]
    pub fn of(rounds: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = rounds.into_iter().filter(|figure| figure.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted.len().checked_sub(1)? / 2, sorted.len() / 2);
        Some(Self {
            median: f64::midpoint(*sorted.get(low)?, *sorted.get(high)?),
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }
}

/// A number with about three significant digits, and with separators from a thousand on: `0.034`, `5.21`, `61.3`,
/// `1,900,000`.
#[must_use]
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "-".into();
    }
    if size < 1.0 {
        return format!("{value:.3}");
    }
    if size < 10.0 {
        return format!("{value:.2}");
    }
    if size < 100.0 {
        return format!("{value:.1}");
    }
    let sign = if value < 0.0 { "-" } else { "" };
    format!("{sign}{}", Count(whole(size)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_median_is_the_middle_value() {
        let of =
            |rounds: &[f64]| Spread::of(rounds.iter().copied()).map(|spread| (spread.min, spread.median, spread.max));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[f64::NAN]), None);
        assert_eq!(of(&[3.0]), Some((3.0, 3.0, 3.0)));
        assert_eq!(of(&[5.0, 1.0, 2.0]), Some((1.0, 2.0, 5.0)));
        assert_eq!(of(&[4.0, 1.0, f64::INFINITY, 2.0, 3.0]), Some((1.0, 2.5, 4.0)));
    }

    #[test]
    fn numbers_of_any_size_are_formatted() {
        let shown = [0.0341, 5.214, 61.34, 999.6, 1_900_000.2, -1234.0, f64::NAN].map(number);
        assert_eq!(shown, ["0.034", "5.21", "61.3", "1,000", "1,900,000", "-1,234", "-"]);
    }

    proptest! {
        #[test]
        fn at_least_half_of_the_rounds_lie_on_each_side(rounds in prop::collection::vec(-1e9_f64..1e9, 1..40)) {
            let spread = Spread::of(rounds.iter().copied()).unwrap();
            let half = rounds.len().div_ceil(2);
            prop_assert!(rounds.iter().filter(|one| **one <= spread.median).count() >= half.min(rounds.len() / 2));
            prop_assert!(rounds.iter().filter(|one| **one >= spread.median).count() >= half.min(rounds.len() / 2));
            prop_assert!(spread.min <= spread.median && spread.median <= spread.max);
        }
    }
}
