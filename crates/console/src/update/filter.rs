//! The filters of pages: their input, and how they are kept, undone and cleared. Drawing keeps the selected row
//! visible, so the scroll position stays.

use super::{focus, show_message};
use crate::{
    layout::Panel,
    screen::{Filters, Screen},
    state::{
        Dialog, EventRow, FilterPrompt, GroupPanel, GroupPartitionRow, GroupRow, HotKeyRow, JournalRow, PartitionRow,
        ScreenId, State, StatusKind, TopicRow,
    },
    table::filter::FilterInput,
};

/// Opens the input of the filter of the page in front, if it has one.
pub(super) fn open(state: &mut State) {
    let front = Screen::of(state.user.navigation.front().screen).filters;
    match front.or_else(|| filters_in_front(state)) {
        Some(Filters::Help) => {
            state.user.navigation.dialog = Some(Dialog::HelpFilter(FilterPrompt::new(&state.user.help_filter)));
        }
        Some(Filters::Topics) => {
            state.user.navigation.dialog =
                Some(Dialog::TopicFilter(FilterPrompt::new(state.user.topics.table.filter.text())));
        }
        Some(Filters::Partitions) => {
            focus(state, Panel::Partitions);
            state.user.navigation.dialog = Some(Dialog::Filter(FilterPrompt::new(state.user.table.filter.text())));
        }
        Some(Filters::Groups) => {
            state.user.navigation.dialog =
                Some(Dialog::GroupFilter(FilterPrompt::new(state.user.watch.groups.filter.text())));
        }
        Some(Filters::GroupPartitions) => {
            state.user.watch.panel = GroupPanel::Partitions;
            let prompt = FilterPrompt::new(state.user.watch.partitions.filter.text());
            state.user.navigation.dialog = Some(Dialog::GroupPartitionFilter(prompt));
        }
        Some(Filters::Events) => {
            let prompt = FilterPrompt::new(state.user.event_log.table.filter.text());
            state.user.navigation.dialog = Some(Dialog::EventFilter(prompt));
        }
        Some(Filters::HotKeys) => {
            state.user.navigation.dialog =
                Some(Dialog::HotKeyFilter(FilterPrompt::new(state.user.hot_keys.filter.text())));
        }
        Some(Filters::Journals) => {
            state.user.navigation.dialog =
                Some(Dialog::JournalFilter(FilterPrompt::new(state.user.journal.filter.text())));
        }
        None => {}
    }
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
    match filters_in_front(state) {
        Some(Filters::Partitions) => try_set(state, text, set_partitions, |state| &state.user.table.filter),
        Some(Filters::Topics) => try_set(state, text, set_topics, |state| &state.user.topics.table.filter),
        Some(Filters::Groups) => try_set(state, text, set_groups, |state| &state.user.watch.groups.filter),
        Some(Filters::GroupPartitions) => {
            try_set(state, text, set_group_partitions, |state| &state.user.watch.partitions.filter)
        }
        Some(Filters::Events) => try_set(state, text, set_events, |state| &state.user.event_log.table.filter),
        Some(Filters::HotKeys) => try_set(state, text, set_hot_keys, |state| &state.user.hot_keys.filter),
        Some(Filters::Journals) => try_set(state, text, set_journals, |state| &state.user.journal.filter),
        Some(Filters::Help) | None => Err("this screen has no filter".to_owned()),
    }
}

fn try_set(
    state: &mut State,
    text: &str,
    set: fn(&mut State, String),
    filter: fn(&State) -> &FilterInput,
) -> Result<(), String> {
    let before = filter(state).text().to_owned();
    set(state, text.to_owned());
    let Some(error) = filter(state).error().map(ToString::to_string) else { return Ok(()) };
    set(state, before);
    Err(error)
}

/// Replaces the text of the partition filter. An error in it is shown in the footer until it is corrected.
pub(super) fn set_partitions(state: &mut State, text: String) {
    state.user.table.set_filter::<PartitionRow<'_>>(text);
    show_error(state, |state| &state.user.table.filter);
}

/// Replaces the text of the topic filter.
pub(super) fn set_topics(state: &mut State, text: String) {
    state.user.topics.table.set_filter::<TopicRow<'_>>(text);
    show_error(state, |state| &state.user.topics.table.filter);
}

