//! Classes of errors.

/// What an error means for its request. The exit code of a command follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// Something failed, such as a broker, a database or a disk. The same request may succeed later.
    Failed,
    /// The request is invalid: a flag, a setting, or a name. It has to be changed.
    Usage,
    /// The user stopped it before its end.
    Stopped,
}

impl ErrorClass {
    /// Whether the request is invalid.
    #[must_use]
    pub fn is_usage(self) -> bool {
        self == Self::Usage
    }
}

/// An error that has a class.
pub trait Classified: std::error::Error {
    /// The class of the error.
    fn class(&self) -> ErrorClass;
}
