//! The dialogs: questions and prompts. The input of a filter is drawn by the table that it filters.

use ratatui::buffer::Buffer;

use crate::{
    hit_map::HitMap,
    state::{Asked, Dialog, LineInput, State},
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
        Dialog::Ask(question) => question::render(buf, question, state, theme),
        Dialog::Prompt { asked, text, error } => prompt(buf, *asked, text, error.as_deref(), state, theme),
        Dialog::Palette(palette) => palette::render(buf, hits, palette, state, theme),
        Dialog::Columns(choice) => columns::render(buf, hits, *choice, state, theme),
        Dialog::Presets(choice) => presets::render(buf, hits, choice, state, theme),
        Dialog::Filter(_) => {}
    }
}

fn prompt(buf: &mut Buffer, asked: Asked, text: &LineInput, error: Option<&str>, state: &State, theme: &Theme) {
    match asked {
        Asked::Workers => number_prompt::render(buf, text, error, state, theme),
        Asked::Rate => number_prompt::rate(buf, text, error, state, theme),
        Asked::RehearsedPartitions => number_prompt::rehearse(buf, text, error, state, theme),
        Asked::RaceWorkers => number_prompt::race(buf, text, error, state, theme),
        Asked::ChangeValue(choice) => group_prompt::value(buf, choice, text, error, state, theme),
        Asked::GroupName => group_prompt::name(buf, text, error, state, theme),
        Asked::RecordText => {
            let ask = ["Search", "A text in names and values", "", "searches"];
            number_prompt::prompt(buf, ask, text, error, state, theme);
        }
        Asked::ExportFile(subject) => number_prompt::export(buf, subject, text, error, state, theme),
        Asked::PresetName => {
            let ask = ["Save as preset", "Name of the preset", "", "saves"];
            number_prompt::prompt(buf, ask, text, error, state, theme);
        }
    }
}
