//! The prompts of a change of a group: what it needs, such as an offset, and the name of the group.

use kreplay_model::{domain::printable, watch::GroupChangeStep};
use ratatui::buffer::Buffer;

use super::number_prompt::{prompt, prompt_below};
use crate::{
    screen::change::plan_total,
    state::{ChangeChoice, ChangePhase, LineInput, State},
    text::shorten,
    theme::Theme,
};

/// The widest name that fits beside the question.
const MAX_NAME_CELLS: usize = 30;

/// The prompt for what a change needs.
pub(super) fn value(
    buf: &mut Buffer,
    choice: ChangeChoice,
    text: &LineInput,
    error: Option<&str>,
    state: &State,
    theme: &Theme,
) {
    let ask = choice.asks_for().unwrap_or_default();
    prompt(buf, ["Change a group", ask, "", "shows the plan"], text, error, state, theme);
}

/// The prompt for the name of the group, before its plan is executed: below what the plan changes.
pub(super) fn name(buf: &mut Buffer, text: &LineInput, error: Option<&str>, state: &State, theme: &Theme) {
    let group = printable(state.group_to_change().unwrap_or_default());
    let group = shorten(&group, MAX_NAME_CELLS);
    let ask = "Type the group's name to execute:";
    let about = match state.change_phase() {
        ChangePhase::Answered(asked, GroupChangeStep::Planned(plan)) => {
            vec![asked.request.change.to_string(), plan_total(plan)]
        }
        _ => Vec::new(),
    };
    prompt_below(buf, &about, ["Execute the plan?", ask, &group, "executes"], text, error, state, theme);
}
