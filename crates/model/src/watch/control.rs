//! Commands from a view to the watcher.

use std::{sync::Arc, time::Duration};

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

/// A view's command about alerts on groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilenceCommand {
    /// Takes no actions on the alerts of a rule for a time.
    Silence {
        /// The name of the rule.
        rule: String,
        /// For how long.
        length: Duration,
    },
    /// Ends all silences.
    EndAll,
}

/// Sends commands about alerts. Clones reach the same receiver. Commands have no effect once nothing is evaluated.
#[derive(Clone, Debug)]
pub struct SilenceControl {
    sender: mpsc::UnboundedSender<SilenceCommand>,
}

impl SilenceControl {
    /// Creates a control and the receiver for what evaluates alerts.
    #[must_use]
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<SilenceCommand>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender }, receiver)
    }

    /// Sends a command without waiting for its effect, which the alerts show.
    pub fn send(&self, command: SilenceCommand) {
        // Fails if nothing is evaluated any more.
        let _ = self.sender.send(command);
    }
}
