//! When a failed record is retried.

use std::time::Duration;

/// When a failed record is retried. Only its own lane waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// The most retries after the first attempt.
    pub attempts: u32,
    /// The delay before the first retry; each further delay is twice as long.
    pub first_delay: Duration,
    /// The longest delay.
    pub max_delay: Duration,
    /// How far a delay may deviate, as a fraction from 0 to 1, so that records that failed together are not retried
    /// together.
    pub jitter: f64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 3, first_delay: Duration::from_secs(1), max_delay: Duration::from_secs(300), jitter: 0.1 }
    }
}

impl Retry {
    /// The delay before retry `retry` (from 1), or `None` if there is none left. `chance`, 0 to 1, selects the delay
    /// within the range of the jitter; for a uniform `chance` the mean delay is the one without jitter.
    #[must_use]
    pub fn delay(self, retry: u32, chance: f64) -> Option<Duration> {
        (1..=self.attempts).contains(&retry).then(|| {
            let factor = 1_u32.checked_shl(retry - 1).unwrap_or(u32::MAX);
            let nominal = self.first_delay.saturating_mul(factor).min(self.max_delay);
            let jitter = self.jitter.clamp(0.0, 1.0);
            nominal.mul_f64(1.0 - jitter + 2.0 * jitter * chance.clamp(0.0, 1.0)).min(self.max_delay)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn delays_double_and_end() {
        let retry = Retry { jitter: 0.0, ..Retry::default() };
        let waits: Vec<_> = (1..=4).map(|attempt| retry.delay(attempt, 0.7).map(|wait| wait.as_secs())).collect();
        assert_eq!(waits, [Some(1), Some(2), Some(4), None]);
        assert_eq!(retry.delay(0, 0.5), None);
    }

    proptest! {
        #[test]
        fn delays_stay_around_their_mean_and_within_their_bound(
            retry in 1_u32..100, first in 0_u64..20_000, most in 1_u64..400_000,
            jitter in 0.0..=1.0, chance in 0.0..=1.0,
        ) {
            let ms = Duration::from_millis;
            let settings = Retry { attempts: 100, first_delay: ms(first), max_delay: ms(most), jitter };
            let nominal = Retry { jitter: 0.0, ..settings }.delay(retry, chance).unwrap();
            let wait = settings.delay(retry, chance).unwrap();
            prop_assert!(nominal <= ms(most) && wait <= ms(most));
            prop_assert!(wait.as_secs_f64() >= nominal.as_secs_f64() * (1.0 - jitter) - 1e-6);
            prop_assert!(wait.as_secs_f64() <= nominal.as_secs_f64() * (1.0 + jitter) + 1e-6);
            let opposite = settings.delay(retry, 1.0 - chance).unwrap();
            let mean = f64::midpoint(wait.as_secs_f64(), opposite.as_secs_f64());
            prop_assert!(nominal >= ms(most).div_f64(1.0 + jitter) || (mean - nominal.as_secs_f64()).abs() < 1e-6);
        }
    }
}
