//! Estimates the number of distinct keys in bounded memory.

use std::collections::BTreeSet;

/// The number of hashes kept. The relative standard error is 1 ÷ √(`MAX_HASHES` - 2), about 3 %.
const MAX_HASHES: usize = 1024;

/// The smallest hashes seen (k minimum values: Bar-Yossef and others 2002). Hashes are spread evenly, so the more there
/// are, the smaller the 1,024th smallest is.
#[derive(Clone, Debug, Default)]
pub struct Distinct {
    smallest: BTreeSet<u64>,
}

impl Distinct {
    /// Adds a hash. Adding it again has no effect.
    pub fn add(&mut self, hash: u64) {
        if self.smallest.len() < MAX_HASHES {
            self.smallest.insert(hash);
        } else if self.smallest.last().is_some_and(|largest| hash < *largest) && self.smallest.insert(hash) {
            self.smallest.pop_last();
        }
    }

    /// The approximate number of distinct hashes; exact below 1,024.
    #[must_use]
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate; the cast saturates"
    )]
    pub fn estimate(&self) -> u64 {
        match self.smallest.last() {
            Some(largest) if self.smallest.len() == MAX_HASHES => {
                let share = (*largest as f64 + 1.0) / u64::MAX as f64;
                ((MAX_HASHES - 1) as f64 / share).round() as u64
            }
            _ => self.smallest.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::hash_key;

    use super::*;

    #[test]
    fn small_counts_are_exact_and_large_counts_are_estimated() {
        for (keys, max_error) in [(0, 0.0), (1, 0.0), (1023, 0.0), (5_000, 0.12), (200_000, 0.12)] {
            let mut distinct = Distinct::default();
            for key in (0..keys).chain(0..keys / 2) {
                distinct.add(hash_key(format!("key-{key}").as_bytes()));
            }
            let estimate = distinct.estimate();
            #[allow(clippy::cast_precision_loss, reason = "small counts")]
            let error = (estimate as f64 - f64::from(keys)).abs() / f64::from(keys.max(1));
            assert!(error <= max_error, "{keys}: {estimate}");
        }
    }
}
