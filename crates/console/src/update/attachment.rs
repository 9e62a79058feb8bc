//! The connections of an attached console.

use std::{sync::Arc, time::Duration};

use kreplay_model::attach::AttachView;

use super::Effect;
use crate::state::{Attachment, State};

/// Notes the connections, and since when one of them is lost.
pub(super) fn learn(state: &mut State, view: Arc<AttachView>) -> Vec<Effect> {
    state.stale = true;
    let lost_since = view.lost().next().is_some().then(|| {
        let before = state.attachment.as_ref().and_then(|attachment| attachment.lost_since);
        before.unwrap_or(state.now)
    });
    state.attachment = Some(Attachment { view, lost_since });
    Vec::new()
}

/// While a connection is lost, the header shows for how many seconds.
pub(super) fn tick(state: &mut State, before: Duration) {
    let is_lost = state.attachment.as_ref().is_some_and(|attachment| attachment.lost_since.is_some());
    state.stale |= is_lost && before.as_secs() != state.now.as_secs();
}
