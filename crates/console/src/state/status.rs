//! The message in the footer.

use std::time::Duration;

/// How long a message that is not an error is shown, from the frame on that shows it first.
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
    /// Since when it can be read.
    pub shown: Shown,
}

/// Since when a message can be read. On a busy machine, a frame may be drawn long after the message was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// No frame shows it yet.
    NotYet,
    /// A frame shows it; the clock has not been read since.
    Drawn,
    /// A frame showed it at this time, or shortly before.
    Since(Duration),
}

impl Status {
    /// A message that no frame shows yet.
    #[must_use]
    pub fn new(kind: StatusKind, text: String) -> Self {
        Self { kind, text, shown: Shown::NotYet }
    }

    /// A frame shows it.
    pub(crate) fn drawn(&mut self) {
        if self.shown == Shown::NotYet {
            self.shown = Shown::Drawn;
        }
    }

    /// Takes the time, and tells whether the message has been shown long enough.
    #[must_use]
    pub(crate) fn expires(&mut self, now: Duration) -> bool {
        match self.shown {
            Shown::NotYet => false,
            Shown::Drawn => {
                self.shown = Shown::Since(now);
                false
            }
            Shown::Since(since) => self.kind != StatusKind::Error && now.saturating_sub(since) >= MESSAGE_DURATION,
        }
    }
}
