//! The filters of pages: their input, and how they are undone and cleared.

use super::{focus, scroll, topics};
use crate::{
    layout::Panel,
    screen::{Filters, Screen},
    state::{Dialog, Layer, State},
};

/// Opens the input of the filter of the page in front, if it has one.
pub(super) fn open(state: &mut State) {
    let page = state.user.navigation.places().filter(|place| place.screen.layer() == Layer::Page).last();
    match page.and_then(|page| Screen::of(page.screen).filters) {
        Some(Filters::Topics) => {
            state.user.navigation.dialog = Some(Dialog::TopicFilter(state.user.topics.filter.clone()));
        }
        Some(Filters::Partitions) => {
            focus(state, Panel::Partitions);
            state.user.navigation.dialog = Some(Dialog::Filter(state.user.table.filter.clone()));
        }
        None => {}
    }
}

/// Restores what a dialog has changed.
pub(super) fn withdraw(state: &mut State, dialog: Dialog) {
    match dialog {
        Dialog::Filter(before) => {
            state.user.table.filter = before;
            scroll::follow(state);
        }
        Dialog::TopicFilter(before) => {
            state.user.topics.filter = before;
            topics::follow(state);
        }
        Dialog::Ask(_) | Dialog::Number { .. } | Dialog::Rate { .. } => {}
    }
}

/// Clears a filter. Returns whether there was one.
pub(super) fn clear(state: &mut State, filters: Option<Filters>) -> bool {
    let before = match filters {
        Some(Filters::Partitions) => {
            let before = std::mem::take(&mut state.user.table.filter);
            scroll::follow(state);
            before
        }
        Some(Filters::Topics) => {
            let before = std::mem::take(&mut state.user.topics.filter);
            topics::follow(state);
            before
        }
        None => return false,
    };
    !before.is_empty()
}
