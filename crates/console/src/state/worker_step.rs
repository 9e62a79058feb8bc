//! The steps by which keys change the number of workers.

/// A step by which the number of workers changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkerStep {
    /// One more.
    More,
    /// One fewer.
    Fewer,
    /// Twice as many.
    Double,
    /// Half as many.
    Halve,
}

impl WorkerStep {
    /// Whether it asks for more workers.
    #[must_use]
    pub fn adds(self) -> bool {
        matches!(self, Self::More | Self::Double)
    }

    /// The number after this step, within 1 and `max`. A number above `max`, such as of a run that could not be
    /// started, can only decrease.
    #[must_use]
    pub fn apply(self, now: u32, max: u32) -> u32 {
        match self {
            Self::More => now.saturating_add(1).min(max).max(now),
            Self::Double => now.saturating_mul(2).min(max).max(now),
            Self::Fewer => now.saturating_sub(1).clamp(1, max),
            Self::Halve => (now / 2).clamp(1, max),
        }
    }
}
