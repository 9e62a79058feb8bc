//! A requested number of workers that no snapshot shows yet.

use std::time::Duration;

/// Time after which an unapplied change is dropped and the snapshot's number is used again.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(3);

/// A requested number of workers.
///
/// Without it, a second key press before the next snapshot would start from the old number again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The number.
    pub to: u32,
    /// The run at the time of the request.
    pub run_id: String,
    /// When it was requested.
    pub since: Duration,
}

impl Pending {
    /// Whether the request is no longer pending: the snapshot shows the number, another run has started, or the timeout
    /// of an active run has passed. A request after a run's end stays pending until the next run.
    #[must_use]
    pub fn is_resolved(&self, run_id: &str, concurrency: u32, over: bool, now: Duration) -> bool {
        concurrency == self.to || run_id != self.run_id || (!over && now.saturating_sub(self.since) > CHANGE_TIMEOUT)
    }
}
