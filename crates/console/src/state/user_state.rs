//! What the user did: selection, scroll positions, open windows, prompts, and filters.

use kreplay_model::control::{Decision, RecordDecision};

use super::{LogView, Pending, Status, Table, Topics};
use crate::layout::Panel;

/// A yes-or-no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Stop the active run and start it again?
    Restart,
    /// Stop the run before its end?
    Stop,
    /// Stop the run and quit?
    Quit,
    /// Apply the decision to all quarantined keys?
    DecideAll(Decision),
    /// Apply the decision to one quarantined key, by its hash?
    DecideKey(Decision, u64),
    /// Apply the decision to the record that paused the run?
    DecideRecord(RecordDecision),
    /// Stop the active run and replay the chosen topics?
    ReplayInstead,
}

/// A window or prompt in front of the dashboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overlay {
    /// The help, with its scroll offset in lines.
    Help(usize),
    /// The comparison of this session's runs, with its scroll offset in lines.
    Compare(usize),
    /// The plan, with its scroll offset in lines.
    Plan(usize),
    /// The details of the selected partition.
    Details,
    /// The selected event, with its scroll offset in lines.
    Event(usize),
    /// The record that paused the run.
    FailedRecord,
    /// The details of the run, with the scroll offset in lines.
    Run(usize),
    /// The prompt for the number of workers.
    Number {
        /// The text typed so far.
        text: String,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The prompt for the rate limit.
    Rate {
        /// The text typed so far.
        text: String,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The input of the partition filter, with its previous value.
    Filter(String),
    /// The input of the topic filter, with its previous value.
    TopicFilter(String),
    /// The quarantined keys, with the hash of the selected one.
    Quarantine(Option<u64>),
    /// A question.
    Ask(Question),
}

/// What the user did. It holds nothing that the feed said, except names of what is selected.
#[derive(Clone, Debug, PartialEq)]
pub struct UserState {
    /// The event panel.
    pub log: LogView,
    /// The partition table.
    pub table: Table,
    /// The index of the first worker shown.
    pub workers_from: usize,
    /// The panel that has the focus.
    pub focus: Panel,
    /// The panel shown below the partitions on a small screen.
    pub side: Panel,
    /// The topic list, a window between the dashboard and the overlay.
    pub topics: Topics,
    /// The window or prompt in front.
    pub overlay: Option<Overlay>,
    /// The message in the footer.
    pub status: Option<Status>,
    /// A change of concurrency that no snapshot shows yet.
    pub pending: Option<Pending>,
}

impl Default for UserState {
    fn default() -> Self {
        Self {
            log: LogView::default(),
            table: Table::default(),
            workers_from: 0,
            focus: Panel::Partitions,
            side: Panel::Events,
            topics: Topics::default(),
            overlay: None,
            status: None,
            pending: None,
        }
    }
}
