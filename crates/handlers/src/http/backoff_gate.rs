//! Back-off for an overloaded endpoint. It holds back all workers of the run, not only the one that received the
//! answer.

use std::{
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// A gate that is closed until a point in time.
#[derive(Debug, Default)]
pub(super) struct BackoffGate {
    closed_until: Mutex<Option<Instant>>,
}

impl BackoffGate {
    /// Closes the gate for this time, or leaves it closed if it would stay closed longer anyway.
    pub(super) fn close_for(&self, time: Duration) {
        let closed_until = Instant::now() + time;
        let mut deadline = self.closed_until.lock();
        *deadline = Some(deadline.map_or(closed_until, |earlier| earlier.max(closed_until)));
    }

    /// Waits until the gate is open. The time waited is subtracted from `budget`.
    ///
    /// # Errors
    /// The gate stays closed longer than `budget`; the remaining time.
    pub(super) fn wait(&self, budget: &mut Duration) -> Result<(), Duration> {
        loop {
            let Some(closed_until) = *self.closed_until.lock() else { return Ok(()) };
            let wait = closed_until.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                let mut deadline = self.closed_until.lock();
                if *deadline == Some(closed_until) {
                    *deadline = None;
                }
                return Ok(());
            }
            if wait > *budget {
                return Err(wait);
            }
            *budget -= wait;
            thread::sleep(wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_opens_by_itself_and_waiting_spends_the_budget() {
        let gate = BackoffGate::default();
        let all = Duration::from_secs(60);
        let mut budget = all;
        assert_eq!(gate.wait(&mut budget), Ok(()));
        assert_eq!(budget, all);
        gate.close_for(Duration::from_secs(1));
        gate.close_for(Duration::from_millis(1));
        assert_eq!(gate.wait(&mut budget), Ok(()));
        assert!(budget < all && budget >= Duration::from_secs(59), "{budget:?}");
        gate.close_for(Duration::from_secs(3600));
        assert!(gate.wait(&mut budget).is_err_and(|left| left > all));
    }
}
