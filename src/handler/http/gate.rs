//! An endpoint that wants to be left alone for a while: all workers of the run hold back, not only the one that was told.

use std::{
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// Shut until a time.
#[derive(Debug, Default)]
pub(super) struct Gate {
    until: Mutex<Option<Instant>>,
}

impl Gate {
    /// Nobody passes for so long.
    pub(super) fn shut(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut shut = self.until.lock();
        *shut = Some(shut.map_or(until, |earlier| earlier.max(until)));
    }

    /// Waits until it is open, but no longer than what is left of `patience`, which pays for it.
    ///
    /// # Errors
    /// It stays shut for longer: so much.
    pub(super) fn pass(&self, patience: &mut Duration) -> Result<(), Duration> {
        loop {
            let Some(until) = *self.until.lock() else { return Ok(()) };
            let wait = until.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                let mut shut = self.until.lock();
                if *shut == Some(until) {
                    *shut = None;
                }
                return Ok(());
            }
            if wait > *patience {
                return Err(wait);
            }
            *patience -= wait;
            thread::sleep(wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_opens_by_itself_and_patience_is_spent() {
        let gate = Gate::default();
        let mut patience = Duration::from_secs(1);
        assert_eq!(gate.pass(&mut patience), Ok(()));
        gate.shut(Duration::from_millis(20));
        gate.shut(Duration::from_millis(1));
        assert_eq!(gate.pass(&mut patience), Ok(()));
        assert!(patience < Duration::from_secs(1) && patience > Duration::from_millis(900));
        gate.shut(Duration::from_secs(60));
        assert!(gate.pass(&mut patience).is_err_and(|left| left > Duration::from_secs(50)));
    }
}
