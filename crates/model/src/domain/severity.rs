//! How serious an event is.

/// The severity of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Routine.
    Info,
    /// Notable: assignments, rebalances, changes.
    Notice,
    /// Needs attention.
    Warning,
    /// Something went wrong.
    Error,
}
