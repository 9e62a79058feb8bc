//! One simulated drain.
//!
//! A block bootstrap: blocks of successive steps are drawn at random, so that the dependence of neighbouring steps is
//! kept. First a history as long as the observed one is drawn; then the drain proceeds by blocks of that history. The
//! first draw stands for the error of the observed rate, the second for the variation to come.

use super::owner::Pace;
use crate::random::Random;

/// Steps of a block. A step is at least one commit interval.
const BLOCK_STEPS: usize = 3;

/// Steps that are simulated one by one. A longer drain proceeds at the mean of its history.
const MAX_SIMULATED_STEPS: usize = 96;

/// A backlog and a pace to drain it with.
#[derive(Clone, Debug)]
pub(super) struct Drain<'a> {
    pace: &'a Pace,
    mean: f64,
    /// The factor by which deviations from the mean are widened.
    widening: f64,
}

impl<'a> Drain<'a> {
    #[allow(clippy::cast_precision_loss, reason = "at most 60 steps")]
    pub(super) fn new(pace: &'a Pace) -> Self {
        let steps = pace.net.len().max(1) as f64;
        let widening = widening(steps / BLOCK_STEPS as f64);
        Self { pace, mean: pace.net.iter().sum::<f64>() / steps, widening }
    }

    /// Seconds until the backlog is drained; infinite if it never is.
    pub(super) fn time_s(&self, random: &mut Random) -> f64 {
        let history = resampled(&self.pace.net, random, self.pace.net.len());
        let widened = |net: f64| self.mean + (net - self.mean) * self.widening;
        let mut left = self.pace.backlog;
        let mut steps = 0.0;
        for net in resampled(&history, random, MAX_SIMULATED_STEPS).into_iter().map(widened) {
            if net >= left {
                return (steps + left / net) * self.pace.step_s;
            }
            left -= net;
            steps += 1.0;
        }
        #[allow(clippy::cast_precision_loss, reason = "at most 60 steps")]
        let mean = widened(history.iter().sum::<f64>() / history.len().max(1) as f64);
        if mean > 0.0 { (steps + left / mean) * self.pace.step_s } else { f64::INFINITY }
    }
}

/// Few blocks vary less than the process that they come from. The first factor corrects the variance of a sample; the
/// second is the ratio of the 90th percentiles of Student's t and the normal distribution, within 2 % from 2 degrees of
/// freedom on.
fn widening(blocks: f64) -> f64 {
    let freedom = (blocks - 1.0).max(1.5);
    (blocks.max(2.5) / freedom).sqrt() * (freedom / (freedom - 1.1)).sqrt()
}

/// `length` steps in blocks drawn at random. Blocks wrap around, so that each step is equally likely.
fn resampled(net: &[f64], random: &mut Random, length: usize) -> Vec<f64> {
    let mut drawn = Vec::with_capacity(length + BLOCK_STEPS);
    while drawn.len() < length && !net.is_empty() {
        let start = random.below(net.len());
        drawn.extend(net.iter().cycle().skip(start).take(BLOCK_STEPS));
    }
    drawn.truncate(length);
    drawn
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        clippy::float_cmp,
        reason = "small numbers in tests"
    )]

    use super::*;

    fn pace(net: Vec<f64>, backlog: f64) -> Pace {
        Pace { backlog, step_s: 5.0, net, commit_interval_s: 5.0 }
    }

    #[test]
    fn equal_steps_drain_in_the_computed_time() {
        for backlog in [50.0, 95_000.0] {
            let pace = pace(vec![10.0; 12], backlog);
            let time = Drain::new(&pace).time_s(&mut Random::new(1));
            assert!((time - backlog / 2.0).abs() < 1e-6 * backlog, "{time}");
        }
    }

    #[test]
    fn a_growing_backlog_never_drains() {
        let pace = pace(vec![-1.0; 12], 50.0);
        assert!(Drain::new(&pace).time_s(&mut Random::new(1)).is_infinite());
    }

    #[test]
    fn resampling_keeps_neighbours_together() {
        let steps: Vec<f64> = (0..30).map(f64::from).collect();
        let drawn = resampled(&steps, &mut Random::new(7), 90);
        for block in drawn.chunks(BLOCK_STEPS) {
            assert!((block[1] - block[0] - 1.0).abs() < 1e-9 || block[1] == 0.0, "{block:?}");
        }
    }
}
