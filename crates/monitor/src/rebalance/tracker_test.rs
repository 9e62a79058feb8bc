//! The tracker against groups whose rebalances are known.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "small numbers in tests"
)]

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{EarlierRebalances, GroupState, GroupType, RebalanceEntry};
use proptest::prelude::*;

use super::{Past, RebalanceEvent, Rebalances, RecordedRebalances, is_settled};
use crate::look::{Description, Member};
use crate::rules::Rules;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000 + seconds, 0).unwrap()
}

fn partitions(numbers: &[i32]) -> BTreeSet<TopicPartition> {
    numbers.iter().map(|number| TopicPartition::new("orders", *number)).collect()
}

fn member(id: &str, epoch: i32, assigned: &[i32], target: &[i32]) -> Member {
    Member {
        member_id: id.into(),
        client_id: Some(id.into()),
        epoch: Some(epoch),
        assigned: Some(partitions(assigned)),
        target: Some(partitions(target)),
        ..Member::default()
    }
}

fn group(epoch: i32, members: Vec<Member>) -> Description {
    let mut group = Description {
        group_type: GroupType::Consumer,
        protocol: None,
        state: GroupState::Stable,
        group_epoch: Some(epoch),
        assignment_epoch: Some(epoch),
        members,
        rebalance_timeout_ms: Some(10_000),
        streams: None,
    };
    if !is_settled(&group) {
        group.state = GroupState::Reconciling;
    }
    group
}

/// The number of rebalances within the last `seconds`.
fn within(tracker: &Rebalances, now: DateTime<Utc>, seconds: i64) -> Option<u64> {
    tracker.view(&Rules::default()).recent?.within(now.timestamp_millis(), seconds * 1_000)
}

fn classic(state: GroupState, members: &[(&str, &[i32])]) -> Description {
    let members =
        members.iter().map(|(id, assigned)| Member { epoch: None, target: None, ..member(id, 0, assigned, &[]) });
    Description {
        group_type: GroupType::Classic,
        state,
        group_epoch: None,
        assignment_epoch: None,
        ..group(0, members.collect())
    }
}

#[test]
fn the_member_that_keeps_a_partition_holds_the_rebalance_up() {
    let mut tracker = Rebalances::default();
    tracker.add(at(0), &group(1, vec![member("a", 1, &[0, 1], &[0, 1])]));
    let moving = group(2, vec![member("a", 1, &[0, 1], &[0]), member("b", 2, &[], &[1])]);
    let events = tracker.add(at(2), &moving);
    assert_eq!(events, [RebalanceEvent::Joined("b".into()), RebalanceEvent::Began { epoch: Some(2) }]);
    let view = tracker.view(&Rules::default());
    assert_eq!((view.count, view.waiting_for, view.unsettled_since), (1, vec!["a".to_owned()], Some(at(2))));
    assert_eq!(tracker.stuck_ms(), None);
    tracker.add(at(13), &moving);
    assert_eq!(tracker.stuck_ms(), Some(11_000));
    let events = tracker.add(at(15), &group(2, vec![member("a", 2, &[0], &[0]), member("b", 2, &[1], &[1])]));
    let [RebalanceEvent::Ended(entry)] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((entry.duration_ms, entry.error_ms), (Some(13_000), 2_000));
    let moved = entry.partitions.unwrap();
    assert_eq!((moved.moved, moved.kept, moved.without_owner), (1, 1, 0));
    assert_eq!((tracker.stuck_ms(), tracker.view(&Rules::default()).count), (None, 1));
}

#[test]
fn a_classic_group_rebalances_at_least_once() {
    let mut tracker = Rebalances::default();
    tracker.add(at(0), &classic(GroupState::Stable, &[("a", &[0, 1])]));
    tracker.add(at(2), &classic(GroupState::PreparingRebalance, &[("a", &[0, 1])]));
    tracker.add(at(4), &classic(GroupState::Stable, &[("a", &[0]), ("b", &[1])]));
    tracker.add(at(6), &classic(GroupState::Stable, &[("b", &[0, 1])]));
    let view = tracker.view(&Rules::default());
    assert_eq!((view.count, view.exact, view.history.len()), (2, false, 2));
    assert_eq!(view.history[1].left, ["a"]);
}

