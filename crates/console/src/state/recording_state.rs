//! Whether the feed is being recorded to a file.

/// Whether the feed is being recorded to a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RecordingState {
    /// This console cannot record.
    #[default]
    Unavailable,
    /// It can, and does not.
    Off,
    /// It does, to this file.
    On(String),
    /// The file is being completed.
    Ending(String),
    /// The command records everything to this file.
    ByCommand(String),
}

impl RecordingState {
    /// Whether something is written to a file.
    #[must_use]
    pub fn is_on(&self) -> bool {
        matches!(self, Self::On(_) | Self::Ending(_) | Self::ByCommand(_))
    }
}
