//! Tells threads to stop, and wakes those that wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};

/// Tells threads to stop. All clones share their state, and stopping cannot be taken back.
#[derive(Clone, Debug, Default)]
pub struct StopToken(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    is_stopped: AtomicBool,
    lock: Mutex<()>,
    stopped: Condvar,
}

impl StopToken {
    /// Stops, and wakes the threads that wait.
    pub fn stop(&self) {
        let _lock = self.0.lock.lock();
        self.0.is_stopped.store(true, Relaxed);
        self.0.stopped.notify_all();
    }

    /// Whether the threads must stop. Takes no lock.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.is_stopped.load(Relaxed)
    }

    /// Waits for the stop, up to `timeout`. Returns whether the thread must stop.
    pub fn wait(&self, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        let mut lock = self.0.lock.lock();
        while !self.is_stopped() && !self.0.stopped.wait_until(&mut lock, until).timed_out() {}
        self.is_stopped()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_thread_wakes_up_at_the_stop() {
        let token = StopToken::default();
        assert!(!token.wait(Duration::ZERO) && !token.is_stopped());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| token.wait(Duration::from_secs(600)));
            token.clone().stop();
            assert!(waiting.join().unwrap());
        });
        assert!(token.is_stopped() && token.wait(Duration::from_secs(600)));
    }
}
