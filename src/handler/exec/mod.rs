//! `exec`: a child process for each worker.

use crate::domain::Masked;

/// `[exec]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecSettings {
    /// Variables of the children's environment besides kreplay's own, as `NAME=value`.
    pub environment: Vec<Masked>,
}
