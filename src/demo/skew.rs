//! Distribution of events over datasets.

use std::{cmp::Reverse, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How events are distributed over datasets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Skew {
    /// All datasets get the same number of events, give or take one.
    #[default]
    Even,
    /// Zipf's law: the share of dataset number *n* is proportional to 1 ÷ *n*^*s*.
    Zipf(Exponent),
}

/// The exponent *s* of Zipf's law: 0 (even) to 10 (nearly all events in the first dataset).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Exponent(f64);

impl Exponent {
    /// Creates a value after checking the range.
    ///
    /// # Errors
    /// [`SkewError`], which contains the range.
    pub fn new(value: f64) -> Result<Self, SkewError> {
        if (0.0..=10.0).contains(&value) { Ok(Self(value)) } else { Err(SkewError(format!("zipf:{value}"))) }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

/// A skew could not be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("skew must be `even` or `zipf:S` with S from 0 to 10, such as `zipf:1.2`, not `{0}`")]
pub struct SkewError(String);

impl Skew {
    /// Splits `events` over `datasets`; the first gets the most. The parts add up exactly: the remainder after rounding
    /// down goes to the largest fractions (Hamilton's method), earlier datasets first.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the numbers are far below 2^53, and a share is at least 0"
    )]
    pub fn split(self, events: u64, datasets: usize) -> Vec<u64> {
        let exponent = match self {
            Self::Even => 0.0,
            Self::Zipf(exponent) => exponent.get(),
        };
        let weights: Vec<f64> = (1..=datasets).map(|number| (number as f64).powf(-exponent)).collect();
        let total: f64 = weights.iter().sum();
        let shares: Vec<f64> = weights.iter().map(|weight| events as f64 * weight / total).collect();
        let mut parts: Vec<u64> = shares.iter().map(|share| share.floor() as u64).collect();

        // Compare fractions in millionths, so that rounding errors do not order equal shares.
        let mut order: Vec<usize> = (0..datasets).collect();
        order.sort_by_key(|&index| (Reverse((shares[index].fract() * 1e6).round() as u64), index));
        let left = events.saturating_sub(parts.iter().sum());
        for (&index, _) in order.iter().cycle().zip(0..left) {
            parts[index] += 1;
        }
        parts
    }
}

impl FromStr for Skew {
    type Err = SkewError;

    fn from_str(text: &str) -> Result<Self, SkewError> {
        let unknown = || SkewError(text.escape_debug().to_string());
        match text.split_once(':') {
            None if text == "even" => Ok(Self::Even),
            Some(("zipf", exponent)) => {
                let exponent = exponent.parse().map_err(|_| unknown())?;
                Exponent::new(exponent).map(Self::Zipf).map_err(|_| unknown())
            }
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Even => f.write_str("even"),
            Self::Zipf(exponent) => write!(f, "zipf:{}", exponent.get()),
        }
    }
}

impl TryFrom<String> for Skew {
    type Error = SkewError;

    fn try_from(text: String) -> Result<Self, SkewError> {
        text.parse()
    }
}

impl From<Skew> for String {
    fn from(skew: Skew) -> Self {
        skew.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zipf(s: f64) -> Skew {
        Skew::Zipf(Exponent::new(s).unwrap())
    }

    #[test]
    fn shares_follow_zipfs_law() {
        assert_eq!(zipf(1.0).split(11, 3), [6, 3, 2]);
        assert_eq!(zipf(1.0).split(12, 3), [7, 3, 2]);
        assert_eq!(zipf(10.0).split(1000, 2), [999, 1]);
        assert_eq!(Skew::Even.split(10_000, 10), [1000; 10]);
        assert_eq!(Skew::Even.split(5, 3), [2, 2, 1]);
        assert_eq!(Skew::Even.split(0, 2), [0, 0]);
    }

    #[test]
    fn valid_texts_are_parsed_and_others_rejected() {
        assert_eq!("even".parse(), Ok(Skew::Even));
        assert_eq!("zipf:1.2".parse(), Ok(zipf(1.2)));
        assert_eq!(zipf(1.2).to_string(), "zipf:1.2");
        for wrong in
            ["", "zipf", "zipf:", "zipf:-1", "zipf:nan", "zipf:inf", "zipf:10.1", "even:1", "Even", "zipf:\u{1b}"]
        {
            let error = wrong.parse::<Skew>().unwrap_err().to_string();
            assert!(error.contains("`zipf:S` with S from 0 to 10") && !error.contains('\u{1b}'), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_event_is_lost_and_earlier_datasets_never_get_fewer(
            events in 0_u64..=10_000_000, datasets in 1_usize..=1000, s in 0.0..=10.0,
        ) {
            let parts = zipf(s).split(events, datasets);
            prop_assert_eq!(parts.len(), datasets);
            prop_assert_eq!(parts.iter().sum::<u64>(), events);
            prop_assert!(parts.is_sorted_by(|a, b| a + 1 >= *b));
        }

        #[test]
        fn even_differs_by_one_at_most(events in 0_u64..=10_000_000, datasets in 1_usize..=1000) {
            let parts = Skew::Even.split(events, datasets);
            prop_assert_eq!(parts.iter().sum::<u64>(), events);
            prop_assert!(parts[0] - parts[datasets - 1] <= 1);
            prop_assert!(parts.is_sorted_by(|a, b| a >= b));
        }
    }
}
