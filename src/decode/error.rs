//! Why bytes cannot be decoded.

/// Bytes that cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// They never will be: they are not what they are said to be.
    #[error("{0}")]
    Bad(String),
    /// Not now: the registry does not answer, or refuses.
    #[error("{0}")]
    Unreachable(String),
}

/// Decoding that cannot begin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodingError {
    /// The settings contradict each other, or lack something.
    #[error("{0}")]
    Settings(String),
    /// The registry does not answer, refuses, or is something else.
    #[error("{0}; nothing was read. Check decode.schema_registry and that the registry runs")]
    Registry(String),
}

impl DecodingError {
    /// Whether what was asked for is wrong, rather than the registry out of reach.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Settings(_))
    }
}

impl Undecodable {
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self::Bad(text.into())
    }

    /// The same, with what it happened to in front.
    #[must_use]
    pub fn of(self, what: &str) -> Self {
        match self {
            Self::Bad(text) => Self::Bad(format!("the {what} cannot be decoded: {text}")),
            Self::Unreachable(text) => Self::Unreachable(format!("the {what} cannot be decoded now: {text}")),
        }
    }

    /// Whether another attempt makes sense.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
}
