//! The layout of the last console on the same cluster, and the page that was in front then.

use super::{Effect, navigate};
use crate::{
    screen::Screen,
    state::{SavedLayout, State},
};

/// Arranges the console as it was.
pub(super) fn arrange(state: &mut State, layout: &SavedLayout) -> Vec<Effect> {
    layout.apply(state);
    state.stale = true;
    page(state);
    Vec::new()
}

/// Opens the page that was in front, once it has something to show. Once the user has opened something, it stays
/// closed.
pub(super) fn page(state: &mut State) {
    let Some(page) = state.user.reopen else { return };
    // A page must not hide that the run has failed, or needs a decision.
    if state.alert().is_some() {
        state.user.reopen = None;
        return;
    }
    let navigation = &state.user.navigation;
    if navigation.dialog.is_some() || navigation.places().count() > 1 {
        state.user.reopen = None;
    } else if (Screen::of(page).refusal)(state).is_none() {
        state.user.reopen = None;
        navigate::open(state, page);
    }
}
