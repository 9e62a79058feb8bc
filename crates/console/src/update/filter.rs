//! The filters of pages: their input, and how they are kept, undone and cleared. Drawing keeps the selected row
//! visible, so the scroll position stays.

use super::{focus, show_message};
use crate::{
    layout::Panel,
    screen::{Filters, Screen},
    state::{
        Dialog, EventRow, GroupPanel, GroupPartitionRow, GroupRow, HotKeyRow, JournalRow, Layer, PartitionRow, State,
        StatusKind, TopicRow,
    },
    table::filter::FilterInput,
};

/// Opens the input of the filter of the page in front, if it has one.
pub(super) fn open(state: &mut State) {
    let page = state.user.navigation.places().filter(|place| place.screen.layer() == Layer::Page).last();
    match page.and_then(|page| Screen::of(page.screen).filters) {
        Some(Filters::Topics) => {
            state.user.navigation.dialog = Some(Dialog::TopicFilter(state.user.topics.table.filter.text().to_owned()));
        }
        Some(Filters::Partitions) => {
            focus(state, Panel::Partitions);
            state.user.navigation.dialog = Some(Dialog::Filter(state.user.table.filter.text().to_owned()));
        }
        Some(Filters::Groups) => {
            state.user.navigation.dialog = Some(Dialog::GroupFilter(state.user.watch.groups.filter.text().to_owned()));
        }
        Some(Filters::GroupPartitions) => {
            state.user.watch.panel = GroupPanel::Partitions;
            let before = state.user.watch.partitions.filter.text().to_owned();
            state.user.navigation.dialog = Some(Dialog::GroupPartitionFilter(before));
        }
        Some(Filters::Events) => {
            let before = state.user.event_log.table.filter.text().to_owned();
            state.user.navigation.dialog = Some(Dialog::EventFilter(before));
        }
        Some(Filters::HotKeys) => {
            state.user.navigation.dialog = Some(Dialog::HotKeyFilter(state.user.hot_keys.filter.text().to_owned()));
        }
        Some(Filters::Journals) => {
            state.user.navigation.dialog = Some(Dialog::JournalFilter(state.user.journal.filter.text().to_owned()));
        }
        None => {}
    }
}

/// Changes the text of the partition filter. An error in it is shown in the footer until it is corrected.
pub(super) fn edit_partitions(state: &mut State, change: impl FnOnce(&mut String)) {
    state.user.table.edit_filter::<PartitionRow<'_>>(change);
    show_error(state, |state| &state.user.table.filter);
}

/// Changes the text of the topic filter.
pub(super) fn edit_topics(state: &mut State, change: impl FnOnce(&mut String)) {
    state.user.topics.table.edit_filter::<TopicRow<'_>>(change);
    show_error(state, |state| &state.user.topics.table.filter);
}

/// Changes the text of the filter of watched groups.
pub(super) fn edit_groups(state: &mut State, change: impl FnOnce(&mut String)) {
    state.user.watch.groups.edit_filter::<GroupRow<'_>>(change);
    show_error(state, |state| &state.user.watch.groups.filter);
}

/// Changes the text of the filter of the opened group's partitions.
pub(super) fn edit_group_partitions(state: &mut State, change: impl FnOnce(&mut String)) {
    state.user.watch.partitions.edit_filter::<GroupPartitionRow<'_>>(change);
    show_error(state, |state| &state.user.watch.partitions.filter);
}

/// Changes the text of the filter of the event log.
pub(super) fn edit_events(state: &mut State, change: impl FnOnce(&mut String)) {
    state.user.event_log.table.edit_filter::<EventRow<'_>>(change);
    show_error(state, |state| &state.user.event_log.table.filter);
}

/// Changes the text of the filter of the hot keys.
pub(super) fn edit_hot_keys(state: &mut State, change: impl FnOnce(&mut String)) {
    state.user.hot_keys.edit_filter::<HotKeyRow<'_>>(change);
    show_error(state, |state| &state.user.hot_keys.filter);
}

/// Changes the text of the filter of the runs that have a journal.
pub(super) fn edit_journals(state: &mut State, change: impl FnOnce(&mut String)) {
    state.user.journal.edit_filter::<JournalRow<'_>>(change);
    show_error(state, |state| &state.user.journal.filter);
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
        Dialog::Filter(before) => edit_partitions(state, |text| *text = before),
        Dialog::TopicFilter(before) => edit_topics(state, |text| *text = before),
        Dialog::GroupFilter(before) => edit_groups(state, |text| *text = before),
        Dialog::GroupPartitionFilter(before) => edit_group_partitions(state, |text| *text = before),
        Dialog::EventFilter(before) => edit_events(state, |text| *text = before),
        Dialog::HotKeyFilter(before) => edit_hot_keys(state, |text| *text = before),
        Dialog::JournalFilter(before) => edit_journals(state, |text| *text = before),
        Dialog::Ask(_)
        | Dialog::Number { .. }
        | Dialog::Rate { .. }
        | Dialog::ChangeValue { .. }
        | Dialog::ConfirmChange { .. }
        | Dialog::Search(_) => {}
    }
}

/// Clears a filter. Returns whether there was one.
pub(super) fn clear(state: &mut State, filters: Option<Filters>) -> bool {
    let mut before = String::new();
    match filters {
        Some(Filters::Partitions) => edit_partitions(state, |text| before = std::mem::take(text)),
        Some(Filters::Topics) => edit_topics(state, |text| before = std::mem::take(text)),
        Some(Filters::GroupPartitions) => edit_group_partitions(state, |text| before = std::mem::take(text)),
        Some(Filters::Groups) => edit_groups(state, |text| before = std::mem::take(text)),
        Some(Filters::Events) => edit_events(state, |text| before = std::mem::take(text)),
        Some(Filters::HotKeys) => edit_hot_keys(state, |text| before = std::mem::take(text)),
        Some(Filters::Journals) => edit_journals(state, |text| before = std::mem::take(text)),
        None => {}
    }
    !before.is_empty()
}

fn show_error(state: &mut State, filter: fn(&State) -> &FilterInput) {
    match filter(state).error().map(ToString::to_string) {
        Some(error) => show_message(state, StatusKind::Refused, error),
        None => drop(state.user.status.take_if(|status| status.kind == StatusKind::Refused)),
    }
}
