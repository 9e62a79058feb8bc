//! The message in the footer.

use std::time::Duration;

/// How long a message that is no error stays.
const SHOWN: Duration = Duration::from_secs(4);

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusKind {
    /// What has just been done.
    Info,
    /// What could not be done, and why.
    Refused,
    /// What went wrong; it stays until it is dismissed.
    Error,
}

/// A message in the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it is.
    pub kind: StatusKind,
    /// One sentence.
    pub text: String,
    /// When it was said.
    pub since: Duration,
}

impl Status {
    /// Whether it has been shown long enough.
    #[must_use]
    pub fn is_over(&self, now: Duration) -> bool {
        self.kind != StatusKind::Error && now.saturating_sub(self.since) >= SHOWN
    }
}
