//! The connections of an attached console.

use std::{sync::Arc, time::Duration};

use kreplay_model::attach::AttachView;

use super::Effect;
use crate::state::{Attachment, State};

/// Notes the connections, and since when each of them is lost.
pub(super) fn learn(state: &mut State, view: Arc<AttachView>) -> Vec<Effect> {
    state.stale = true;
    state.attachment = Some(Attachment::new(view, state.attachment.as_ref(), state.now));
    Vec::new()
}

/// While a connection is lost, the header shows for how many seconds.
pub(super) fn tick(state: &mut State, before: Duration) {
    let is_lost = state.attachment.as_ref().is_some_and(|attachment| attachment.lost().next().is_some());
    state.stale |= is_lost && before.as_secs() != state.now.as_secs();
}
