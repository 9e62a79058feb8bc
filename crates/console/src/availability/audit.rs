//! Whether topics can be audited, and whether there is an audit to show.

use super::{Refusal, refuse_unless};
use crate::state::State;

/// Why there is no audit to show.
pub(crate) fn no_audit(state: &State) -> Refusal {
    refuse_unless(state.user.audit.task.is_some(), "no topics have been audited yet")
}

/// Why the topics cannot be audited again.
pub(super) fn not_auditable(state: &State) -> Refusal {
    no_audit(state).or_else(|| refuse_unless(state.user.audit.is_available, "no cluster to audit"))
}

/// Why no audit can be stopped.
pub(super) fn no_audit_in_progress(state: &State) -> Refusal {
    refuse_unless(state.user.audit.in_progress.is_some(), "no audit is in progress")
}
