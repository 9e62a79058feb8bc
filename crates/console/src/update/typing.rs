//! Text input of prompts, filters, and the palette.

use super::{filter, launch_form};
use crate::{
    key::Key,
    palette::typed,
    state::{Dialog, Edit, LineInput, State},
};

pub(super) fn press(state: &mut State, key: Key) {
    if let Some(c) = key.text() {
        insert(state, c);
    }
}

pub(super) fn insert(state: &mut State, c: char) {
    if state.fills_form() && launch_form::choose_by_letter(state, c) {
        return;
    }
    change(state, |input| input.insert(c));
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
