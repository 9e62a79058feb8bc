//! How many different keys there are, in bounded memory.

use std::collections::BTreeSet;

/// How many hashes are kept: the relative standard error is 1 ÷ √(KEPT - 2), about 3 %.
const KEPT: usize = 1024;

/// The smallest hashes seen (k minimum values: Bar-Yossef and others 2002): hashes are spread evenly, so the more there are,
/// the smaller the 1,024th smallest is.
#[derive(Clone, Debug, Default)]
pub struct Distinct {
    smallest: BTreeSet<u64>,
}

impl Distinct {
    /// Notes a hash; one that was noted before changes nothing.
    pub fn add(&mut self, hash: u64) {
        if self.smallest.len() < KEPT {
            self.smallest.insert(hash);
        } else if self.smallest.last().is_some_and(|largest| hash < *largest) && self.smallest.insert(hash) {
            self.smallest.pop_last();
        }
    }

    /// About how many different hashes were noted; exact below 1,024.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate; the cast saturates"
    )]
    pub fn estimate(&self) -> u64 {
        match self.smallest.last() {
            Some(largest) if self.smallest.len() == KEPT => {
                let share = (*largest as f64 + 1.0) / u64::MAX as f64;
                ((KEPT - 1) as f64 / share).round() as u64
            }
            _ => self.smallest.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::hash_key;

    #[test]
    fn few_are_counted_and_many_are_estimated() {
        for (keys, most_off) in [(0, 0.0), (1, 0.0), (1023, 0.0), (5_000, 0.12), (200_000, 0.12)] {
            let mut distinct = Distinct::default();
            for key in (0..keys).chain(0..keys / 2) {
                distinct.add(hash_key(format!("key-{key}").as_bytes()));
            }
            let estimate = distinct.estimate();
            #[allow(clippy::cast_precision_loss, reason = "small counts")]
            let off = (estimate as f64 - f64::from(keys)).abs() / f64::from(keys.max(1));
            assert!(off <= most_off, "{keys}: {estimate}");
        }
    }
}
