//! Presets of the launch form: keeps, lists, loads, and deletes them.

use super::{Effect, ask as ask_question, launch_form, reject, show_message};
use crate::{
    preset_store::PresetKept,
    state::{Asked, Dialog, Preset, PresetChoice, Question, State, StatusKind},
    text::clean,
};

/// Presets are kept from now on.
pub(super) fn allow(state: &mut State) -> Vec<Effect> {
    state.keeps_presets = true;
    Vec::new()
}

/// Asks for the name of a new preset. That of the last one is proposed.
pub(super) fn ask(state: &mut State) {
    let proposed = state.user.launch.preset.as_deref().unwrap_or_default();
    state.user.navigation.dialog = Some(Dialog::prompt(Asked::PresetName, proposed));
}

/// Keeps what the form has under a name. The prompt stays open until it is kept.
pub(super) fn accept_name(state: &mut State, name: &str) -> Vec<Effect> {
    let name = name.trim();
    if let Some(problem) = Preset::problem_with_name(name) {
        reject(state, problem);
        return Vec::new();
    }
    // The preset that the form was loaded from is replaced without a question.
    let replace = state.user.launch.preset.as_deref() == Some(name);
    vec![Effect::KeepPreset { preset: Box::new(Preset::of(name, &state.draft())), replace }]
}

/// Says what became of a preset that was to be kept. Asks if it would replace another one.
pub(super) fn learn_kept(state: &mut State, preset: Preset, kept: Result<PresetKept, String>) -> Vec<Effect> {
    state.stale = true;
    let is_asking = state.asked() == Some(Asked::PresetName);
    match kept {
        Ok(PresetKept::NameTaken) => {
            state.user.launch.asked_preset = Some(preset);
            return ask_question(state, Question::ReplacePreset);
        }
        Ok(PresetKept::Kept) => {
            if is_asking {
                state.user.navigation.dialog = None;
            }
            let masked: Vec<&str> = preset.masked().collect();
            let text = format!("preset {} saved", clean(&preset.name));
            if masked.is_empty() {
                show_message(state, StatusKind::Info, text);
            } else {
                let text = format!("{text} without the secret of {}", clean(&masked.join(", ")));
                show_message(state, StatusKind::Refused, text);
            }
            state.user.launch.preset = Some(preset.name);
        }
        Err(reason) if is_asking => reject(state, reason),
        Err(reason) => show_message(state, StatusKind::Error, reason),
    }
    Vec::new()
}

/// Replaces the preset that the question was about.
pub(super) fn replace(state: &mut State) -> Vec<Effect> {
    let preset = state.user.launch.asked_preset.take();
    preset.map(|preset| vec![Effect::KeepPreset { preset: Box::new(preset), replace: true }]).unwrap_or_default()
}

/// Lists the presets.
pub(super) fn list() -> Vec<Effect> {
    vec![Effect::ListPresets]
}

/// Shows the presets, if the form is still in front.
pub(super) fn learn(state: &mut State, presets: Result<Vec<Preset>, String>) -> Vec<Effect> {
    state.stale = true;
    if !state.fills_form() {
        return Vec::new();
    }
    match presets {
        Ok(presets) if presets.is_empty() => show_message(state, StatusKind::Info, "there are no presets yet"),
        Ok(presets) => {
            let choice = PresetChoice::new(presets, state.user.launch.preset.as_deref());
            state.user.navigation.dialog = Some(Dialog::Presets(choice));
        }
        Err(reason) => show_message(state, StatusKind::Error, reason),
    }
    Vec::new()
}

fn choice(state: &mut State) -> Option<&mut PresetChoice> {
    match &mut state.user.navigation.dialog {
        Some(Dialog::Presets(choice)) => Some(choice),
        _ => None,
    }
}

/// Moves the cursor up (negative) or down.
pub(super) fn scroll(state: &mut State, by: isize) {
    if let Some(choice) = choice(state) {
        choice.step(by);
    }
}

/// Moves the cursor to a preset.
pub(super) fn select(state: &mut State, row: usize) {
    if let Some(choice) = choice(state) {
        choice.select(row);
    }
}

/// Loads the selected preset into the form, and says what was left out.
pub(super) fn load(state: &mut State) {
    let Some(preset) = choice(state).and_then(|choice| choice.selected().cloned()) else { return };
    state.user.navigation.dialog = None;
    let fields = state.launch_options().map(|options| options.fields.clone()).unwrap_or_default();
    let (draft, left_out) = preset.applied_to(&state.draft(), &fields);
    launch_form::replace_draft(state, draft);
    let text = format!("preset {} loaded", clean(&preset.name));
    if left_out.is_empty() {
        show_message(state, StatusKind::Info, text);
    } else {
        let names: Vec<String> = left_out.iter().map(ToString::to_string).collect();
        show_message(state, StatusKind::Error, format!("{text} without {}", clean(&names.join(", "))));
    }
    state.user.launch.preset = Some(preset.name);
}

/// Asks whether the selected preset is to be deleted.
pub(super) fn ask_to_delete(state: &mut State) -> Vec<Effect> {
    let Some(preset) = choice(state).and_then(|choice| choice.selected().cloned()) else { return Vec::new() };
    state.user.launch.asked_preset = Some(preset);
    ask_question(state, Question::DeletePreset)
}

/// Deletes the preset that the question was about.
pub(super) fn delete(state: &mut State) -> Vec<Effect> {
    state.user.launch.asked_preset.take().map(|preset| vec![Effect::DeletePreset(preset.name)]).unwrap_or_default()
}

/// Says whether a preset was deleted, and lists the others.
pub(super) fn learn_deleted(state: &mut State, name: &str, deleted: Result<(), String>) -> Vec<Effect> {
    state.stale = true;
    match deleted {
        Ok(()) => {
            if state.user.launch.preset.as_deref() == Some(name) {
                state.user.launch.preset = None;
            }
            show_message(state, StatusKind::Info, format!("preset {} deleted", clean(name)));
        }
        Err(reason) => show_message(state, StatusKind::Error, reason),
    }
    Vec::new()
}
