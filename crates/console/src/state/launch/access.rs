//! Whether runs can be chosen in the console, and what the process brings to them.

use std::{borrow::Cow, sync::Arc};

use kreplay_model::control::{RunField, RunRequest};

/// Whether runs can be chosen in the launch form.
#[derive(Clone, Debug, PartialEq)]
pub enum LaunchAccess {
    /// Why not, in one sentence.
    Unavailable(Cow<'static, str>),
    /// With these options.
    Available(Arc<LaunchOptions>),
}

impl Default for LaunchAccess {
    fn default() -> Self {
        Self::Unavailable("this process cannot start runs".into())
    }
}

/// What the launch form can choose, and the part of the command line that it cannot change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LaunchOptions {
    /// The settings that can be chosen, in the order of [`RunField::ALL`].
    pub fields: Vec<RunField>,
    /// The settings of the process.
    pub defaults: RunRequest,
    /// The settings of a process with the same configuration file and environment, but only the flags of `command`.
    pub floor: RunRequest,
    /// The program, its command, and the flags that the form does not change. Without secrets.
    pub command: Vec<String>,
    /// The flags that `command` lacks because their values are secret, such as `-X sasl.password`.
    pub left_out: Vec<String>,
    /// The expression of `--topics-regex`, which is used while no topics are chosen.
    pub topics_regex: Option<String>,
    /// Settings that this command has no flag for.
    pub without_flag: Vec<RunField>,
}