#[test]
fn a_flapping_member_is_named() {
    let mut tracker = Rebalances::default();
    for (look, epoch) in (0..6).zip(1..) {
        let mut members = vec![member("a", epoch, &[0], &[0])];
        if look % 2 == 1 {
            members.push(member("b", epoch, &[], &[]));
        }
        tracker.add(at(look * 60), &group(epoch, members));
    }
    assert_eq!(tracker.view(&Rules::default()).flapping.as_deref(), Some("b"));
    tracker.add(at(1_200), &group(6, vec![member("a", 6, &[0], &[0]), member("b", 6, &[], &[])]));
    assert_eq!(tracker.view(&Rules::default()).flapping, None);
}

#[test]
fn a_static_member_that_restarts_has_not_left() {
    let mut tracker = Rebalances::default();
    let with_id = |id: &str| Member { instance_id: Some("billing-0".into()), ..member(id, 1, &[0], &[0]) };
    tracker.add(at(0), &group(1, vec![with_id("x")]));
    assert_eq!(tracker.add(at(2), &group(1, vec![with_id("y")])), []);
}

#[test]
fn partitions_that_stood_still_are_listed_by_time() {
    let mut tracker = Rebalances::default();
    tracker.add(at(0), &group(1, vec![member("a", 1, &[0], &[0])]));
    tracker.add(at(2), &group(2, vec![member("a", 2, &[0], &[0])]));
    let ms = |seconds| at(seconds).timestamp_millis();
    for (number, from, to) in [(0, 1, 4), (1, 0, 9), (0, 1, 3), (2, 3, 30)] {
        tracker.stood_still(&TopicPartition::new("orders", number), ms(from), ms(to));
    }
    let still: Vec<(i32, u64)> = tracker.view(&Rules::default()).history[0]
        .stood_still
        .iter()
        .map(|still| (still.partition.partition.0, still.gap_ms))
        .collect();
    assert_eq!(still, [(1, 9_000), (0, 3_000)]);
}

proptest! {
    #[test]
    fn each_epoch_counts_even_between_looks(bumps in proptest::collection::vec((0..4_i32, any::<bool>()), 1..60)) {
        let mut tracker = Rebalances::default();
        tracker.add(at(0), &group(1, vec![member("a", 1, &[0], &[0])]));
        let mut epoch = 1;
        for ((bump, settled), look) in bumps.iter().zip(1..) {
            epoch += bump;
            let target: &[i32] = if *settled || *bump == 0 { &[0] } else { &[] };
            tracker.add(at(look * 2), &group(epoch, vec![member("a", epoch, &[0], target)]));
            prop_assert!(tracker.view(&Rules::default()).history.len() <= super::MAX_HISTORY + 1);
        }
        let count = u64::try_from(epoch - 1).unwrap();
        prop_assert_eq!(tracker.view(&Rules::default()).count, count);
        prop_assert_eq!(within(&tracker, at(120), 3_600), Some(count), "although the history is shorter");
    }
}

#[test]
fn a_group_whose_last_member_has_left_is_settled() {
    let mut tracker = Rebalances::default();
    tracker.add(at(0), &group(3, vec![member("a", 3, &[0], &[0])]));
    let mut empty = group(4, Vec::new());
    (empty.state, empty.assignment_epoch) = (GroupState::Empty, Some(3));
    tracker.add(at(10), &empty);
    let view = tracker.view(&Rules::default());
    assert_eq!((view.count, view.unsettled_since, view.waiting_for.len()), (1, None, 0));
    tracker.add(at(1_000), &empty);
    assert_eq!(tracker.stuck_ms(), None);
}

