//! Commands from a view to the session.

mod request;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Concurrency, RateLimit},
    inspect::RecordId,
};

pub use request::{Arguments, FieldProblem, NumberedRequest, RunField, RunRequest};

/// A user's command to a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Starts a run if none is active: the first one, or the same again. If no topics are selected yet, lists the
    /// cluster's topics.
    Start,
    /// Stops the active run, if there is one, and starts it again from its beginning. Ignored while a run is being
    /// started.
    Restart,
    /// Lists the cluster's topics, also while a run is active.
    ListTopics,
    /// Makes a plan of these topics, by name, or of the current selection if there are none: counts, skew and predicted
    /// times, also while a run is active. Changes nothing on the cluster.
    Plan(Arc<[String]>),
    /// Makes a plan of a run that a request describes, also while a run is active. A plan in progress is stopped,
    /// unless a run starts after it. Changes nothing on the cluster.
    PlanRequest(Arc<NumberedRequest>),
    /// Stops making the current plan.
    StopPlanning,
    /// Selects these topics, by name, for this run and later ones, and starts it. An active run is stopped first.
    Replay(Arc<[String]>),
    /// Takes what a request describes, for this run and later ones, and starts it. An active run is stopped first. A
    /// request with problems changes nothing.
    Launch(Arc<NumberedRequest>),
    /// Pauses the run until `Resume`; records in flight are finished.
    Pause,
    /// Resumes a paused run.
    Resume,
    /// Stops the run before its end: records in flight are finished and committed.
    Stop,
    /// Sets the number of workers, for this run and later ones, and turns automatic concurrency off.
    SetConcurrency(Concurrency),
    /// Turns automatic concurrency on or off, for this run and later ones.
    SetAdaptive(bool),
    /// Sets or removes the rate limit, for this run and later ones.
    SetRate(Option<RateLimit>),
    /// Decides about one key in quarantine, by its hash, or about all of them.
    Decide(Decision, Option<u64>),
    /// Decides about the record that paused the run, and resumes the run. Refused if another record pauses it by now:
    /// the decision cannot be undone.
    DecideRecord(RecordDecision, RecordId),
    /// Stops the run as `Stop` does, then ends the session.
    Shutdown,
}

/// A decision about a key in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Retry its records, in order.
    Release,
    /// Dead-letter its waiting records, and all its later records of this run.
    DeadLetter,
}

/// A decision about the record that paused a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordDecision {
    /// Skip and count it.
    Skip,
    /// Dead-letter it. The position moves past it after the broker has acknowledged the dead letter.
    DeadLetter,
}

/// Sends commands to a session. Clones reach the same session. Commands to an ended session have no effect.
#[derive(Clone, Debug)]
pub struct Control {
    sender: std::sync::mpsc::Sender<Command>,
}

impl Control {
    /// Creates a control and the receiver for the session.
    #[must_use]
    pub fn channel() -> (Self, std::sync::mpsc::Receiver<Command>) {
        let (sender, receiver) = std::sync::mpsc::channel();
        (Self { sender }, receiver)
    }

    /// Sends a command without waiting for its effect, which the feed shows.
    pub fn send(&self, command: Command) {
        // Fails if the session has ended; then there is nothing left to command.
        let _ = self.sender.send(command);
    }
}
