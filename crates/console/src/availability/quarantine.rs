//! Whether there is something to decide: quarantined keys, and the record that paused the run.

use kreplay_model::control::Decision;

use super::{Refusal, no_session, refuse_unless};
use crate::state::State;

pub(super) fn nothing_quarantined(state: &State) -> Refusal {
    refuse_unless(!state.feed.quarantined().is_empty(), "no key is in quarantine")
}

pub(super) fn no_key_selected(state: &State) -> Refusal {
    // Never decide about a different key than the one under the cursor.
    nothing_quarantined(state).or_else(|| {
        refuse_unless(
            state.quarantined_row().is_some(),
            "that key is not in quarantine; choose another, or wait until it returns",
        )
    })
}

/// Why a decision cannot be made about any key.
pub(super) fn undecidable(state: &State, decision: Decision) -> Refusal {
    let possible = decision == Decision::Release || state.run().is_some_and(|run| run.quarantine.dead_letters);
    nothing_quarantined(state)
        .or_else(|| {
            refuse_unless(possible, "this run has no dead-letter topic; start it with --on-failure dead-letter")
        })
        .or_else(|| no_session(state))
}

pub(super) fn no_paused_record(state: &State) -> Refusal {
    refuse_unless(state.feed.paused_record().is_some(), "no record has paused the run")
}