/// Replaces the text of the filter of watched groups.
pub(super) fn set_groups(state: &mut State, text: String) {
    state.user.watch.groups.set_filter::<GroupRow<'_>>(text);
    show_error(state, |state| &state.user.watch.groups.filter);
}

/// Replaces the text of the filter of the opened group's partitions.
pub(super) fn set_group_partitions(state: &mut State, text: String) {
    state.user.watch.partitions.set_filter::<GroupPartitionRow<'_>>(text);
    show_error(state, |state| &state.user.watch.partitions.filter);
}

/// Replaces the text of the filter of the event log.
pub(super) fn set_events(state: &mut State, text: String) {
    state.user.event_log.table.set_filter::<EventRow<'_>>(text);
    show_error(state, |state| &state.user.event_log.table.filter);
}

/// Replaces the text of the filter of the hot keys.
pub(super) fn set_hot_keys(state: &mut State, text: String) {
    state.user.hot_keys.set_filter::<HotKeyRow<'_>>(text);
    show_error(state, |state| &state.user.hot_keys.filter);
}

/// Replaces the text of the filter of the runs that have a journal.
pub(super) fn set_journals(state: &mut State, text: String) {
    state.user.journal.set_filter::<JournalRow<'_>>(text);
    show_error(state, |state| &state.user.journal.filter);
}

/// Replaces the words that the help shows, from its beginning.
pub(super) fn set_help(state: &mut State, text: String) {
    state.user.help_filter = text;
    if let Some(place) = state.user.navigation.place_mut(ScreenId::Help) {
        place.scroll = 0;
    }
}

/// Closes the input. One with an error stays open.
pub(super) fn accept(state: &mut State, filter: fn(&State) -> &FilterInput) {
    if filter(state).error().is_some() {
        show_error(state, filter);
    } else {
        state.user.navigation.dialog = None;
    }
}

/// Restores what a dialog has changed.
pub(super) fn withdraw(state: &mut State, dialog: Dialog) {
    match dialog {
        Dialog::Filter(prompt) => set_partitions(state, prompt.before),
        Dialog::TopicFilter(prompt) => set_topics(state, prompt.before),
        Dialog::GroupFilter(prompt) => set_groups(state, prompt.before),
        Dialog::GroupPartitionFilter(prompt) => set_group_partitions(state, prompt.before),
        Dialog::EventFilter(prompt) => set_events(state, prompt.before),
        Dialog::HotKeyFilter(prompt) => set_hot_keys(state, prompt.before),
        Dialog::JournalFilter(prompt) => set_journals(state, prompt.before),
        Dialog::HelpFilter(prompt) => set_help(state, prompt.before),
        Dialog::Ask(_)
        | Dialog::Number { .. }
        | Dialog::Rate { .. }
        | Dialog::Rehearse { .. }
        | Dialog::Race { .. }
        | Dialog::ChangeValue { .. }
        | Dialog::ConfirmChange { .. }
        | Dialog::Palette(_)
        | Dialog::Search(_)
        | Dialog::Export { .. }
        | Dialog::PresetName { .. }
        | Dialog::Presets(_)
        | Dialog::Columns(_) => {}
    }
}

/// Clears a filter. Returns whether there was one.
pub(super) fn clear(state: &mut State, filters: Option<Filters>) -> bool {
    let (filter, set): (&FilterInput, fn(&mut State, String)) = match filters {
        Some(Filters::Partitions) => (&state.user.table.filter, set_partitions),
        Some(Filters::Topics) => (&state.user.topics.table.filter, set_topics),
        Some(Filters::GroupPartitions) => (&state.user.watch.partitions.filter, set_group_partitions),
        Some(Filters::Groups) => (&state.user.watch.groups.filter, set_groups),
        Some(Filters::Events) => (&state.user.event_log.table.filter, set_events),
        Some(Filters::HotKeys) => (&state.user.hot_keys.filter, set_hot_keys),
        Some(Filters::Journals) => (&state.user.journal.filter, set_journals),
        Some(Filters::Help) => return !std::mem::take(&mut state.user.help_filter).is_empty(),
        None => return false,
    };
    let had_one = !filter.is_empty();
    set(state, String::new());
    had_one
}

fn show_error(state: &mut State, filter: fn(&State) -> &FilterInput) {
    match filter(state).error().map(ToString::to_string) {
        Some(error) => show_message(state, StatusKind::Refused, error),
        None => drop(state.user.status.take_if(|status| status.kind == StatusKind::Refused)),
    }
}
