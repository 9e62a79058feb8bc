//! Waiting for a condition with a timeout, never for a fixed time.

use std::time::{Duration, Instant};

use super::timeouts::scaled;

/// Time between two checks of a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Calls `probe` until it returns a value, and returns that.
///
/// # Panics
/// If it returns none within `timeout`. `what` completes the message "no … within".
pub fn until<T>(what: &str, timeout: Duration, probe: impl FnMut() -> Option<T>) -> T {
    try_until(timeout, probe).unwrap_or_else(|| panic!("no {what} within {:?}", scaled(timeout)))
}

/// The same for callers with a better error message: `None` if the timeout has passed.
pub fn try_until<T>(timeout: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + scaled(timeout);
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}
