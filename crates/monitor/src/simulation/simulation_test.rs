//! The simulation as the observer sees it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kreplay_model::watch::{GroupView, VerdictKind, WatchSnapshot};

use super::{ALL_VERDICTS_WITHIN, LOOK_INTERVAL, Simulation, story};

const ALL_VERDICTS: [VerdictKind; 20] = [
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
    VerdictKind::Gathering,
    VerdictKind::Unknown,
];

/// Groups to which nothing bad happens.
const HEALTHY: [&str; 5] = ["billing", "order-enrichment", "sensor-alerts", "warehouse-sync", "push"];

/// Groups that recover, and from what.
const BROKEN: [(&str, VerdictKind); 7] = [
    ("email", VerdictKind::Stopped),
    ("invoice-pdf", VerdictKind::StuckPartition),
    ("ledger-writer", VerdictKind::Wedged),
    ("price-cache", VerdictKind::Rewound),
    ("recommendations", VerdictKind::RebalanceStuck),
    ("search-indexer", VerdictKind::Ahead),
    ("session-replay", VerdictKind::MayLose),
];

fn began() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

/// The verdict of each look, by group.
fn verdicts(seed: u64, looks: u64) -> BTreeMap<String, Vec<VerdictKind>> {
    let mut simulation = Simulation::new(seed, began());
    let mut verdicts: BTreeMap<String, Vec<VerdictKind>> = BTreeMap::new();
    for _ in 0..looks {
        let snapshot = simulation.look().snapshot;
        check(&snapshot);
        for group in snapshot.groups {
            verdicts.entry(group.group.clone()).or_default().push(group.verdict.kind);
        }
    }
    verdicts
}

/// The lag adds up where its parts are known, and is not 0 where it is unknown.
fn check(snapshot: &WatchSnapshot) {
    for group in &snapshot.groups {
        for row in &group.partitions {
            let parts = [row.lost, row.readable, row.held_back, row.ahead];
            match (row.lag, parts) {
                (Some(lag), [Some(lost), Some(readable), Some(held_back), Some(ahead)]) => {
                    assert_eq!(i128::from(lag), i128::from(lost + readable + held_back) - i128::from(ahead), "{row:?}");
                }
                (_, parts) => assert_eq!(parts, [None; 4], "{}: {row:?}", group.group),
            }
            if row.lag.is_none() {
                assert!(row.why_unknown.is_some() && row.age_s.is_none_or(|age| age.value > 0.0), "{row:?}");
            }
        }
        check_total(group);
    }
}

fn check_total(group: &GroupView) {
    let known: Vec<i64> = group.partitions.iter().filter(|row| !row.abandoned).filter_map(|row| row.lag).collect();
    assert_eq!(group.lag.total, (!known.is_empty()).then(|| known.iter().sum()), "{}", group.group);
    if let (Some(total), Some(lost), Some(readable), Some(held_back), Some(ahead)) =
        (group.lag.total, group.lag.lost, group.lag.readable, group.lag.held_back, group.lag.ahead)
    {
        assert_eq!(i128::from(total), i128::from(lost + readable + held_back) - i128::from(ahead), "{}", group.group);
    }
}

fn looks_in(seconds: u64) -> u64 {
    seconds / LOOK_INTERVAL.as_secs()
}

#[test]
fn each_verdict_occurs_early_and_broken_groups_recover() {
    let found = verdicts(1, looks_in(800));
    let early = looks_in(ALL_VERDICTS_WITHIN.as_secs()).try_into().unwrap();
    let seen: BTreeSet<VerdictKind> = found.values().flat_map(|kinds| &kinds[..early]).copied().collect();
    let missing: Vec<VerdictKind> = ALL_VERDICTS.into_iter().filter(|kind| !seen.contains(kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for group in HEALTHY {
        let ok = found[group].iter().filter(|kind| matches!(kind, VerdictKind::Fine | VerdictKind::CatchingUp));
        let (ok, all) = (ok.count(), found[group].len());
        assert!(ok * 10 >= all * 8, "{group}: {ok} of {all}: {:?}", found[group]);
    }
    for (group, broken) in BROKEN {
        let kinds = &found[group];
        let last = kinds.iter().rposition(|kind| *kind == broken).unwrap_or_else(|| panic!("{group}: {kinds:?}"));
        let is_repaired = kinds[last..].iter().any(|kind| matches!(kind, VerdictKind::Fine | VerdictKind::CatchingUp));
        assert!(is_repaired, "{group}: {kinds:?}");
    }
    // It reads again, but retention stays near for longer than this test looks.
    let export = &found["sensor-export"];
    let last = export.iter().rposition(|kind| *kind == VerdictKind::Lost).unwrap();
    assert!(export[last..].len() > 20 && export.last() == Some(&VerdictKind::WillLose), "{export:?}");
}

#[test]
fn a_seed_reproduces_all_observations() {
    let observe = |seed| {
        let mut simulation = Simulation::new(seed, began());
        let observations = (0..20).map(|_| simulation.look()).map(|seen| (seen.snapshot, seen.events));
        observations.collect::<Vec<_>>()
    };
    assert_eq!(observe(5), observe(5));
    assert_ne!(observe(5), observe(6));
}

#[test]
fn the_story_repeats_in_bounded_memory() {
    let mut simulation = Simulation::new(1, began());
    let [groups, partitions, _] = {
        simulation.look();
        simulation.observer.sizes()
    };
    let members = |simulation: &Simulation| -> Vec<usize> {
        simulation.cluster.groups.values().map(|group| group.members.len()).collect()
    };
    let before = members(&simulation);
    (0..3 * looks_in(u64::try_from(story::LENGTH_S).unwrap())).for_each(|_| simulation.pass_time());
    assert_eq!(simulation.look().snapshot.groups.len(), groups);
    assert_eq!(simulation.observer.sizes()[..2], [groups, partitions]);
    assert_eq!(members(&simulation), before);
}
