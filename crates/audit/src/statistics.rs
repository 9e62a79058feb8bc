//! Unevenness, and the errors of estimates.

use kreplay_model::{
    audit::{Bounds, Unevenness},
    domain::number::whole,
    feed::Estimate,
};

/// The number of standard errors within which 19 of 20 samples are.
const STANDARD_ERRORS: f64 = 1.96;

/// How uneven numbers are. The Gini coefficient is that of Gini (1912): half the relative mean difference.
#[allow(clippy::cast_precision_loss, reason = "a ratio")]
pub fn unevenness(numbers: impl IntoIterator<Item = u64>) -> Unevenness {
    let mut sorted: Vec<u64> = numbers.into_iter().collect();
    sorted.sort_unstable();
    let (count, total) = (sorted.len() as f64, sorted.iter().map(|one| *one as f64).sum::<f64>());
    let Some(max) = sorted.last().filter(|_| total > 0.0) else { return Unevenness::default() };
    let weighted: f64 = (1_u32..).zip(&sorted).map(|(rank, one)| f64::from(rank) * *one as f64).sum();
    let gini = 2.0 * weighted / (count * total) - (count + 1.0) / count;
    Unevenness { max_by_mean: *max as f64 * count / total, gini: gini.max(0.0) }
}

/// The number of keys with a property, from the number of them in a sample of `followed` of `distinct` keys.
#[allow(clippy::cast_precision_loss, reason = "an estimate")]
pub fn scaled(with_property: u64, followed: u64, distinct: Estimate) -> Estimate {
    if followed == 0 || distinct.low == distinct.high {
        return Estimate { value: with_property, low: with_property, high: with_property };
    }
    let (share, count) = (with_property as f64 / followed as f64, followed as f64);
    // Wilson's interval, which is also right for shares near 0 and 1.
    let square = STANDARD_ERRORS * STANDARD_ERRORS;
    let middle = (share + square / (2.0 * count)) / (1.0 + square / count);
    let half = STANDARD_ERRORS / (1.0 + square / count)
        * (share * (1.0 - share) / count + square / (4.0 * count * count)).sqrt();
    Estimate {
        value: whole(share * distinct.value as f64),
        low: whole((middle - half).max(0.0) * distinct.low as f64).max(with_property),
        high: whole((middle + half).min(1.0) * distinct.high as f64).max(with_property),
    }
}

/// The records with a property among `total` records of all keys, from those of a sample of keys: pairs of the records
/// with the property and all records of each key. The error is that of a ratio of two means, as keys differ in size
/// (Cochran 1977, section 6.4).
#[allow(clippy::cast_precision_loss, reason = "an estimate")]
pub fn scaled_records(keys: impl Iterator<Item = (u64, u64)> + Clone, total: u64) -> Bounds {
    let (mut count, mut with_property, mut all) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (some, records) in keys.clone() {
        count += 1.0;
        with_property += some as f64;
        all += records as f64;
    }
    if all <= 0.0 || count < 2.0 {
        return Bounds { low: 0, high: total };
    }
    let ratio = with_property / all;
    let squares: f64 = keys.map(|(some, records)| (some as f64 - ratio * records as f64).powi(2)).sum();
    let error = (squares / (count - 1.0) / count).sqrt() / (all / count);
    let bound = |ratio: f64| whole(ratio.clamp(0.0, 1.0) * total as f64);
    Bounds { low: bound(ratio - STANDARD_ERRORS * error), high: bound(ratio + STANDARD_ERRORS * error) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::cast_precision_loss, reason = "small numbers")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unevenness_is_between_its_limits() {
        assert_eq!(unevenness([]), Unevenness::default());
        assert_eq!(unevenness([0, 0]), Unevenness::default());
        assert_eq!(unevenness([5, 5, 5, 5]), Unevenness { max_by_mean: 1.0, gini: 0.0 });
        assert_eq!(unevenness([0, 8, 0, 0]), Unevenness { max_by_mean: 4.0, gini: 0.75 });
        assert_eq!(unevenness([1, 3]), Unevenness { max_by_mean: 1.5, gini: 0.25 });
    }

    #[test]
    fn estimates_from_all_keys_are_exact() {
        let distinct = Estimate { value: 50, low: 50, high: 50 };
        assert_eq!(scaled(7, 50, distinct), Estimate { value: 7, low: 7, high: 7 });
        let estimate = scaled(100, 1000, Estimate { value: 10_000, low: 9_500, high: 10_500 });
        assert!(estimate.value == 1000 && estimate.low > 700 && estimate.high < 1300, "{estimate:?}");
    }

    #[test]
    fn an_estimate_of_records_contains_the_truth() {
        // Every tenth key has one record of ten with the property.
        let keys = (0..1000_u64).map(|key| (u64::from(key % 10 == 0), 10));
        let bounds = scaled_records(keys, 100_000);
        assert!(bounds.low < 1000 && bounds.high > 1000 && bounds.high < 1300, "{bounds:?}");
        assert_eq!(scaled_records(std::iter::empty(), 5), Bounds { low: 0, high: 5 });
    }

    proptest! {
        /// The definition: the mean of all absolute differences, divided by twice the mean.
        #[test]
        fn the_gini_coefficient_is_half_the_relative_mean_difference(
            numbers in prop::collection::vec(0_u64..1000, 1..20),
        ) {
            let total: u64 = numbers.iter().sum();
            let differences: u64 = numbers.iter().flat_map(|a| numbers.iter().map(|b| a.abs_diff(*b))).sum();
            let expected = if total == 0 { 0.0 } else {
                differences as f64 / (2.0 * numbers.len() as f64 * total as f64)
            };
            prop_assert!((unevenness(numbers).gini - expected).abs() < 1e-9);
        }
    }
}
