//! The policy of the lag guard: how far it slows the run while the protected group falls behind.
//!
//! Additive increase, multiplicative decrease (Chiu and Jain 1989, as in TCP). Above the lag limit, the allowed rate is
//! halved at each observation at which the lag does not fall, down to a pause. Below four fifths of the limit, it rises
//! by a tenth of the rate that the run had when it was first slowed down, until that rate is reached and the run is no
//! longer limited. In between, it stays. If the lag cannot be looked up, the group is not known to be safe: after a few
//! failed lookups the run is paused until a lookup succeeds.
//!
//! Pure: the caller passes an observation every second.

use crate::replay::limits::limiter::Throttle;

/// The share of the lag limit below which the group has recovered.
const RECOVERY_RATIO: f64 = 0.8;
/// The increase per observation, as a share of the full rate.
const INCREASE_RATIO: f64 = 0.1;
/// Rates below this share of the full rate are too low to be useful: the run is paused instead.
const MIN_SPEED_RATIO: f64 = 0.02;
/// Number of consecutive failed lag lookups after which the run is paused.
const MAX_FAILED_LOOKUPS: u32 = 3;

/// A change of the allowed rate.
#[derive(Clone, Debug, PartialEq)]
pub struct ThrottleChange {
    /// The new limit.
    pub throttle: Throttle,
    /// The reason, for display, without the group's name.
    pub reason: String,
}

/// Decides how far the run is slowed.
#[derive(Clone, Debug)]
pub struct LagGuard {
    max_lag: u64,
    throttle: Throttle,
    /// The rate of the run when it was first slowed down, in records per second; 0 if none had been handled yet.
    full: f64,
    last: Option<u64>,
    /// The lag was above the limit, and the group has not recovered since.
    above_limit: bool,
    failed_lookups: u32,
}

impl LagGuard {
    /// Pauses the run until the first successful lookup.
    #[must_use]
    pub fn new(max_lag: u64) -> Self {
        Self { max_lag, throttle: Throttle::Closed, full: 0.0, last: None, above_limit: false, failed_lookups: 0 }
    }

    /// The current limit of the run.
    #[must_use]
    pub fn throttle(&self) -> Throttle {
        self.throttle
    }

    /// Takes in an observation: the group's lag, or `None` if the lookup failed, and the run's rate in records per
    /// second.
    #[allow(clippy::cast_precision_loss, reason = "a lag for a comparison")]
    pub fn observe(&mut self, lag: Option<u64>, speed: f64) -> Option<ThrottleChange> {
        let Some(lag) = lag else {
            self.failed_lookups += 1;
            self.last = None;
            let stop = self.failed_lookups == MAX_FAILED_LOOKUPS && self.throttle != Throttle::Closed;
            return stop.then(|| self.change(Throttle::Closed, "lag unknown: paused until it can be looked up".into()));
        };
        self.failed_lookups = 0;
        let falls = self.last.is_some_and(|before| lag < before);
        self.last = Some(lag);
        if lag > self.max_lag {
            self.above_limit = true;
            return self.tighten(lag, speed, falls);
        }
        if self.above_limit && lag as f64 > self.max_lag as f64 * RECOVERY_RATIO {
            return None;
        }
        self.above_limit = false;
        self.loosen(lag)
    }

    fn tighten(&mut self, lag: u64, speed: f64, falls: bool) -> Option<ThrottleChange> {
        let above = format!("lag {lag} is above {}", self.max_lag);
        let wanted = match self.throttle {
            Throttle::Closed => return None,
            Throttle::Records(_) if falls => return None,
            Throttle::Records(now) => now / 2.0,
            Throttle::Open => {
                self.full = speed;
                speed / 2.0
            }
        };
        if wanted < (self.full * MIN_SPEED_RATIO).max(1.0) {
            return Some(self.change(Throttle::Closed, format!("{above}: paused")));
        }
        Some(self.change(Throttle::Records(wanted), format!("{above}: slowed down to {wanted:.0} records/s")))
    }

    fn loosen(&mut self, lag: u64) -> Option<ThrottleChange> {
        let now = match self.throttle {
            Throttle::Open => return None,
            Throttle::Closed => 0.0,
            Throttle::Records(now) => now,
        };
        let wanted = now + self.full * INCREASE_RATIO;
        // A rate that was never measured does not limit the run.
        if wanted >= self.full {
            return Some(self.change(Throttle::Open, format!("lag {lag}: no longer limited")));
        }
        Some(self.change(Throttle::Records(wanted), format!("lag {lag}: up to {wanted:.0} records/s")))
    }

    fn change(&mut self, throttle: Throttle, reason: String) -> ThrottleChange {
        self.throttle = throttle;
        ThrottleChange { throttle, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_halved_to_a_pause_and_rises_in_steps() {
        let mut guard = LagGuard::new(100);
        assert_eq!(guard.throttle(), Throttle::Closed);
        assert_eq!(guard.observe(Some(10), 0.0).unwrap().throttle, Throttle::Open);
        assert_eq!(guard.observe(Some(90), 1000.0), None);
        let mut steps = Vec::new();
        for lag in 0..20 {
            steps.extend(guard.observe(Some(200 + lag), 1000.0).map(|step| step.throttle));
        }
        let halves = [500.0, 250.0, 125.0, 62.5, 31.25].map(Throttle::Records);
        assert_eq!((&steps[..5], &steps[5..]), (&halves[..], &[Throttle::Closed][..]));
        assert_eq!(guard.observe(Some(85), 0.0), None, "not yet");
        let steps: Vec<Throttle> =
            (0..20).filter_map(|_| guard.observe(Some(80), 0.0)).map(|step| step.throttle).collect();
        assert_eq!((steps.len(), steps[0], steps[9]), (10, Throttle::Records(100.0), Throttle::Open));
    }

    #[test]
    fn a_lag_just_below_the_limit_does_not_keep_a_run_from_starting() {
        assert_eq!(LagGuard::new(100).observe(Some(95), 0.0).unwrap().throttle, Throttle::Open);
        let mut guard = LagGuard::new(100);
        assert_eq!(guard.observe(Some(120), 0.0), None);
        assert_eq!(guard.observe(Some(95), 0.0), None, "it has not recovered");
        assert_eq!(guard.observe(Some(80), 0.0).unwrap().throttle, Throttle::Open);
    }

    #[test]
    fn a_falling_lag_does_not_lower_the_rate_further() {
        let mut guard = LagGuard::new(100);
        let _ = guard.observe(Some(0), 0.0);
        assert_eq!(guard.observe(Some(300), 1000.0).unwrap().throttle, Throttle::Records(500.0));
        assert_eq!(guard.observe(Some(250), 500.0), None);
        assert_eq!(guard.observe(Some(250), 500.0).unwrap().throttle, Throttle::Records(250.0));
    }

    #[test]
    fn failed_lookups_pause_the_run() {
        let mut guard = LagGuard::new(100);
        assert_eq!(guard.observe(None, 0.0), None);
        assert_eq!(guard.observe(Some(500), 0.0), None, "closed from the start");
        assert_eq!(guard.observe(Some(50), 0.0).unwrap().throttle, Throttle::Open);
        assert_eq!((guard.observe(None, 9.0), guard.observe(None, 9.0)), (None, None));
        assert_eq!(guard.observe(None, 9.0).unwrap().throttle, Throttle::Closed);
        assert_eq!(guard.observe(None, 9.0), None);
        assert!(guard.observe(Some(50), 0.0).is_some());
    }
}
