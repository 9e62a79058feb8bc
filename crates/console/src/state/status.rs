//! The message in the footer.

use std::time::Duration;

/// How long a message that is not an error is shown.
const MESSAGE_DURATION: Duration = Duration::from_secs(4);

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusKind {
    /// A confirmation.
    Info,
    /// Something was asked of the run, which may not be able to do it: its events say what became of it.
    Asked,
    /// A refused action, with the reason.
    Refused,
    /// An error, shown until dismissed.
    Error,
}

/// A message in the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its kind.
    pub kind: StatusKind,
    /// The text, one sentence.
    pub text: String,
    /// When it appeared.
    pub since: Duration,
}

impl Status {
    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now: Duration) -> bool {
        self.kind != StatusKind::Error && now.saturating_sub(self.since) >= MESSAGE_DURATION
    }
}
