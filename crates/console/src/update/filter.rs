//! The text of a table's filter: typed, kept, withdrawn, and cleared. Drawing keeps the selected row visible, so the
//! scroll position stays.

use super::show_message;
use crate::{
    state::{PartitionRow, State, StatusKind, TopicRow},
    table::filter::FilterInput,
};

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

/// Closes the input. One with an error stays open.
pub(super) fn accept(state: &mut State, filter: fn(&State) -> &FilterInput) {
    if filter(state).error().is_some() {
        show_error(state, filter);
    } else {
        state.user.navigation.dialog = None;
    }
}

fn show_error(state: &mut State, filter: fn(&State) -> &FilterInput) {
    match filter(state).error().map(ToString::to_string) {
        Some(error) => show_message(state, StatusKind::Refused, error),
        None => drop(state.user.status.take_if(|status| status.kind == StatusKind::Refused)),
    }
}
