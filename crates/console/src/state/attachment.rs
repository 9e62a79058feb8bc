//! The processes to which the console is attached.

use std::{sync::Arc, time::Duration};

use kreplay_model::attach::{AttachAccess, AttachView};

use super::State;

/// The processes to which the console is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The processes, and the connections to them.
    pub view: Arc<AttachView>,
    /// Since when at least one connection is lost, on the console's clock.
    pub lost_since: Option<Duration>,
}

impl State {
    /// Whether several processes are shown as one.
    pub(crate) fn shows_several_processes(&self) -> bool {
        self.attachment.as_ref().is_some_and(|attachment| attachment.view.is_merged())
    }
}

impl Attachment {
    /// Whether no commands are sent.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        matches!(self.view.access, AttachAccess::ReadOnly { .. })
    }

    /// What a message about a setting adds if several processes share it; empty for one.
    pub(crate) fn divided(&self) -> &'static str {
        if self.view.is_merged() { "; divided among the processes" } else { "" }
    }

    /// Whether no process is reached, so that everything shown is as of the last frame.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        !self.view.processes.is_empty() && self.view.lost().count() == self.view.processes.len()
    }
}
