//! `[exec]`

use std::{path::PathBuf, time::Duration};

use kreplay_model::domain::Secret;

/// `[exec]`
#[derive(Clone, Debug, PartialEq)]
pub struct ExecSettings {
    /// The program and its arguments. A command in the handler's text takes precedence.
    pub command: Vec<String>,
    /// The children's working directory, to which a relative program path refers; `None` for kreplay's own.
    pub directory: Option<PathBuf>,
    /// Additional environment variables of the children, as `NAME=value`.
    pub environment: Vec<Secret>,
    /// The maximum time between two acknowledgements while records are in flight.
    pub timeout: Duration,
    /// The maximum time for a child to exit after its input was closed.
    pub stop_timeout: Duration,
    /// Whether records of a lane are sent without waiting for the acknowledgements of earlier ones.
    pub pipeline: bool,
}

impl Default for ExecSettings {
    fn default() -> Self {
        Self {
            command: Vec::new(),
            directory: None,
            environment: Vec::new(),
            timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(5),
            pipeline: false,
        }
    }
}
