//! The observer over a simulated cluster in which anything can happen.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "small numbers in tests"
)]

use std::collections::BTreeMap;

use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{GroupView, PartitionRow, WatchEventKind, WatchSnapshot};
use proptest::prelude::*;

use super::simulated_cluster::{Cluster, GROUPS, Happening};
use super::{Observer, Wants};

/// Points of a series and of a time map, and half as many again for what targets need.
const MAX_POINTS: usize = 2 * (96 + 64);

fn happening() -> impl Strategy<Value = Happening> {
    let (group, at) = (0..2_usize, 0..4_usize);
    prop_oneof![
        8 => (at.clone(), 1..40_i64).prop_map(|(at, count)| Happening::Produce(at, count)),
        8 => (group.clone(), at.clone(), 1..40_i64).prop_map(|(group, at, count)| Happening::Consume(group, at, count)),
        1 => (group.clone(), at.clone()).prop_map(|(group, at)| Happening::Rewind(group, at)),
        1 => at.clone().prop_map(Happening::Truncate),
        1 => group.clone().prop_map(Happening::Recreate),
        1 => group.clone().prop_map(Happening::DeleteTopic),
        2 => (at.clone(), any::<bool>()).prop_map(|(at, lost)| Happening::LoseLeader(at, lost)),
        2 => (group.clone(), any::<bool>()).prop_map(|(group, on)| Happening::Forbid(group, on)),
        2 => (group.clone(), any::<bool>()).prop_map(|(group, on)| Happening::Load(group, on)),
        2 => (group.clone(), 0..5_usize).prop_map(|(group, members)| Happening::Rebalance(group, members)),
        1 => group.clone().prop_map(Happening::DeleteGroup),
        2 => (at.clone(), any::<bool>()).prop_map(|(at, open)| Happening::OpenTransaction(at, open)),
        1 => (at, 1..20_i64).prop_map(|(at, count)| Happening::DeleteRecords(at, count)),
        1 => group.prop_map(Happening::MoveCoordinator),
    ]
}

/// The commits that the last successful answer of each group had.
type Seen = BTreeMap<String, BTreeMap<TopicPartition, i64>>;

/// What the lag of a row must be.
fn expected_lag(cluster: &Cluster, seen: &Seen, group: &GroupView, at: &TopicPartition) -> Option<i64> {
    let truth = GROUPS.iter().zip(&cluster.groups).find(|(name, _)| **name == group.group).map(|(_, group)| group)?;
    let log = cluster.logs.get(at).filter(|log| log.has_leader)?;
    let committed = seen.get(&group.group).filter(|_| !truth.is_forbidden)?.get(at)?;
    Some(log.end() - committed)
}

fn check_row(cluster: &Cluster, seen: &Seen, group: &GroupView, row: &PartitionRow) {
    let at = TopicPartition::new(row.topic.as_str(), row.partition);
    assert_eq!(row.lag, expected_lag(cluster, seen, group, &at), "{row:?}");
    assert_eq!(row.lag.is_none(), row.lost.is_none(), "{row:?}");
    if let (Some(lag), Some(lost), Some(readable), Some(held), Some(ahead)) =
        (row.lag, row.lost, row.readable, row.held_back, row.ahead)
    {
        assert_eq!(i128::from(lag), i128::from(lost + readable + held) - i128::from(ahead), "{row:?}");
    } else {
        assert_eq!((row.lost, row.readable, row.held_back, row.ahead), (None, None, None, None), "{row:?}");
        assert!(row.why_unknown.is_some(), "{row:?}");
        assert_eq!(row.age_s, None, "{row:?}");
    }
    if let (Some(age), Some(log), Some(committed)) = (row.age_s, cluster.logs.get(&at), row.committed) {
        let next = usize::try_from(committed.get().max(log.start)).unwrap();
        let truth = log.times.get(next).map_or(0.0, |ms| (cluster.now_ms - ms) as f64 / 1000.0);
        assert!(age.low <= truth && truth <= age.high, "{truth} not in {age:?}: {row:?}");
    }
}

fn check_totals(group: &GroupView) {
    let counted = || group.partitions.iter().filter(|row| !row.abandoned);
    let known: Vec<i64> = counted().filter_map(|row| row.lag).collect();
    assert_eq!(group.lag.total, (!known.is_empty()).then(|| known.iter().sum()));
    assert_eq!(group.lag.unknown_partitions, counted().count() as u64 - known.len() as u64);
    assert_eq!(group.lag.max, known.iter().max().copied());
    if let (Some(total), Some(lost)) = (group.lag.total, group.lag.lost) {
        let parts = [group.lag.readable, group.lag.held_back].map(Option::unwrap).iter().sum::<u64>() + lost;
        assert_eq!(i128::from(total), i128::from(parts) - i128::from(group.lag.ahead.unwrap()));
    }
}

