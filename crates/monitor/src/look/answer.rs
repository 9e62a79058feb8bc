//! An item of a look.

use chrono::{DateTime, Utc};
use kreplay_model::watch::Reason;

/// What is known about one item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Answer<T> {
    /// It was not requested in this look. What was known before still holds, as of its own time.
    #[default]
    NotAsked,
    /// The request failed.
    Failed(Reason),
    /// The answer and the time at which it arrived.
    Known(DateTime<Utc>, T),
}

impl<T> Answer<T> {
    /// The value, if known.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Known(_, value) => Some(value),
            Self::NotAsked | Self::Failed(_) => None,
        }
    }

    /// When the value arrived.
    pub fn at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Known(at, _) => Some(*at),
            Self::NotAsked | Self::Failed(_) => None,
        }
    }

    /// Why it is not known; `None` if it is.
    pub fn why_unknown(&self) -> Option<Reason> {
        match self {
            Self::Known(..) => None,
            Self::NotAsked => Some(Reason::NotAsked),
            Self::Failed(reason) => Some(reason.clone()),
        }
    }
}
