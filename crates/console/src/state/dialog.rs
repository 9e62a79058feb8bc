//! Questions and prompts.

use std::sync::Arc;

use kreplay_model::{
    control::{Decision, RecordDecision},
    inspect::RecordId,
};

use super::{ChangeChoice, ColumnChoice, ExportSubject, FilterPrompt, LineInput, Palette, PresetChoice};
use crate::key::Mode;

/// A yes-or-no question.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Apply the decision to the record that paused the run? Another one may pause it before the answer.
    DecideRecord(RecordDecision, RecordId),
    /// Stop the active run and replay these topics? The list may change before the answer.
    ReplayInstead(Arc<[String]>),
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

impl Question {
    /// Whether nothing is left to ask once no run is active.
    #[must_use]
    pub fn needs_active_run(&self) -> bool {
        match self {
            Self::Restart
            | Self::Stop
            | Self::Quit
            | Self::DecideAll(_)
            | Self::DecideKey(..)
            | Self::DecideRecord(..)
            | Self::ReplayInstead(_)
            | Self::LaunchInstead { .. } => true,
            Self::Race | Self::ReplacePreset | Self::DeletePreset | Self::Silence => false,
        }
    }
}

/// What a prompt asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The number of workers.
    Workers,
    /// The rate limit.
    Rate,
    /// The number of partitions that an audit rehearses.
    RehearsedPartitions,
    /// The numbers of workers of a race.
    RaceWorkers,
    /// What a change of a group needs, such as an offset.
    ChangeValue(ChangeChoice),
    /// The name of the group, before its plan is executed.
    GroupName,
    /// The text to search in a record.
    RecordText,
    /// The file that something is exported to.
    ExportFile(ExportSubject),
    /// The name of a preset.
    PresetName,
}

/// A question or prompt in front of the screens. It receives all keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dialog {
    /// A question.
    Ask(Question),
    /// A prompt.
    Prompt {
        /// What it asks for.
        asked: Asked,
        /// The text typed so far.
        text: LineInput,
        /// Why the input was rejected.
        error: Option<String>,
    },
    /// The input of a filter.
    Filter(FilterPrompt),
    /// The palette.
    Palette(Palette),
    /// The choice of columns.
    Columns(ColumnChoice),
    /// The list of presets.
    Presets(PresetChoice),
}

impl Dialog {
    /// A prompt that proposes a text.
    #[must_use]
    pub fn prompt(asked: Asked, proposed: &str) -> Self {
        Self::Prompt { asked, text: LineInput::new(proposed), error: None }
    }

    /// The mode while the dialog is open.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self {
            Self::Ask(_) => Mode::Asking,
            Self::Prompt { .. } | Self::Filter(_) => Mode::Typing,
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

    /// The input of a filter.
    pub(super) fn filter_prompt(&self) -> Option<&FilterPrompt> {
        if let Self::Filter(prompt) = self { Some(prompt) } else { None }
    }

    /// What a prompt asks for.
    #[must_use]
    pub fn asked(&self) -> Option<Asked> {
        if let Self::Prompt { asked, .. } = self { Some(*asked) } else { None }
    }

    /// The text that is being typed. Questions have none.
    #[must_use]
    pub fn input(&self) -> Option<&LineInput> {
        match self {
            Self::Ask(_) | Self::Columns(_) | Self::Presets(_) => None,
            Self::Prompt { text, .. } => Some(text),
            Self::Filter(prompt) => Some(&prompt.input),
            Self::Palette(palette) => Some(&palette.input),
        }
    }

    /// The text that is being typed, to change it.
    pub(crate) fn input_mut(&mut self) -> Option<&mut LineInput> {
        match self {
            Self::Ask(_) | Self::Columns(_) | Self::Presets(_) => None,
            Self::Prompt { text, .. } => Some(text),
            Self::Filter(prompt) => Some(&mut prompt.input),
            Self::Palette(palette) => Some(&mut palette.input),
        }
    }

    /// Shows why the input was rejected, or nothing. Filters show their errors in the footer.
    pub(crate) fn set_error(&mut self, reason: Option<String>) {
        match self {
            Self::Prompt { error, .. } => *error = reason,
            Self::Palette(palette) => palette.error = reason,
            Self::Ask(_) | Self::Columns(_) | Self::Presets(_) | Self::Filter(_) => {}
        }
    }
}
