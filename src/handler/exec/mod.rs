//! `exec`: a child process for each worker.

/// `[exec]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExecSettings {}
