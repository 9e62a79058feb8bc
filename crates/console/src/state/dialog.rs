//! Questions and prompts.

use kreplay_model::control::{Decision, RecordDecision};

use super::{ChangeChoice, ColumnChoice, ExportSubject, LineInput, Palette, PresetChoice};
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
    /// Run with effects several times, in a race?
    Race,
    /// Stop the active run and start that of the launch form?
    LaunchInstead {
        /// Whether it is a dry run.
        dry_run: bool,
    },
    /// Replace the preset that has the name?
    ReplacePreset,
    /// Delete the preset?
    DeletePreset,
    /// Take no actions on the alerts of a rule for a time?
    Silence,
}

/// The input of a filter. The filter itself is in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterPrompt {
    /// The filter before the prompt was opened.
    pub before: String,
    /// The text typed so far.
    pub input: LineInput,
}

impl FilterPrompt {
    /// A prompt to change a filter.
    #[must_use]
    pub fn new(filter: &str) -> Self {
        Self { before: filter.to_owned(), input: LineInput::new(filter) }
    }
}

/// A question or prompt in front of the screens. It receives all keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialog {
    /// A question.
    Ask(Question),
    /// The prompt for the number of workers.
    Number {
        /// The text typed so far.
        text: LineInput,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The prompt for the rate limit.
    Rate {
        /// The text typed so far.
        text: LineInput,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The prompt for the number of partitions that an audit rehearses.
    Rehearse {
        /// The text typed so far.
        text: LineInput,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The prompt for the numbers of workers of a race.
    Race {
        /// The text typed so far.
        text: LineInput,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The prompt for what a change of a group needs, such as an offset.
    ChangeValue {
        /// The change.
        choice: ChangeChoice,
        /// The text typed so far.
        text: LineInput,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The prompt for the name of the group, before its plan is executed.
    ConfirmChange {
        /// The text typed so far.
        text: LineInput,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The input of the partition filter.
    Filter(FilterPrompt),
    /// The input of the topic filter.
    TopicFilter(FilterPrompt),
    /// The input of the filter of the watched groups.
    GroupFilter(FilterPrompt),
    /// The input of the filter of the opened group's partitions.
    GroupPartitionFilter(FilterPrompt),
    /// The input of the filter of the event log.
    EventFilter(FilterPrompt),
    /// The input of the filter of the hot keys.
    HotKeyFilter(FilterPrompt),
    /// The input of the filter of the runs that have a journal.
    JournalFilter(FilterPrompt),
    /// The text to search in a record.
    Search(LineInput),
    /// The input of the filter of the help.
    HelpFilter(FilterPrompt),
    /// The palette.
    Palette(Palette),
    /// The prompt for the file that something is exported to.
    Export {
        /// What is exported.
        subject: ExportSubject,
        /// The text typed so far.
        text: LineInput,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The choice of columns.
    Columns(ColumnChoice),
    /// The prompt for the name of a preset.
    PresetName {
        /// The text typed so far.
        text: LineInput,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The list of presets.
    Presets(PresetChoice),
}

impl Dialog {
    /// The mode while the dialog is open.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self {
            Self::Ask(_) => Mode::Asking,
            Self::Number { .. }
            | Self::Rate { .. }
            | Self::Rehearse { .. }
            | Self::Race { .. }
            | Self::ChangeValue { .. }
            | Self::ConfirmChange { .. }
            | Self::Filter(_)
            | Self::TopicFilter(_)
            | Self::GroupFilter(_)
            | Self::GroupPartitionFilter(_)
            | Self::EventFilter(_)
            | Self::HotKeyFilter(_)
            | Self::JournalFilter(_)
            | Self::HelpFilter(_)
            | Self::Search(_)
            | Self::PresetName { .. }
            | Self::Export { .. } => Mode::Typing,
            Self::Palette(_) => Mode::Palette,
            Self::Columns(_) => Mode::Columns,
            Self::Presets(_) => Mode::Presets,
        }
    }

    /// Whether it is the input of a filter.
    #[must_use]
    pub fn is_filter(&self) -> bool {
        self.filter_prompt().is_some()
    }

    fn filter_prompt(&self) -> Option<&FilterPrompt> {
        match self {
            Self::Filter(prompt)
            | Self::TopicFilter(prompt)
            | Self::GroupFilter(prompt)
            | Self::GroupPartitionFilter(prompt)
            | Self::EventFilter(prompt)
            | Self::HotKeyFilter(prompt)
            | Self::JournalFilter(prompt)
            | Self::HelpFilter(prompt) => Some(prompt),
            _ => None,
        }
    }

    /// The text that is being typed. Questions have none.
    #[must_use]
    pub fn input(&self) -> Option<&LineInput> {
        match self {
            Self::Ask(_) | Self::Columns(_) | Self::Presets(_) => None,
            Self::Number { text, .. }
            | Self::Rate { text, .. }
            | Self::Rehearse { text, .. }
            | Self::Race { text, .. }
            | Self::ChangeValue { text, .. }
            | Self::ConfirmChange { text, .. }
            | Self::PresetName { text, .. }
            | Self::Export { text, .. }
            | Self::Search(text) => Some(text),
            Self::Filter(prompt)
            | Self::TopicFilter(prompt)
            | Self::GroupFilter(prompt)
            | Self::GroupPartitionFilter(prompt)
            | Self::EventFilter(prompt)
            | Self::HotKeyFilter(prompt)
            | Self::JournalFilter(prompt)
            | Self::HelpFilter(prompt) => Some(&prompt.input),
            Self::Palette(palette) => Some(&palette.input),
        }
    }

    /// The text that is being typed, to change it.
    pub(crate) fn input_mut(&mut self) -> Option<&mut LineInput> {
        match self {
            Self::Ask(_) | Self::Columns(_) | Self::Presets(_) => None,
            Self::Number { text, .. }
            | Self::Rate { text, .. }
            | Self::Rehearse { text, .. }
            | Self::Race { text, .. }
            | Self::ChangeValue { text, .. }
            | Self::ConfirmChange { text, .. }
            | Self::PresetName { text, .. }
            | Self::Export { text, .. }
            | Self::Search(text) => Some(text),
            Self::Filter(prompt)
            | Self::TopicFilter(prompt)
            | Self::GroupFilter(prompt)
            | Self::GroupPartitionFilter(prompt)
            | Self::EventFilter(prompt)
            | Self::HotKeyFilter(prompt)
            | Self::JournalFilter(prompt)
            | Self::HelpFilter(prompt) => Some(&mut prompt.input),
            Self::Palette(palette) => Some(&mut palette.input),
        }
    }

    /// Shows why the input was rejected, or nothing. Filters show their errors in the footer.
    pub(crate) fn set_error(&mut self, reason: Option<String>) {
        match self {
            Self::Number { error, .. }
            | Self::Rate { error, .. }
            | Self::Rehearse { error, .. }
            | Self::Race { error, .. }
            | Self::ChangeValue { error, .. }
            | Self::ConfirmChange { error, .. }
            | Self::PresetName { error, .. }
            | Self::Export { error, .. } => *error = reason,
            Self::Palette(palette) => palette.error = reason,
            Self::Ask(_)
            | Self::Columns(_)
            | Self::Presets(_)
            | Self::Filter(_)
            | Self::TopicFilter(_)
            | Self::GroupFilter(_)
            | Self::GroupPartitionFilter(_)
            | Self::EventFilter(_)
            | Self::HotKeyFilter(_)
            | Self::JournalFilter(_)
            | Self::HelpFilter(_)
            | Self::Search(_) => {}
        }
    }
}
