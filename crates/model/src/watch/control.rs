//! Commands from a view to the watcher.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

/// A view's command to the watcher. None of them changes anything on the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WatchCommand {
    /// These groups, by name, are visible now and are observed most often. It replaces the groups of the command
    /// before.
    LookAt(Arc<[String]>),
    /// Observes the visible groups, and the list of groups, at once.
    Refresh,
    /// Pauses the watch, or resumes it. The last snapshot remains.
    Pause(bool),
}

/// Sends commands to a watcher. Clones reach the same watcher. Commands to an ended watcher have no effect.
#[derive(Clone, Debug)]
pub struct WatchControl {
    sender: mpsc::UnboundedSender<WatchCommand>,
}

impl WatchControl {
    /// Creates a control and the receiver for the watcher.
    #[must_use]
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<WatchCommand>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender }, receiver)
    }

    /// Sends a command without waiting for its effect, which the snapshots show.
    pub fn send(&self, command: WatchCommand) {
        // Fails if the watcher has ended; then there is nothing left to command.
        let _ = self.sender.send(command);
    }
}
