//! Whether something can be done with the record that is looked at.

use std::borrow::Cow;

use super::{Refusal, no_session, refuse_unless};
use crate::{action::Action, key::Mode, state::State};

/// Why there is no value to look at.
pub(super) fn no_value(state: &State) -> Refusal {
    let has_value = state.inspected_record().is_some_and(|record| record.value.is_some());
    refuse_unless(has_value, "there is no value")
}

pub(super) fn no_search(state: &State) -> Refusal {
    let search = || {
        let key = state.key_of(Action::Search, Mode::Inspecting);
        Cow::Owned(key.map_or_else(|| "nothing searched for yet".to_owned(), |key| format!("search with {key} first")))
    };
    state.user.inspect.search.is_empty().then(search)
}

/// Why no decision can be made about the record that is looked at.
pub(super) fn undecidable_record(state: &State) -> Refusal {
    let is_waiting = state.inspects_paused_record() || state.inspected_key().is_some();
    refuse_unless(is_waiting, "this record is not waiting for a decision").or_else(|| no_session(state))
}

/// Why the window of a record has nothing to show.
pub(crate) fn no_inspected_record(state: &State) -> Refusal {
    refuse_unless(state.user.inspect.asked.is_some(), "there is no record to show")
}
