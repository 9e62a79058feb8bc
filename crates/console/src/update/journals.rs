//! The runs that have a journal.

use std::sync::Arc;

use kreplay_model::journal::JournalListing;

use super::{Effect, navigate};
use crate::state::{JournalFeed, JournalRow, ScreenId, State};

/// They can be listed.
pub(super) fn begin(state: &mut State) -> Vec<Effect> {
    if state.feed.journal == JournalFeed::Unavailable {
        state.feed.journal = JournalFeed::Unlisted;
        state.stale = true;
    }
    Vec::new()
}

/// Opens the page, or closes it if it is in front. Lists the runs each time it is opened.
pub(super) fn toggle(state: &mut State) -> Vec<Effect> {
    navigate::toggle(state, ScreenId::Journals);
    if state.user.navigation.front().screen == ScreenId::Journals { list(state) } else { Vec::new() }
}

/// Lists the runs, unless that is being done.
pub(super) fn list(state: &mut State) -> Vec<Effect> {
    let before = match &state.feed.journal {
        JournalFeed::Unavailable | JournalFeed::Listing(..) => return Vec::new(),
        JournalFeed::Unlisted => None,
        JournalFeed::Listed(listing) => Some(Arc::clone(listing)),
    };
    state.feed.journal = JournalFeed::Listing(state.now, before);
    vec![Effect::ListJournals]
}

/// The runs were listed.
pub(super) fn learn(state: &mut State, listing: Arc<JournalListing>) -> Vec<Effect> {
    state.feed.journal = JournalFeed::Listed(listing);
    state.stale = true;
    Vec::new()
}

/// Another frame is needed each second while the page waits for the first list, because it shows for how long.
pub(super) fn tick(state: &mut State, before: std::time::Duration) {
    let waits = matches!(state.feed.journal, JournalFeed::Listing(_, None))
        && state.user.navigation.front().screen == ScreenId::Journals;
    state.stale |= waits && before.as_secs() != state.now.as_secs();
}

/// Selects the run that is `by` rows below the selected one, or above if negative.
pub(super) fn scroll(state: &mut State, by: isize) {
    let rows = state.journal_rows();
    let shown = state.shown_journals(&rows).shown;
    let key = state.user.journal.key_at_distance(&shown, &rows, by);
    if let Some(key) = key {
        state.user.journal.selected = Some(key);
    }
}

/// Sorts by a column, or reverses the order if it is the sort column already.
pub(super) fn sort_by(state: &mut State, column: &'static str) {
    state.user.journal.sort_by::<JournalRow<'_>>(column);
}
