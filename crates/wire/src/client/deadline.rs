//! The end of a call.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use crate::error::WireError;

/// The longest time that a call may take: a time beyond the clock's range is shortened to it.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// When a call ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    at: Instant,
    after: Duration,
}

impl Deadline {
    pub(super) fn after(after: Duration) -> Self {
        let now = Instant::now();
        Self { at: now.checked_add(after).unwrap_or(now + LONGEST), after }
    }

    /// The result of `work`, or a timeout.
    pub(super) async fn bound<T>(self, work: impl Future<Output = Result<T, WireError>>) -> Result<T, WireError> {
        timeout_at(self.at, work).await.unwrap_or_else(|_| Err(self.timeout(None)))
    }

    /// Waits before another attempt. Returns whether there is time for one.
    pub(super) async fn pause(self, delay: Duration) -> bool {
        if self.at.saturating_duration_since(Instant::now()) <= delay {
            return false;
        }
        sleep(delay).await;
        true
    }

    /// The error of a call that ended without success.
    pub(super) fn timeout(self, last: Option<WireError>) -> WireError {
        match last {
            // One timeout within another says nothing more.
            Some(last @ WireError::Timeout { .. }) => last,
            last => WireError::Timeout { after: self.after, last: last.map(Box::new) },
        }
    }
}
