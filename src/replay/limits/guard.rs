//! A guard holds a run back while another group lags: how far, and when it lets go.
//!
//! Additive increase, multiplicative decrease (Chiu and Jain 1989, as in TCP): above the line what the run may do is halved
//! with every look at which the lag does not fall, down to a stop; below four fifths of the line it grows by a tenth of the
//! speed that the run had when it was first slowed down, until it has that speed again and is free. Between the two it
//! stays. A group that cannot be looked up is not protected by going on: after a few looks in vain the run stops, until the
//! group can be seen again.
//!
//! Pure: it is fed with what was seen once a second.

use super::limiter::Throttle;

/// The part of the line below which the group has recovered.
const RECOVERED: f64 = 0.8;
/// What one look below that adds, as a part of the full speed.
const STEP: f64 = 0.1;
/// Below this part of the full speed there is no point in crawling.
const CRAWL: f64 = 0.02;
/// So many looks in vain are borne.
const BLIND: u32 = 3;

/// A change of what the run may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it may do from now on.
    pub throttle: Throttle,
    /// Why, for people; without the group's name.
    pub reason: String,
}

/// Decides how far a run is held back.
#[derive(Clone, Debug)]
pub struct Guard {
    max_lag: u64,
    throttle: Throttle,
    /// The speed when it was first slowed down; 0 where nothing had been handled yet.
    full: f64,
    last: Option<u64>,
    /// The group was above the line, and has not recovered since.
    suffered: bool,
    blind: u32,
}

impl Guard {
    /// Closed until the group was seen for the first time.
    #[must_use]
    pub fn new(max_lag: u64) -> Self {
        Self { max_lag, throttle: Throttle::Closed, full: 0.0, last: None, suffered: false, blind: 0 }
    }

    /// What the run may do.
    #[must_use]
    pub fn throttle(&self) -> Throttle {
        self.throttle
    }

    /// Takes in what was seen: the group's lag, or `None` where it could not be looked up; and the run's speed in records a
    /// second.
    #[allow(clippy::cast_precision_loss, reason = "a lag for a comparison")]
    pub fn look(&mut self, lag: Option<u64>, speed: f64) -> Option<Step> {
        let Some(lag) = lag else {
            self.blind += 1;
            self.last = None;
            let stop = self.blind == BLIND && self.throttle != Throttle::Closed;
            return stop.then(|| self.step(Throttle::Closed, "it cannot be looked up: stopped until it can".into()));
        };
        self.blind = 0;
        let falls = self.last.is_some_and(|before| lag < before);
        self.last = Some(lag);
        if lag > self.max_lag {
            self.suffered = true;
            return self.tighten(lag, speed, falls);
        }
        if self.suffered && lag as f64 > self.max_lag as f64 * RECOVERED {
            return None;
        }
        self.suffered = false;
        self.loosen(lag)
    }

    fn tighten(&mut self, lag: u64, speed: f64, falls: bool) -> Option<Step> {
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
        if wanted < (self.full * CRAWL).max(1.0) {
            return Some(self.step(Throttle::Closed, format!("{above}: stopped")));
        }
        Some(self.step(Throttle::Records(wanted), format!("{above}: slowed down to {wanted:.0} records/s")))
    }

    fn loosen(&mut self, lag: u64) -> Option<Step> {
        let now = match self.throttle {
            Throttle::Open => return None,
            Throttle::Closed => 0.0,
            Throttle::Records(now) => now,
        };
        let wanted = now + self.full * STEP;
        // A speed that was never measured holds nothing back.
        if wanted >= self.full {
            return Some(self.step(Throttle::Open, format!("lag {lag}: free to go on")));
        }
        Some(self.step(Throttle::Records(wanted), format!("lag {lag}: up to {wanted:.0} records/s")))
    }

    fn step(&mut self, throttle: Throttle, reason: String) -> Step {
        self.throttle = throttle;
        Step { throttle, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_halves_to_a_stop_and_comes_back_in_steps() {
        let mut guard = Guard::new(100);
        assert_eq!(guard.throttle(), Throttle::Closed);
        assert_eq!(guard.look(Some(10), 0.0).unwrap().throttle, Throttle::Open);
        assert_eq!(guard.look(Some(90), 1000.0), None);
        let mut steps = Vec::new();
        for lag in 0..20 {
            steps.extend(guard.look(Some(200 + lag), 1000.0).map(|step| step.throttle));
        }
        let halves = [500.0, 250.0, 125.0, 62.5, 31.25].map(Throttle::Records);
        assert_eq!((&steps[..5], &steps[5..]), (&halves[..], &[Throttle::Closed][..]));
        assert_eq!(guard.look(Some(85), 0.0), None, "not yet");
        let steps: Vec<Throttle> =
            (0..20).filter_map(|_| guard.look(Some(80), 0.0)).map(|step| step.throttle).collect();
        assert_eq!((steps.len(), steps[0], steps[9]), (10, Throttle::Records(100.0), Throttle::Open));
    }

    #[test]
    fn a_lag_just_below_the_line_does_not_keep_a_run_from_beginning() {
        assert_eq!(Guard::new(100).look(Some(95), 0.0).unwrap().throttle, Throttle::Open);
        let mut guard = Guard::new(100);
        assert_eq!(guard.look(Some(120), 0.0), None);
        assert_eq!(guard.look(Some(95), 0.0), None, "it has not recovered");
        assert_eq!(guard.look(Some(80), 0.0).unwrap().throttle, Throttle::Open);
    }

    #[test]
    fn a_lag_that_falls_is_given_time() {
        let mut guard = Guard::new(100);
        let _ = guard.look(Some(0), 0.0);
        assert_eq!(guard.look(Some(300), 1000.0).unwrap().throttle, Throttle::Records(500.0));
        assert_eq!(guard.look(Some(250), 500.0), None);
        assert_eq!(guard.look(Some(250), 500.0).unwrap().throttle, Throttle::Records(250.0));
    }

    #[test]
    fn what_cannot_be_seen_is_not_let_go_of() {
        let mut guard = Guard::new(100);
        assert_eq!(guard.look(None, 0.0), None);
        assert_eq!(guard.look(Some(500), 0.0), None, "closed from the beginning");
        assert_eq!(guard.look(Some(50), 0.0).unwrap().throttle, Throttle::Open);
        assert_eq!((guard.look(None, 9.0), guard.look(None, 9.0)), (None, None));
        assert_eq!(guard.look(None, 9.0).unwrap().throttle, Throttle::Closed);
        assert_eq!(guard.look(None, 9.0), None);
        assert!(guard.look(Some(50), 0.0).is_some());
    }
}
