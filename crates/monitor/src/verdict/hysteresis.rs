//! Verdicts do not change with every look.

use std::collections::BTreeMap;

use kreplay_model::watch::{VerdictKind, VerdictView};

use super::view;

/// Looks before anything is judged.
pub const LOOKS_BEFORE_VERDICT: u32 = 3;

/// Looks in a row that must find a verdict to raise it.
pub const LOOKS_TO_RAISE: u32 = 2;

/// Looks in a row that must not find a verdict to clear it.
pub const LOOKS_TO_CLEAR: u32 = 3;

/// A verdict that was raised or cleared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerdictChange {
    /// It holds now.
    Raised(VerdictView),
    /// It does not hold any more.
    Cleared(VerdictKind),
}

#[derive(Clone, Debug, Default)]
struct Streak {
    found: u32,
    missed: u32,
    last: Option<VerdictView>,
    is_raised: bool,
}

/// The verdicts of one group over its looks.
#[derive(Clone, Debug, Default)]
pub struct Hysteresis {
    looks: u32,
    streaks: BTreeMap<VerdictKind, Streak>,
}

impl Hysteresis {
    /// Takes what a look found. Returns what was raised and cleared, except for verdicts that need no attention.
    ///
    /// If the look is partial, because the broker of a partition does not answer for the moment, a raised verdict that
    /// the look did not find may still hold there: it is not cleared.
    pub fn add(&mut self, findings: &[VerdictView], is_partial: bool) -> Vec<VerdictChange> {
        self.looks = self.looks.saturating_add(1);
        let mut changes = Vec::new();
        for finding in findings {
            let streak = self.streaks.entry(finding.kind).or_default();
            streak.found = streak.found.saturating_add(1);
            streak.missed = 0;
            streak.last = Some(finding.clone());
        }
        for (kind, streak) in &mut self.streaks {
            let is_found = findings.iter().any(|finding| finding.kind == *kind);
            let may_still_hold = is_partial && streak.is_raised && is_about_offsets(*kind);
            if !is_found && !may_still_hold {
                streak.missed = streak.missed.saturating_add(1);
                streak.found = 0;
            }
            let can_raise = self.looks >= LOOKS_BEFORE_VERDICT && streak.found >= LOOKS_TO_RAISE;
            if can_raise && !streak.is_raised {
                streak.is_raised = true;
                changes.extend(streak.last.clone().map(VerdictChange::Raised));
            }
            if streak.is_raised && streak.missed >= LOOKS_TO_CLEAR {
                streak.is_raised = false;
                changes.push(VerdictChange::Cleared(*kind));
            }
        }
        self.streaks.retain(|_, streak| streak.is_raised || streak.found > 0);
        changes
    }

    /// The worst verdict that is raised.
    #[must_use]
    pub fn verdict(&self) -> VerdictView {
        let mut raised = self.streaks.values().filter(|streak| streak.is_raised);
        if let Some(worst) = raised.next().and_then(|streak| streak.last.clone()) {
            return worst;
        }
        let made = self.looks.min(LOOKS_BEFORE_VERDICT);
        let evidence = format!("{made} of {LOOKS_BEFORE_VERDICT} observations were made.");
        let text =
            if self.looks < LOOKS_BEFORE_VERDICT { evidence } else { "The findings are still changing.".to_owned() };
        view(VerdictKind::Gathering, "gathering".to_owned(), text, None)
    }
}

/// Whether a verdict follows from the offsets of single partitions.
fn is_about_offsets(kind: VerdictKind) -> bool {
    matches!(
        kind,
        VerdictKind::Lost
            | VerdictKind::WillLose
            | VerdictKind::Wedged
            | VerdictKind::Ahead
            | VerdictKind::Stopped
            | VerdictKind::StuckPartition
            | VerdictKind::FallingBehind
            | VerdictKind::SlowMember
            | VerdictKind::HotPartition
            | VerdictKind::MayLose
    )
}
