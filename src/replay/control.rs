//! The way back from a view to the engine.

use std::sync::Arc;

use crate::domain::{Concurrency, RateLimit};

/// What a user can ask of a session while it lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Starts a run, where none is going: the first one, or the same again. Where no topics have been selected yet, asks the
    /// cluster which there are.
    Start,
    /// Stops the run that is going, if one is, and starts it again from its beginning.
    Restart,
    /// Asks the cluster which topics there are, also while a run is going.
    ListTopics,
    /// Makes a plan of these topics, by name, or of the present selection where there are none: counts, skew and predicted times,
    /// also while a run is going. It reads, and changes nothing on the cluster.
    Plan(Arc<[String]>),
    /// Gives up the plan that is being made.
    StopPlanning,
    /// Selects these topics, by name, for this run and those that follow, and starts it. A run that is going is stopped first.
    Replay(Arc<[String]>),
    /// Handles nothing more until `Resume`; what is in hand is finished.
    Pause,
    /// Goes on after `Pause`.
    Resume,
    /// Stops the run before its end: what is in hand is finished and committed.
    Cancel,
    /// Changes the number of workers, now and for the runs that follow; kreplay no longer finds it by itself.
    SetConcurrency(Concurrency),
    /// Lets kreplay find the number of workers by itself, or no longer, now and for the runs that follow.
    SetAdaptive(bool),
    /// Sets or lifts the most that is handed out in a second, now and for the runs that follow.
    SetRate(Option<RateLimit>),
    /// Decides what becomes of a key in quarantine, by its hash, or of all of them.
    Decide(Decision, Option<u64>),
    /// Decides what becomes of the record that paused the run, and resumes the run.
    DecideRecord(RecordDecision),
    /// Ends the run as `Cancel` does, then the session.
    Shutdown,
}

/// What becomes of a key in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is tried again, in its order.
    Release,
    /// What waits of it goes to the dead letters, and so does what comes later of it in this run.
    DeadLetter,
}

/// What becomes of the record that paused a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordDecision {
    /// It is skipped, and counted as skipped.
    Skip,
    /// It goes to the dead-letter topic; the position passes it when the broker has acknowledged it.
    DeadLetter,
}

/// Sends commands to a session. Clones reach the same one; commands to a session that has ended go nowhere.
#[derive(Clone, Debug)]
pub struct Control {
    sender: std::sync::mpsc::Sender<Command>,
}

impl Control {
    /// A handle, and the end that the session listens on.
    #[must_use]
    pub fn channel() -> (Self, std::sync::mpsc::Receiver<Command>) {
        let (sender, receiver) = std::sync::mpsc::channel();
        (Self { sender }, receiver)
    }

    /// Hands a command over without waiting for its effect, which the feed will show.
    pub fn send(&self, command: Command) {
        // The session has ended: the feed's last snapshot says so, and there is nothing left to command.
        let _ = self.sender.send(command);
    }
}
