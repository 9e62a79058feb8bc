//! Looks at a record: asks for it, folds its value, searches in it, and decides about it.

use kreplay_model::{
    control::{Decision, RecordDecision},
    inspect::{InspectCommand, Inspection},
};

use super::{Effect, ask, failed_record, quarantine, show_message};
use crate::{
    number,
    record::{Format, Hit, SearchStep, Shown},
    state::{Asked, Dialog, Question, ScreenId, Scrollable, State, StatusKind},
    text::{clean, shorten},
};

/// Maximum width of a searched text in a message, in cells.
const MAX_SEARCH_CELLS: usize = 30;

/// Notes that records can be read.
pub(super) fn allow(state: &mut State) -> Vec<Effect> {
    state.user.inspect.is_available = true;
    state.stale = true;
    Vec::new()
}

/// Opens the window of the selected record, and asks for it.
pub(super) fn open_selected(state: &mut State) -> Vec<Effect> {
    let Ok(id) = state.record_to_inspect() else { return Vec::new() };
    let number = state.user.inspect.ask(id.clone());
    state.user.navigation.open(ScreenId::Record);
    vec![Effect::Inspect(InspectCommand::Read { number, id })]
}

/// Takes an answer.
pub(super) fn learn(state: &mut State, answer: &Inspection) -> Vec<Effect> {
    state.user.inspect.learn(answer);
    state.stale = true;
    Vec::new()
}

/// Stops reading if the window in front is closed before the answer.
pub(super) fn stop_before_close(state: &State) -> Vec<Effect> {
    let navigation = &state.user.navigation;
    let closes = navigation.dialog.is_none() && navigation.front().screen == ScreenId::Record;
    if closes && state.user.inspect.is_reading() { vec![Effect::Inspect(InspectCommand::Stop)] } else { Vec::new() }
}

/// Moves the cursor.
pub(super) fn scroll(state: &mut State, by: isize) {
    let last = state.record_lines().len().saturating_sub(1);
    let cursor = state.user.inspect.cursor.min(last).saturating_add_signed(by).min(last);
    move_to(state, cursor);
}

/// Moves the cursor to a line.
pub(super) fn select(state: &mut State, line: usize) {
    scroll(state, 0);
    let last = state.record_lines().len().saturating_sub(1);
    move_to(state, line.min(last));
}

/// Moves the cursor, and scrolls so that it stays visible. Before the first frame, drawing alone does so.
fn move_to(state: &mut State, cursor: usize) {
    let page = state.extents.page(Scrollable::Screen(ScreenId::Record));
    let view = &mut state.user.inspect;
    view.cursor = cursor;
    if let Some(page) = page {
        view.first = view.first.clamp((cursor + 1).saturating_sub(page), cursor);
    }
}

pub(super) fn toggle_fold(state: &mut State) {
    let Some(index) = selected_node(state) else { return };
    let is_open =
        state.user.inspect.tree.as_deref().is_some_and(|tree| state.user.inspect.folding.is_open(tree, index));
    set_open(state, index, !is_open);
}

/// Folds the selected value. If it is folded already, or cannot be, what contains it is selected.
pub(super) fn fold(state: &mut State) {
    let Some((index, tree)) = selected_node(state).zip(state.user.inspect.tree.clone()) else { return };
    let Some(node) = tree.node(index) else { return };
    if node.is_foldable() && state.user.inspect.folding.is_open(&tree, index) {
        set_open(state, index, false);
    } else if let Some(parent) = node.parent {
        go_to(state, Hit::Node(parent));
    }
}

pub(super) fn unfold(state: &mut State) {
    if let Some(index) = selected_node(state) {
        set_open(state, index, true);
    }
}

