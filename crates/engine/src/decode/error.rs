//! Decoding errors.

use kreplay_model::domain::{Classified, ErrorClass};

/// Bytes could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecodable {
    /// Permanent: the bytes do not have the expected format.
    #[error("{0}")]
    Bad(String),
    /// Temporary: the registry does not answer, or rejects the request.
    #[error("{0}")]
    Unreachable(String),
}

/// Decoding cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodingError {
    /// The settings are contradictory or incomplete.
    #[error("{0}")]
    Settings(String),
    /// The registry does not answer, rejects the request, or is not a schema registry.
    #[error("{0}; nothing was read. Check decode.schema_registry and that the registry is running")]
    Registry(String),
}

impl Classified for DecodingError {
    fn class(&self) -> ErrorClass {
        match self {
            Self::Settings(_) => ErrorClass::Usage,
            Self::Registry(_) => ErrorClass::Failed,
        }
    }
}

impl Undecodable {
    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self::Bad(text.into())
    }

    /// Adds `what` could not be decoded: `key` or `value`.
    #[must_use]
    pub fn of(self, what: &str) -> Self {
        match self {
            Self::Bad(text) => Self::Bad(format!("the {what} cannot be decoded: {text}")),
            Self::Unreachable(text) => Self::Unreachable(format!("the {what} cannot be decoded now: {text}")),
        }
    }

    /// Whether a retry may succeed.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }
}
