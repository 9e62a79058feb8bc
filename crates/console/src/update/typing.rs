//! Text input of prompts, filters, and the palette.

use super::{filter, launch_form};
use crate::{
    key::Key,
    palette::typed,
    state::{Dialog, Edit, LineInput, State},
};

pub(super) fn press(state: &mut State, key: Key) {
    if let Some(c) = key.text() {
        insert(state, c.encode_utf8(&mut [0; 4]));
    }
}

/// Inserts a text that was typed or pasted. What follows from it is found once, not for each character.
pub(super) fn insert(state: &mut State, text: &str) {
    let chosen = |state: &mut State, c| state.fills_form() && launch_form::choose_by_letter(state, c);
    let text: String = text.chars().filter(|c| !chosen(state, *c)).collect();
    if !text.is_empty() {
        change(state, |input| text.chars().for_each(|c| input.insert(c)));
    }
}

/// Makes a step of editing.
pub(super) fn edit(state: &mut State, edit: Edit) {
    if launch_form::is_on_chart(state) {
        return launch_form::edit_chart(state, edit);
    }
    change(state, |input| input.edit(edit));
}

/// Changes the input, and what follows from its text.
pub(super) fn change(state: &mut State, change: impl FnOnce(&mut LineInput)) {
    if state.fills_form() {
        return launch_form::change(state, change);
    }
    let Some(dialog) = &mut state.user.navigation.dialog else { return };
    let Some(input) = dialog.input_mut() else { return };
    change(input);
    let text = input.text().to_owned();
    dialog.set_error(None);
    match dialog {
        Dialog::Filter(prompt) => {
            let filters = prompt.filters;
            filter::set(state, filters, text);
        }
        Dialog::Palette(palette) => palette.search(typed(&text)),
        Dialog::Ask(_) | Dialog::Prompt { .. } | Dialog::Presets(_) | Dialog::Columns(_) => {}
    }
}
