//! `[exec]`

use std::{path::PathBuf, time::Duration};

use crate::domain::Masked;

/// `[exec]`
#[derive(Clone, Debug, PartialEq)]
pub struct ExecSettings {
    /// The program and its arguments, unless the handler's name says them.
    pub command: Vec<String>,
    /// The children's working directory, which a relative program belongs to; `None` is kreplay's own.
    pub directory: Option<PathBuf>,
    /// Variables of the children's environment besides kreplay's own, as `NAME=value`.
    pub environment: Vec<Masked>,
    /// The longest time between two acknowledgements while a child has records in hand.
    pub timeout: Duration,
    /// The longest time for a child to end when its input has ended.
    pub stop_timeout: Duration,
    /// Whether a lane's records are sent without waiting for the acknowledgements of those before.
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
