//! Groups in trouble, which are observed often even where they are not visible.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use kreplay_model::watch::{GroupView, VerdictSeverity, VerdictView};

/// Most groups that are observed often because of their verdict. It leaves most of a look to the groups in view.
pub(crate) const MAX_IN_TROUBLE: usize = 100;

/// The groups whose verdict is a warning or worse: the worst, if there are more than [`MAX_IN_TROUBLE`].
pub(crate) fn in_trouble(groups: &[Arc<GroupView>]) -> BTreeSet<Arc<str>> {
    worst(groups.iter().map(|group| (group.group.as_str(), &group.verdict)))
}

fn worst<'a>(verdicts: impl Iterator<Item = (&'a str, &'a VerdictView)>) -> BTreeSet<Arc<str>> {
    let mut bad: Vec<_> = verdicts.filter(|(_, verdict)| verdict.severity >= VerdictSeverity::Warning).collect();
    bad.sort_by_key(|(name, verdict)| (Reverse(verdict.severity), verdict.kind, *name));
    bad.into_iter().take(MAX_IN_TROUBLE).map(|(name, _)| Arc::from(name)).collect()
}

#[cfg(test)]
mod tests {
    use kreplay_model::watch::VerdictKind;

    use super::*;

    fn verdict(kind: VerdictKind) -> VerdictView {
        let (text, evidence) = (String::new(), String::new());
        VerdictView { kind, severity: kind.severity(), text, evidence, next_step: None }
    }

    #[test]
    fn only_groups_with_a_warning_or_worse_are_in_trouble() {
        let kinds = [VerdictKind::Lost, VerdictKind::Fine, VerdictKind::Gathering, VerdictKind::FallingBehind];
        let verdicts: Vec<_> = ["lost", "fine", "new", "behind"].into_iter().zip(kinds.map(verdict)).collect();
        let found = worst(verdicts.iter().map(|(name, verdict)| (*name, verdict)));
        assert_eq!(found, ["behind", "lost"].map(Arc::from).into());
    }

    #[test]
    fn of_too_many_the_worst_are_taken() {
        let [lost, behind] = [VerdictKind::Lost, VerdictKind::FallingBehind].map(verdict);
        let names: Vec<String> = (0..MAX_IN_TROUBLE + 50).map(|at| format!("group-{at:03}")).collect();
        // The worst ones are the last by name.
        let of = |at: usize| if at >= 50 { &lost } else { &behind };
        let found = worst(names.iter().enumerate().map(|(at, name)| (name.as_str(), of(at))));
        assert_eq!(found, names.iter().skip(50).map(|name| Arc::from(name.as_str())).collect());
    }
}
