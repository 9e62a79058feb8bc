//! Raising and clearing verdicts.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "small numbers in tests"
)]

use kreplay_model::watch::{VerdictKind, VerdictView};
use proptest::prelude::*;

use super::{Hysteresis, VerdictChange, view};

fn finding(kind: VerdictKind) -> VerdictView {
    view(kind, kind.to_string(), "evidence".to_owned(), None)
}

const KINDS: [VerdictKind; 3] = [VerdictKind::Stopped, VerdictKind::FallingBehind, VerdictKind::Fine];

proptest! {
    #[test]
    fn verdicts_follow_the_last_looks(looks in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 3), 1..40)) {
        let mut hysteresis = Hysteresis::default();
        let mut raised = [false; 3];
        for number in 0..looks.len() {
            let found: Vec<VerdictView> =
                KINDS.iter().zip(&looks[number]).filter(|(_, found)| **found).map(|(kind, _)| finding(*kind)).collect();
            let changes = hysteresis.add(&found, false);
            for (kind, raised) in KINDS.iter().enumerate().map(|(at, _)| at).zip(&mut raised) {
                let last = |count: usize, value: bool| {
                    number + 1 >= count && looks[number + 1 - count..=number].iter().all(|look| look[kind] == value)
                };
                let before = *raised;
                *raised = (*raised && !last(3, false)) || (number >= 2 && last(2, true));
                let change = changes.iter().any(|change| match change {
                    VerdictChange::Raised(verdict) => verdict.kind == KINDS[kind] && *raised,
                    VerdictChange::Cleared(cleared) => *cleared == KINDS[kind] && !*raised,
                });
                prop_assert_eq!(change, before != *raised);
            }
            let worst = KINDS.iter().zip(raised).find(|(_, raised)| *raised).map_or(VerdictKind::Gathering, |(kind, _)| *kind);
            prop_assert_eq!(hysteresis.verdict().kind, worst);
        }
    }
}

#[test]
fn looks_without_the_offsets_of_a_partition_clear_no_verdict_about_offsets() {
    let mut hysteresis = Hysteresis::default();
    let found = [VerdictKind::Lost, VerdictKind::Flapping].map(finding);
    for _ in 0..3 {
        hysteresis.add(&found, false);
    }
    let cleared = |changes: Vec<VerdictChange>| changes == [VerdictChange::Cleared(VerdictKind::Flapping)];
    let partial: Vec<bool> = (0..10).map(|_| cleared(hysteresis.add(&[], true))).collect();
    assert!(partial.iter().enumerate().all(|(look, cleared)| *cleared == (look == 2)), "{partial:?}");
    assert_eq!(hysteresis.verdict().kind, VerdictKind::Lost);
    let complete: Vec<usize> = (0..3).map(|_| hysteresis.add(&[], false).len()).collect();
    assert_eq!(complete, [0, 0, 1], "after three looks in a row that had all offsets");
}

#[test]
fn the_worst_verdict_comes_first() {
    let order = [
        VerdictKind::Lost,
        VerdictKind::WillLose,
        VerdictKind::Wedged,
        VerdictKind::Ahead,
        VerdictKind::RebalanceStuck,
        VerdictKind::Stopped,
        VerdictKind::StuckPartition,
        VerdictKind::OrphanPartition,
        VerdictKind::Rewound,
        VerdictKind::FallingBehind,
        VerdictKind::Flapping,
        VerdictKind::SlowMember,
        VerdictKind::HotPartition,
        VerdictKind::MayLose,
        VerdictKind::PositionsExpire,
        VerdictKind::CatchingUp,
        VerdictKind::Quiet,
        VerdictKind::Fine,
    ];
    assert!(order.is_sorted());
}
