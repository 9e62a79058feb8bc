//! What a session needs, and how it ends.

use std::time::Duration;

use super::{JournalOptions, Settings};
use crate::{
    feed::RunView,
    kafka::{GroupProtocol, KafkaConfig},
    plan::{Scope, Selection},
};

/// What a session needs.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "independent switches, each named where it is set")]
pub struct SessionOptions {
    /// The cluster.
    pub kafka: KafkaConfig,
    /// Whether that is the embedded broker.
    pub embedded: bool,
    /// What to read; `None` until somebody chooses, among the topics that the session then lists.
    pub selection: Option<Selection>,
    /// What is read of topics that somebody chooses later.
    pub scope: Scope,
    /// How.
    pub settings: Settings,
    /// Which group protocol to speak.
    pub protocol: GroupProtocol,
    /// Each run after the first gets a group of its own, by number: where records are replayed again and again, as in the demo.
    pub group_per_run: bool,
    /// How long to wait for the cluster when a plan is made.
    pub timeout: Duration,
    /// Start the first run at once, or list the topics where none are selected.
    pub start: bool,
    /// End when the first run is over, or cannot be started.
    pub one_run: bool,
    /// Journals of the runs; `None` leaves nothing behind, and nothing can be resumed.
    pub journal: Option<JournalOptions>,
}

/// How a session ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionEnd {
    /// The last run, if there was one.
    pub run: Option<RunView>,
    /// What kept the last run from being started, if anything did.
    pub problem: Option<Problem>,
    /// The last run has failed because something wrong was asked for, as its handler found out.
    pub wrong_usage: bool,
    /// The last run's id, where it was stopped before its end and can go on from its journal.
    pub resumable: Option<String>,
}

/// Why a run cannot be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// One sentence.
    pub text: String,
    /// Whether what was asked for is wrong, rather than the cluster out of reach.
    pub usage: bool,
}
