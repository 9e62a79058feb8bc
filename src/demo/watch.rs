//! The simulated cluster of `kreplay demo --watch`, in step with the clock.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kreplay_model::watch::WatchSnapshot;
use kreplay_monitor::{
    observer::Observation,
    simulation::{ALL_VERDICTS_WITHIN, LOOK_INTERVAL, Simulation},
};

/// Until each verdict has occurred, simulated time is this many times as fast as the clock.
pub const FASTER: u32 = 5;

/// The simulated time after which most verdicts hold at the same time.
pub const MOST_VERDICTS_AFTER: Duration = Duration::from_secs(390);

/// A simulated cluster whose time begins in the past, is faster than the clock, reaches the present when each verdict
/// has occurred, and then keeps step with the clock.
#[derive(Clone, Debug)]
pub struct WatchDemo {
    simulation: Simulation,
    simulated: Duration,
}

impl WatchDemo {
    /// A simulation that reaches the present at the same time as the clock.
    #[must_use]
    pub fn new(seed: u64, now: DateTime<Utc>) -> Self {
        let ahead = ALL_VERDICTS_WITHIN.saturating_sub(ALL_VERDICTS_WITHIN / FASTER);
        Self { simulation: Simulation::new(seed, now - ahead), simulated: Duration::ZERO }
    }

    /// Lets the interval between two looks pass, and looks.
    pub fn look(&mut self) -> Observation {
        self.simulated += LOOK_INTERVAL;
        self.simulation.look()
    }

    /// The time on the clock between the last look and the next one.
    #[must_use]
    pub fn wait(&self) -> Duration {
        if self.simulated < ALL_VERDICTS_WITHIN { LOOK_INTERVAL / FASTER } else { LOOK_INTERVAL }
    }
}

/// The groups of a simulation that began [`MOST_VERDICTS_AFTER`] ago.
#[must_use]
pub fn watched_groups(seed: u64, now: DateTime<Utc>) -> WatchSnapshot {
    let mut simulation = Simulation::new(seed, now - MOST_VERDICTS_AFTER);
    let looks = MOST_VERDICTS_AFTER.as_secs() / LOOK_INTERVAL.as_secs();
    (1..looks).for_each(|_| drop(simulation.look()));
    simulation.look().snapshot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simulated_time_reaches_the_clock_when_each_verdict_has_occurred() {
        let began: DateTime<Utc> = "2026-01-31T10:00:00Z".parse().unwrap();
        let (mut demo, mut clock) = (WatchDemo::new(1, began), began);
        let mut behind = Vec::new();
        for _ in 0..380 {
            clock += demo.wait();
            behind.push((clock - demo.look().snapshot.at).num_seconds());
        }
        assert!(behind.is_sorted_by(|before, after| before >= after), "{behind:?}");
        assert!(behind[0] > 500 && behind[behind.len() - 20..] == [0; 20], "{behind:?}");
        assert_eq!(demo.wait(), LOOK_INTERVAL);
    }

    #[test]
    fn the_groups_of_a_single_look_are_as_of_now() {
        let now: DateTime<Utc> = "2026-01-31T10:00:00Z".parse().unwrap();
        assert_eq!(watched_groups(1, now).at, now);
    }
}
