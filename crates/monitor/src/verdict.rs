//! What a watched group suffers from, with evidence and the next step.
//!
//! [`findings`] judges one look. [`Hysteresis`] raises a verdict after two looks in a row that find it, and clears it
//! after three that do not. Looks that lack the offsets of a partition do not clear verdicts about offsets. The worst
//! raised verdict is shown.

mod facts;
mod hysteresis;
mod log;
mod members;
mod progress;
mod text;
#[cfg(test)]
mod verdict_test;

use kreplay_model::{
    domain::stores_own_positions,
    watch::{Reason, VerdictKind, VerdictView},
};

pub use facts::{Deadline, GroupFacts, PartitionFacts, is_away, readable};
pub use hysteresis::{Hysteresis, LOOKS_BEFORE_VERDICT, LOOKS_TO_CLEAR, LOOKS_TO_RAISE, VerdictChange};
pub use text::duration_text;

/// What one look finds, the worst first. There is at least one finding.
#[must_use]
pub fn findings(facts: &GroupFacts<'_>) -> Vec<VerdictView> {
    if facts.view.members.is_empty() && stores_own_positions(&facts.view.group) {
        let evidence = "It has no consumers: kreplay stores the positions of a run or a migration in it.".to_owned();
        return vec![view(VerdictKind::Quiet, "positions of kreplay".to_owned(), evidence, None)];
    }
    let mut found: Vec<VerdictView> =
        [log::findings(facts), progress::findings(facts), members::findings(facts)].into_iter().flatten().collect();
    found.sort_by_key(|finding| finding.kind);
    if found.is_empty() {
        found.push(progress::healthy(facts));
    }
    found
}

/// The verdict of a group whose coordinator has not answered for this time, in milliseconds.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "a duration for display")]
pub fn without_answer(reason: &Reason, ms: i64) -> VerdictView {
    let evidence = format!(
        "The coordinator of the group has not answered for {}: {reason}. The figures are from before.",
        duration_text(ms as f64 / 1000.0)
    );
    let next = "Check the broker that coordinates the group, and the replicas of `__consumer_offsets`.";
    view(VerdictKind::Unknown, "unknown".to_owned(), evidence, Some(next))
}

/// A verdict with the severity of its kind.
fn view(kind: VerdictKind, text: String, evidence: String, next_step: Option<&str>) -> VerdictView {
    VerdictView { kind, severity: kind.severity(), text, evidence, next_step: next_step.map(str::to_owned) }
}
