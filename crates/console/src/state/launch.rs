//! The launch form: what the user has chosen for the next run.

use std::{collections::HashSet, time::Duration};

use kreplay_model::control::{FieldProblem, RunField, RunRequest};

use super::{LineInput, ScreenId, State};

mod access;
mod command_line;
mod completion;
mod field;
mod handler_kind;
mod preset;
mod preset_choice;
mod time_counts;

/// How the text of a field is edited and completed.
pub(crate) mod text {
    pub(crate) use super::{
        completion::{common_prefix, completed, typed},
        field::put,
    };
}

pub use access::{LaunchAccess, LaunchOptions};
pub use command_line::CommandLine;
pub use completion::{Candidate, candidates};
pub use field::{Field, FieldKind, FormField, fields};
pub use handler_kind::HandlerKind;
pub use preset::{LeftOut, LeftOutWhy, Preset};
pub use preset_choice::PresetChoice;
pub use time_counts::TimeCountsView;

/// Whether the draft waits to be planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlanWait {
    /// A plan was requested since the last change.
    #[default]
    Nothing,
    /// The draft has changed since the last tick.
    Changed,
    /// The draft has not changed since this time.
    Since(Duration),
}

/// Candidates that `Tab` goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The part of the text that is completed, as it was typed.
    pub typed: String,
    /// The index of the candidate that the text has now.
    pub at: usize,
}

/// What the user has chosen, and where the cursor is. It is kept while the form is closed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LaunchView {
    /// What was chosen; `None` until the form is opened for the first time.
    pub draft: Option<RunRequest>,
    /// The field that has the focus.
    pub focus: FormField,
    /// Its text.
    pub input: LineInput,
    /// The candidates that `Tab` goes through.
    pub cycle: Option<Cycle>,
    /// The number of the draft. It increases with each change.
    pub number: u64,
    /// The number of the last request that was sent; 0 before the first.
    pub asked: u64,
    /// Whether the draft waits to be planned.
    pub wait: PlanWait,
    /// The number of the request that was sent to be started, until it is answered.
    pub starting: Option<u64>,
    /// The name of the preset that was loaded or kept last.
    pub preset: Option<String>,
    /// The preset that a question is about: to be replaced, or deleted.
    pub asked_preset: Option<Preset>,
    /// The records of the chosen topics by time.
    pub time_counts: TimeCountsView,
}

impl State {
    /// What the launch form can choose; `None` if there is none.
    #[must_use]
    pub fn launch_options(&self) -> Option<&LaunchOptions> {
        match &self.launch_access {
            LaunchAccess::Available(options) => Some(options),
            LaunchAccess::Unavailable(_) => None,
        }
    }

    /// The draft of the launch form, or the settings of the process before it was opened.
    #[must_use]
    pub fn draft(&self) -> RunRequest {
        let defaults = || self.launch_options().map(|options| options.defaults.clone()).unwrap_or_default();
        self.user.launch.draft.clone().unwrap_or_else(defaults)
    }

    /// The fields of the launch form.
    #[must_use]
    pub fn launch_fields(&self) -> Vec<Field> {
        let available = self.launch_options().map(|options| options.fields.as_slice()).unwrap_or_default();
        let mut fields = fields(&self.draft(), available);
        let to = fields.iter().position(|field| field.id == FormField::Setting(RunField::To));
        if let Some(to) = to.filter(|_| self.user.launch.time_counts.is_available) {
            fields.insert(to + 1, Field::of_times());
        }
        fields
    }

    /// Whether the records of the chosen topics are shown by time: while their range is filled in.
    #[must_use]
    pub fn shows_time_counts(&self) -> bool {
        let is_range =
            matches!(self.user.launch.focus, FormField::Setting(RunField::From | RunField::To) | FormField::Times);
        is_range && self.user.launch.time_counts.is_available && self.user.navigation.front().screen == ScreenId::Launch
    }

    /// The field of the launch form that has the focus.
    #[must_use]
    pub fn focused_field(&self) -> Option<Field> {
        let focus = self.user.launch.focus;
        self.launch_fields().into_iter().find(|field| field.id == focus)
    }

    /// The problems with the last request that was sent.
    #[must_use]
    pub fn launch_problems(&self) -> &[FieldProblem] {
        let planning = &self.feed.snapshot.planning;
        let is_answer = planning.read == self.user.launch.asked && self.user.launch.asked > 0;
        if is_answer { &planning.refused } else { &[] }
    }

    /// The problem with a field. That of the handler is shown at its name.
    #[must_use]
    pub fn problem_of(&self, field: FormField) -> Option<&str> {
        let FormField::Setting(field) = field else { return None };
        let problem = self.launch_problems().iter().find(|problem| problem.field == Some(field));
        problem.map(|problem| problem.text.as_str())
    }

    /// Whether the last plan is that of the draft.
    #[must_use]
    pub fn plan_is_of_draft(&self) -> bool {
        let view = &self.user.launch;
        view.asked > 0 && view.number == view.asked && self.feed.snapshot.planning.forecast_of == view.asked
    }

    /// Whether the launch form is in front, without a dialog.
    #[must_use]
    pub fn fills_form(&self) -> bool {
        let navigation = &self.user.navigation;
        navigation.dialog.is_none() && navigation.front().screen == ScreenId::Launch
    }

    /// The command line that does what the draft describes; `None` without a launch form.
    #[must_use]
    pub fn launch_command(&self) -> Option<CommandLine> {
        Some(CommandLine::of(self.launch_options()?, &self.draft()))
    }

    /// The candidates for the text of the focused field.
    #[must_use]
    pub fn launch_candidates(&self) -> Vec<Candidate> {
        let view = &self.user.launch;
        let text = match &view.cycle {
            Some(cycle) => cycle.typed.as_str(),
            None => completion::typed(view.focus, view.input.text()),
        };
        candidates(self, view.focus, text)
    }
}

/// The text of a list of topics as a request has it: the names may be separated by spaces or commas.
pub(crate) fn topic_list(text: &str) -> String {
    let names = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|name| !name.is_empty());
    names.collect::<Vec<_>>().join(",")
}

/// The names of the topics of a request, each once.
pub(crate) fn topic_names(request: &RunRequest) -> Vec<&str> {
    let mut seen = HashSet::new();
    request.value(RunField::Topics).split(',').filter(|name| !name.is_empty() && seen.insert(*name)).collect()
}