#[test]
fn in_a_rolling_restart_each_epoch_counts_when_it_is_seen_and_no_rebalance_is_stuck() {
    let mut tracker = Rebalances::default();
    // Another member is always one epoch behind: no look shows the group settled.
    let moving = |epoch: i32| Description {
        rebalance_timeout_ms: Some(300_000),
        ..group(epoch, vec![member("a", epoch, &[0], &[0]), member("b", epoch - 1, &[1], &[1])])
    };
    tracker.add(at(0), &group(1, vec![member("a", 1, &[0], &[0]), member("b", 1, &[1], &[1])]));
    for (look, epoch) in (1..=225).zip(2..) {
        tracker.add(at(look * 4), &moving(epoch));
        assert_eq!(tracker.stuck_ms(), None, "after {} s", look * 4);
    }
    let view = tracker.view(&Rules::default());
    assert_eq!((view.count, view.history.len(), view.unsettled_since), (225, 1, Some(at(4))));
    assert_eq!((view.history[0].epochs, view.flapping.as_deref()), (225, Some("")));
    // Those from 300 s to 900 s, both included.
    assert_eq!((within(&tracker, at(900), 600), within(&tracker, at(900), 3_600)), (Some(151), Some(225)));
    tracker.add(at(1_200), &moving(226));
    assert_eq!((tracker.stuck_ms(), within(&tracker, at(1_200), 300)), (None, Some(1)));
    tracker.add(at(1_201), &moving(226));
    assert_eq!((tracker.stuck_ms(), within(&tracker, at(1_201), 300)), (Some(301_000), Some(0)));
    tracker.add(at(1_501), &moving(226));
    assert_eq!(tracker.view(&Rules::default()).flapping, None);
}

#[test]
fn after_the_clock_was_set_back_the_time_of_a_rebalance_begins_again() {
    let mut tracker = Rebalances::default();
    let settled = |epoch: i32| group(epoch, vec![member("a", epoch, &[0], &[0])]);
    let moving = group(5, vec![member("a", 4, &[0], &[0])]);
    for (seconds, epoch) in [(3_600, 1), (3_602, 2), (3_604, 3), (3_606, 4)] {
        tracker.add(at(seconds), &settled(epoch));
    }
    tracker.add(at(3_608), &moving);
    tracker.add(at(10), &moving);
    assert_eq!((within(&tracker, at(10), 600), tracker.stuck_ms()), (Some(4), None));
    tracker.add(at(21), &moving);
    assert_eq!(tracker.stuck_ms(), Some(11_000));
    tracker.add(at(611), &moving);
    assert_eq!(within(&tracker, at(611), 600), Some(0));
}

/// The last two entries of 30 recorded rebalances, up to 0 s. The last entry covers `epochs`, and is in progress.
fn recorded(epochs: u32) -> RecordedRebalances {
    let entry = |began_s: i64, epochs: u32| RebalanceEntry {
        began_at: at(began_s),
        epochs,
        duration_ms: None,
        error_ms: 0,
        joined: Vec::new(),
        left: Vec::new(),
        partitions: None,
        stood_still: Vec::new(),
    };
    RecordedRebalances {
        entries: [entry(-900, 1), entry(-400, epochs)].into(),
        is_open: true,
        timeout_ms: 300_000,
        past: Past {
            earlier: EarlierRebalances { from: at(-7_200), count: 30, exact: true },
            to: at(0),
            epoch: Some(30),
        },
    }
}

#[test]
fn recorded_rebalances_without_times_make_their_number_unknown() {
    let mut tracker = Rebalances::default();
    tracker.take_recorded(recorded(1));
    tracker.add(at(0), &group(30, vec![member("a", 30, &[0], &[0])]));
    let found = [600, 899, 900].map(|seconds| within(&tracker, at(0), seconds));
    assert_eq!(found, [Some(1), Some(1), None]);
    assert_eq!(tracker.view(&Rules::default()).count, 30);
}

#[test]
fn a_recorded_rebalance_is_stuck_from_its_last_epoch_on() {
    let moving = group(30, vec![member("a", 29, &[0], &[0])]);
    let mut tracker = Rebalances::default();
    tracker.take_recorded(recorded(1));
    tracker.add(at(0), &moving);
    assert_eq!(tracker.stuck_ms(), Some(400_000));
    // The last one of several epochs may be as late as the end of the records.
    let mut tracker = Rebalances::default();
    tracker.take_recorded(recorded(9));
    tracker.add(at(0), &moving);
    assert_eq!(tracker.stuck_ms(), None);
    tracker.add(at(301), &moving);
    assert_eq!(tracker.stuck_ms(), Some(301_000));
}
