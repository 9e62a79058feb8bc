//! The filters of pages: their input, and how they are kept, undone and cleared. Drawing keeps the selected row
//! visible, so the scroll position stays.

use super::{focus, show_message};
use crate::{
    layout::Panel,
    screen::Screen,
    state::{
        Dialog, EventRow, FilterPrompt, Filters, GroupPanel, GroupPartitionRow, GroupRow, HotKeyRow, JournalRow,
        PartitionRow, ScreenId, State, StatusKind, TopicRow,
    },
    table::filter::FilterInput,
};

/// Opens the input of the filter of the page in front, if it has one.
pub(super) fn open(state: &mut State) {
    let front = Screen::of(state.user.navigation.front().screen).filters;
    let Some(filters) = front.or_else(|| filters_in_front(state)) else { return };
    match filters {
        Filters::Partitions => focus(state, Panel::Partitions),
        Filters::GroupPartitions => state.user.watch.panel = GroupPanel::Partitions,
        _ => {}
    }
    let prompt = FilterPrompt::new(filters, state.filter_text(filters));
    state.user.navigation.dialog = Some(Dialog::Filter(prompt));
}

/// What the filter of the page in front hides, if it has one.
fn filters_in_front(state: &State) -> Option<Filters> {
    Screen::of(state.user.navigation.front_page()).filters
}

/// Replaces the filter of the page in front.
///
/// # Errors
/// Why the text is not a filter, or that the page has none. The filter stays as it was.
pub(super) fn replace(state: &mut State, text: &str) -> Result<(), String> {
    let filters = filters_in_front(state).filter(|filters| *filters != Filters::Help);
    let Some(filters) = filters else { return Err("this screen has no filter".to_owned()) };
    let before = state.filter_text(filters).to_owned();
    set(state, filters, text.to_owned());
    let Some(error) = error(state, filters) else { return Ok(()) };
    set(state, filters, before);
    Err(error)
}

/// Replaces the text of a filter. An error in it is shown in the footer until it is corrected. The help begins at its
/// top.
pub(super) fn set(state: &mut State, filters: Filters, text: String) {
    let user = &mut state.user;
    match filters {
        Filters::Partitions => user.table.set_filter::<PartitionRow<'_>>(text),
        Filters::Topics => user.topics.table.set_filter::<TopicRow<'_>>(text),
        Filters::Groups => user.watch.groups.set_filter::<GroupRow<'_>>(text),
        Filters::GroupPartitions => user.watch.partitions.set_filter::<GroupPartitionRow<'_>>(text),
        Filters::Events => user.event_log.table.set_filter::<EventRow<'_>>(text),
        Filters::HotKeys => user.hot_keys.set_filter::<HotKeyRow<'_>>(text),
        Filters::Journals => user.journal.set_filter::<JournalRow<'_>>(text),
        Filters::Help => {
            user.help_filter = text;
            if let Some(place) = user.navigation.place_mut(ScreenId::Help) {
                place.scroll = 0;
            }
            return;
        }
    }
    show_error(state, filters);
}

/// Closes the input. One with an error stays open.
pub(super) fn accept(state: &mut State, filters: Filters) {
    if error(state, filters).is_some() {
        show_error(state, filters);
    } else {
        state.user.navigation.dialog = None;
    }
}

/// Restores what a dialog has changed.
pub(super) fn withdraw(state: &mut State, dialog: Dialog) {
    if let Dialog::Filter(prompt) = dialog {
        set(state, prompt.filters, prompt.before);
    }
}

/// Clears a filter. Returns whether there was one.
pub(super) fn clear(state: &mut State, filters: Option<Filters>) -> bool {
    let Some(filters) = filters else { return false };
    if filters == Filters::Help {
        return !std::mem::take(&mut state.user.help_filter).is_empty();
    }
    let had_one = !state.table_filter(filters).is_none_or(FilterInput::is_empty);
    set(state, filters, String::new());
    had_one
}

/// Why the text of a filter is not one.
fn error(state: &State, filters: Filters) -> Option<String> {
    state.table_filter(filters)?.error().map(ToString::to_string)
}

fn show_error(state: &mut State, filters: Filters) {
    match error(state, filters) {
        Some(error) => show_message(state, StatusKind::Refused, error),
        None => drop(state.user.status.take_if(|status| status.kind == StatusKind::Refused)),
    }
}
