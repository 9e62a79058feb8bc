//! A number of workers that was asked for and does not show in the feed yet.

use std::time::Duration;

/// How long a change may take before the feed is believed again.
const PATIENCE: Duration = Duration::from_secs(3);

/// A number of workers that was asked for.
///
/// Without it a second press of a key within a tenth of a second would start from the old number again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The number.
    pub to: u32,
    /// The run that was there at the time.
    pub run_id: String,
    /// When it was asked for.
    pub since: Duration,
}

impl Pending {
    /// Whether it has nothing more to say: the feed shows the number, another run has begun, or a run that is going
    /// has had time enough. What was asked for after a run's end waits for the next one.
    #[must_use]
    pub fn is_settled(&self, run_id: &str, concurrency: u32, over: bool, now: Duration) -> bool {
        concurrency == self.to || run_id != self.run_id || (!over && now.saturating_sub(self.since) > PATIENCE)
    }
}