/// Runs the cluster and checks each snapshot. The snapshots and the kinds of events.
fn run(happenings: &[Happening], is_checked: bool) -> (Vec<WatchSnapshot>, Vec<WatchEventKind>) {
    let mut cluster = Cluster::new();
    let mut observer = Observer::default();
    let mut wants = Wants::default();
    let mut seen = Seen::new();
    let (mut snapshots, mut events) = (Vec::new(), Vec::new());
    for happening in happenings {
        cluster.happen(happening);
        cluster.now_ms += 2_000;
        let observation = observer.observe(&cluster.look(&wants));
        wants = observation.wants;
        events.extend(observation.events.into_iter().map(|event| event.kind));
        for (name, group) in GROUPS.iter().zip(&cluster.groups) {
            if !group.is_there {
                seen.remove(*name);
            } else if !group.is_forbidden && !group.is_loading {
                seen.insert((*name).to_owned(), group.commits.clone());
            }
        }
        if is_checked {
            let there = cluster.groups.iter().filter(|group| group.is_there).count();
            assert_eq!(observation.snapshot.groups.len(), there);
            for group in &observation.snapshot.groups {
                group.partitions.iter().for_each(|row| check_row(&cluster, &seen, group, row));
                check_totals(group);
            }
            let [groups, partitions, points] = observer.sizes();
            assert!(groups <= GROUPS.len() && partitions <= 4 && points <= MAX_POINTS * 4 * (1 + GROUPS.len()));
        }
        snapshots.push(observation.snapshot);
    }
    (snapshots, events)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn lags_are_right_or_unknown_whatever_happens(happenings in proptest::collection::vec(happening(), 1..120)) {
        run(&happenings, true);
    }

    #[test]
    fn the_same_looks_give_the_same_output(happenings in proptest::collection::vec(happening(), 1..60)) {
        let (first, second) = (run(&happenings, false), run(&happenings, false));
        prop_assert_eq!(&first, &second);
        let json = serde_json::to_string(&first.0).unwrap();
        let read: Vec<WatchSnapshot> = serde_json::from_str(&json).unwrap();
        // The times of rebalances are not in JSON.
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), json);
    }
}

#[test]
fn a_long_watch_needs_no_more_memory() {
    let happenings: Vec<Happening> = (0..700_i64)
        .map(|step| {
            let at = usize::try_from(step % 4).unwrap();
            if step % 3 == 0 { Happening::Consume(0, at, 30) } else { Happening::Produce(at, 1 + step % 20) }
        })
        .collect();
    run(&happenings, true);
}

#[test]
fn what_happens_becomes_an_event() {
    let (_, events) = run(
        &[
            Happening::Produce(0, 30),
            Happening::Consume(0, 0, 20),
            Happening::Rewind(0, 0),
            Happening::DeleteRecords(0, 5),
            Happening::Rebalance(0, 1),
            Happening::MoveCoordinator(0),
            Happening::Forbid(0, true),
            Happening::Forbid(0, false),
            Happening::Forbid(0, true),
            Happening::Truncate(0),
            Happening::DeleteGroup(1),
            Happening::DeleteGroup(1),
        ],
        true,
    );
    let count = |kind: fn(&WatchEventKind) -> bool| events.iter().filter(|event| kind(event)).count();
    assert_eq!(count(|kind| matches!(kind, WatchEventKind::Rewound { .. })), 1, "{events:?}");
    assert_eq!(count(|kind| matches!(kind, WatchEventKind::RecordsLost { offsets: 5, .. })), 1, "{events:?}");
    assert_eq!(count(|kind| matches!(kind, WatchEventKind::RebalanceBegan { epoch: Some(2) })), 1, "{events:?}");
    assert_eq!(count(|kind| matches!(kind, WatchEventKind::RebalanceEnded { .. })), 1, "{events:?}");
    assert_eq!(count(|kind| matches!(kind, WatchEventKind::MemberLeft { .. })), 1, "{events:?}");
    assert_eq!(count(|kind| matches!(kind, WatchEventKind::CoordinatorMoved { from: 1, to: 2 })), 1, "{events:?}");
    assert_eq!(count(|kind| matches!(kind, WatchEventKind::PermissionMissing { .. })), 1, "{events:?}");
    assert_eq!(count(|kind| matches!(kind, WatchEventKind::Truncated { .. })), 2, "one for each group: {events:?}");
    assert_eq!(count(|kind| matches!(kind, WatchEventKind::Vanished)), 1, "{events:?}");
    assert_eq!(count(|kind| matches!(kind, WatchEventKind::Appeared)), 1, "{events:?}");
}
