//! Questions and prompts.

use kreplay_model::control::{Decision, RecordDecision};

use super::ChangeChoice;
use crate::key::Mode;

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
    /// Take no actions on the alerts of a rule for a time?
    Silence,
}

/// A question or prompt in front of the screens. It receives all keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialog {
    /// A question.
    Ask(Question),
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
    /// The prompt for what a change of a group needs, such as an offset.
    ChangeValue {
        /// The change.
        choice: ChangeChoice,
        /// The text typed so far.
        text: String,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The prompt for the name of the group, before its plan is executed.
    ConfirmChange {
        /// The text typed so far.
        text: String,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The input of the partition filter, with its previous value.
    Filter(String),
    /// The input of the topic filter, with its previous value.
    TopicFilter(String),
    /// The input of the filter of the watched groups, with its previous value.
    GroupFilter(String),
    /// The input of the filter of the opened group's partitions, with its previous value.
    GroupPartitionFilter(String),
    /// The input of the filter of the event log, with its previous value.
    EventFilter(String),
    /// The input of the filter of the hot keys, with its previous value.
    HotKeyFilter(String),
    /// The input of the filter of the runs that have a journal, with its previous value.
    JournalFilter(String),
    /// The text to search in a record.
    Search(String),
}

impl Dialog {
    /// The mode while the dialog is open.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self {
            Self::Ask(_) => Mode::Asking,
            Self::Number { .. }
            | Self::Rate { .. }
            | Self::ChangeValue { .. }
            | Self::ConfirmChange { .. }
            | Self::Filter(_)
            | Self::TopicFilter(_)
            | Self::GroupFilter(_)
            | Self::GroupPartitionFilter(_)
            | Self::EventFilter(_)
            | Self::HotKeyFilter(_)
            | Self::JournalFilter(_)
            | Self::Search(_) => Mode::Typing,
        }
    }

    /// Whether it is the input of a filter.
    #[must_use]
    pub fn is_filter(&self) -> bool {
        matches!(
            self,
            Self::Filter(_)
                | Self::TopicFilter(_)
                | Self::GroupFilter(_)
                | Self::GroupPartitionFilter(_)
                | Self::EventFilter(_)
                | Self::HotKeyFilter(_)
                | Self::JournalFilter(_)
        )
    }
}
