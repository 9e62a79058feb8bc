//! Waiting for a condition with a deadline, never for an amount of time.

use std::time::{Duration, Instant};

/// Pause between two looks at a condition that gives no signal of its own.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until `probe` answers, and returns the answer.
///
/// # Panics
/// Where it does not answer within `deadline`; `what` completes "no … within".
pub fn until<T>(what: &str, deadline: Duration, probe: impl FnMut() -> Option<T>) -> T {
    try_until(deadline, probe).unwrap_or_else(|| panic!("no {what} within {deadline:?}"))
}

/// The same, for callers with a better error than a panic: `None` where the deadline has passed.
pub fn try_until<T>(deadline: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = probe() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(LOOK);
    }
}