/// Folds or opens a level. The cursor stays on its value, or on what contains it.
pub(super) fn step_level(state: &mut State, open: bool) {
    let Some(tree) = state.user.inspect.tree.clone() else { return };
    let mut selected = selected_node(state);
    state.user.inspect.folding.step_level(&tree, open);
    while let Some(index) = selected {
        if state.user.inspect.folding.visible(&tree).any(|one| one == index) {
            return go_to(state, Hit::Node(index));
        }
        selected = tree.node(index).and_then(|node| node.parent);
    }
    scroll(state, 0);
}

/// Shows the value as hex, or decoded again.
pub(super) fn toggle_hex(state: &mut State) {
    let view = &mut state.user.inspect;
    view.format = match view.format {
        Format::Decoded => Format::Hex,
        Format::Hex => Format::Decoded,
    };
    let first = state.record_lines().iter().position(|line| line.node().is_some() || line.bytes().is_some());
    state.user.inspect.first = 0;
    move_to(state, first.unwrap_or(0));
}

/// Opens the prompt for a text, with the last one.
pub(super) fn ask_for_search(state: &mut State) {
    state.user.navigation.dialog = Some(Dialog::prompt(Asked::RecordText, &state.user.inspect.search));
}

/// Searches a text from the cursor on.
pub(super) fn search(state: &mut State, text: String) {
    state.user.navigation.dialog = None;
    let is_empty = text.is_empty();
    state.user.inspect.search = text;
    if !is_empty {
        go_to_match(state, SearchStep::FromHere);
    }
}

/// Goes to a place of the searched text.
pub(super) fn go_to_match(state: &mut State, step: SearchStep) {
    let wanted = state.user.inspect.search.clone();
    let lines = state.record_lines();
    let Some(hits) = state.shown_record(None).map(|shown| shown.find(&wanted)) else { return };
    let Some(hit) = Shown::step(&hits, lines.get(state.user.inspect.cursor), step) else {
        let text = format!("`{}` is not in the value", shorten(&clean(&wanted), MAX_SEARCH_CELLS));
        return show_message(state, StatusKind::Refused, text);
    };
    go_to(state, hit);
    let at = hits.iter().position(|one| *one == hit).map_or(0, |at| at + 1);
    let count = |count: usize| number::count(count as u64);
    show_message(state, StatusKind::Info, format!("place {} of {}", count(at), count(hits.len())));
}

/// Moves the cursor to a place in the value. What contains it is opened.
fn go_to(state: &mut State, hit: Hit) {
    if let (Hit::Node(index), Some(tree)) = (hit, state.user.inspect.tree.clone()) {
        state.user.inspect.folding.reveal(&tree, index);
    }
    if let Some(line) = Shown::line_of(&state.record_lines(), hit) {
        move_to(state, line);
    }
}

fn set_open(state: &mut State, index: usize, open: bool) {
    if let Some(tree) = state.user.inspect.tree.clone() {
        state.user.inspect.folding.set_open(&tree, index, open);
        go_to(state, Hit::Node(index));
    }
}

fn selected_node(state: &State) -> Option<usize> {
    state.record_lines().get(state.user.inspect.cursor)?.node()
}

/// Retries the record that paused the run, or releases the key that waits with the record.
pub(super) fn retry(state: &mut State) -> Vec<Effect> {
    if state.inspects_paused_record() {
        return failed_record::retry(state);
    }
    match state.inspected_key().map(|key| key.hash) {
        Some(hash) => quarantine::send_key(state, Decision::Release, hash),
        None => Vec::new(),
    }
}

/// Asks before dead-lettering the record that paused the run, or the key that waits with the record.
pub(super) fn dead_letter(state: &mut State) -> Vec<Effect> {
    if state.inspects_paused_record() {
        return failed_record::decide(state, RecordDecision::DeadLetter);
    }
    match state.inspected_key().map(|key| key.hash) {
        Some(hash) => ask(state, Question::DecideKey(Decision::DeadLetter, hash)),
        None => Vec::new(),
    }
}

#[cfg(test)]
#[path = "inspect_test.rs"]
mod tests;
