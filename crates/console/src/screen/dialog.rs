//! The dialogs: questions and prompts. The input of a filter is drawn by the table that it filters.

use ratatui::buffer::Buffer;

use crate::{
    hit_map::HitMap,
    state::{Dialog, State},
    theme::Theme,
};

mod columns;
mod group_prompt;
mod number_prompt;
mod palette;
mod presets;
mod question;

pub(super) fn render(buf: &mut Buffer, hits: &mut HitMap, dialog: &Dialog, state: &State, theme: &Theme) {
    match dialog {
        Dialog::Ask(question) => question::render(buf, *question, state, theme),
        Dialog::Number { text, error } => number_prompt::render(buf, text, error.as_deref(), state, theme),
        Dialog::Rate { text, error } => number_prompt::rate(buf, text, error.as_deref(), state, theme),
        Dialog::Rehearse { text, error } => number_prompt::rehearse(buf, text, error.as_deref(), state, theme),
        Dialog::Race { text, error } => number_prompt::race(buf, text, error.as_deref(), state, theme),
        Dialog::ChangeValue { choice, text, error } => {
            group_prompt::value(buf, *choice, text, error.as_deref(), state, theme);
        }
        Dialog::ConfirmChange { text, error } => group_prompt::name(buf, text, error.as_deref(), state, theme),
        Dialog::Palette(palette) => palette::render(buf, hits, palette, state, theme),
        Dialog::Columns(choice) => columns::render(buf, hits, *choice, state, theme),
        Dialog::PresetName { text, error } => {
            let ask = ["Save as preset", "Name of the preset", "", "saves"];
            number_prompt::prompt(buf, ask, text, error.as_deref(), state, theme);
        }
        Dialog::Presets(choice) => presets::render(buf, hits, choice, state, theme),
        Dialog::Export { subject, text, error } => {
            number_prompt::export(buf, *subject, text, error.as_deref(), state, theme);
        }
        Dialog::Search(text) => {
            let ask = ["Search", "A text in names and values", "", "searches"];
            number_prompt::prompt(buf, ask, text, None, state, theme);
        }
        Dialog::Filter(_)
        | Dialog::TopicFilter(_)
        | Dialog::GroupFilter(_)
        | Dialog::GroupPartitionFilter(_)
        | Dialog::EventFilter(_)
        | Dialog::HotKeyFilter(_)
        | Dialog::JournalFilter(_)
        | Dialog::HelpFilter(_) => {}
    }
}
