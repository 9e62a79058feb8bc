//! Whose results count, and what is not handled again.

use super::{Completed, Delivery, PartitionRun, Stand};
use crate::{
    domain::{Lag, Offset, TopicPartition},
    feed::{Owner, PartitionState},
    plan::PlannedPartition,
};

fn partition(end: i64) -> PartitionRun {
    let planned =
        PlannedPartition { id: TopicPartition::new("t", 0), first: Offset::ZERO, end: Offset::new(end).unwrap() };
    PartitionRun::new(&planned, false)
}

fn done(offset: i64) -> Completed {
    Completed { offset, group: 1, content: offset.unsigned_abs(), bytes: 10, handled: true }
}

#[test]
fn an_empty_partition_is_complete_at_once() {
    let mut partition = partition(0);
    assert!(!partition.is_complete(), "nobody has looked yet");
    partition.begin(1, 0, Owner::Shared);
    assert!(partition.is_complete());
    assert_eq!(partition.state, PartitionState::Done);
}

#[test]
fn a_record_of_an_older_assignment_counts_once() {
    let mut partition = partition(10);
    partition.begin(1, 0, Owner::Shared);
    assert_eq!(partition.deliver(1, 0, false), Delivery::New);
    partition.begin(2, 0, Owner::Shared);
    assert_eq!(partition.deliver(2, 0, false), Delivery::New);
    assert!(partition.complete(1, done(0)));
    assert_eq!((partition.position(), partition.handled), (Some(0), 1), "it still waits");
    assert!(partition.complete(2, done(0)));
    assert_eq!((partition.position(), partition.handled, partition.already_handled), (Some(1), 1, 1));
    assert!(!partition.complete(1, done(0)));
    assert_eq!((partition.handled, partition.fenced), (1, 1));
}

#[test]
fn what_was_handled_is_not_handled_again_after_the_partition_comes_back() {
    let mut partition = partition(3);
    partition.begin(1, 0, Owner::Shared);
    for offset in 0..2 {
        assert_eq!(partition.deliver(1, offset, false), Delivery::New);
        assert!(partition.complete(1, done(offset)));
    }
    partition.end_assignment(2, Stand::Own);
    assert_eq!((partition.start_from(0), partition.begin(3, 0, Owner::Shared)), (2, 2));
    assert_eq!(partition.deliver(3, 1, false), Delivery::NotOurs);
    assert_eq!(partition.deliver(3, 2, false), Delivery::New);
    assert_eq!((partition.position(), partition.already_handled), (Some(2), 0));
}

#[test]
fn what_was_handled_out_of_turn_is_read_again_and_not_handled() {
    let mut partition = partition(4);
    partition.begin(1, 0, Owner::Shared);
    for offset in 0..3 {
        assert_eq!(partition.deliver(1, offset, false), Delivery::New);
    }
    assert!(partition.complete(1, done(0)) && partition.complete(1, done(2)));
    partition.end_assignment(2, Stand::Acknowledged);
    assert_eq!(partition.begin(3, 0, Owner::Shared), 1);
    assert_eq!(partition.deliver(3, 1, false), Delivery::New);
    assert_eq!(partition.deliver(3, 2, false), Delivery::Duplicate);
    assert_eq!((partition.handled, partition.already_handled), (2, 1));
    let told = super::Handled::decode(1, &partition.note(1));
    assert!(told.contains(2) && !told.contains(1));
}

#[test]
fn another_owner_that_got_further_is_believed() {
    let mut partition = partition(10);
    partition.begin(1, 0, Owner::Shared);
    assert_eq!(partition.deliver(1, 0, false), Delivery::New);
    assert!(partition.complete(1, done(0)));
    partition.end_assignment(2, Stand::Acknowledged);
    assert_eq!(partition.position(), None, "the group has not said where it stands");
    partition.seen_elsewhere(5);
    assert_eq!(partition.begin(3, 5, Owner::Shared), 5);
    assert_eq!(partition.deliver(3, 5, false), Delivery::New);
}

#[test]
fn a_partition_that_was_given_back_stands_where_the_group_has_it() {
    let mut partition = partition(2);
    partition.begin(1, 0, Owner::Shared);
    partition.acknowledge(0);
    for offset in 0..2 {
        assert_eq!(partition.deliver(1, offset, false), Delivery::New);
        assert!(partition.complete(1, done(offset)));
    }
    assert!(partition.is_complete() && !partition.is_acknowledged());
    partition.acknowledge(1);
    partition.acknowledge(0);
    partition.end_assignment(2, Stand::Acknowledged);
    assert_eq!((partition.position(), partition.own_position()), (Some(1), 2));
    assert_eq!((partition.is_complete(), partition.state), (false, PartitionState::Waiting));
    assert_eq!(partition.begin(3, 1, Owner::Shared), 2);
    assert!(partition.is_complete() && !partition.is_acknowledged(), "and it is to be committed again");
    partition.acknowledge(2);
    assert!(partition.is_acknowledged());
    partition.end_assignment(4, Stand::Acknowledged);
    assert!(partition.is_complete());
}

/// A worker has a record in hand when the partition is taken away, and is done with it later.
#[test]
fn a_late_result_counts_once_the_partition_is_back() {
    let begun = || {
        let mut partition = partition(3);
        partition.begin(1, 0, Owner::Shared);
        assert_eq!(partition.deliver(1, 0, false), Delivery::New);
        assert_eq!(partition.deliver(1, 1, false), Delivery::New);
        partition.end_assignment(2, Stand::Acknowledged);
        partition
    };
    let counts = |partition: &PartitionRun| (partition.handled, partition.already_handled, partition.groups.records());

    let mut before = begun();
    assert!(!before.complete(1, done(0)) && !before.complete(1, done(1)));
    assert_eq!(counts(&before), (0, 0, 0));
    assert_eq!(before.begin(3, 0, Owner::Shared), 2);
    assert_eq!(counts(&before), (2, 0, 2));

    let mut taken_over = begun();
    assert!(!taken_over.complete(1, done(0)) && !taken_over.complete(1, done(1)));
    assert_eq!(taken_over.begin(3, 1, Owner::Shared), 2, "the first one is another's by now");
    assert_eq!(counts(&taken_over), (1, 0, 1));

    let mut noted = begun();
    assert!(!noted.complete(1, done(0)) && !noted.complete(1, done(1)));
    let earlier = super::Handled::from_iter([(1, 2)]);
    assert_eq!(noted.begin_after(3, 0, Owner::Shared, earlier), 2);
    assert_eq!(counts(&noted), (1, 0, 1), "the second one counts with the process that says it has handled it");

    let mut delivered = begun();
    assert_eq!(delivered.begin(3, 0, Owner::Shared), 0);
    assert!(delivered.complete(1, done(1)));
    assert_eq!(delivered.deliver(3, 0, false), Delivery::New);
    assert_eq!(delivered.deliver(3, 1, false), Delivery::Duplicate);
    assert_eq!(counts(&delivered), (1, 1, 1));

    let mut waiting = begun();
    assert_eq!(waiting.begin(3, 0, Owner::Shared), 0);
    assert_eq!(waiting.deliver(3, 0, false), Delivery::New);
    assert!(!waiting.was_handled_late(3, 0));
    assert!(waiting.complete(1, done(0)));
    assert!(waiting.was_handled_late(3, 0) && !waiting.was_handled_late(3, 1));
    assert!(waiting.complete(3, done(0)), "it comes out of its lane without having been handled again");
    assert_eq!((counts(&waiting), waiting.position()), ((1, 1, 1), Some(1)));
}

#[test]
fn an_assignment_that_ends_below_what_was_handled_before_takes_nothing_back() {
    let mut partition = partition(3);
    partition.begin(1, 0, Owner::Shared);
    for offset in 0..3 {
        assert_eq!(partition.deliver(1, offset, false), Delivery::New);
        assert!(partition.complete(1, done(offset)));
    }
    partition.end_assignment(2, Stand::Own);
    partition.begin(3, 1, Owner::Shared);
    assert_eq!(partition.position(), Some(3));
    partition.end_assignment(4, Stand::Own);
    assert_eq!((partition.position(), partition.own_position()), (Some(3), 3));
    assert!(partition.is_complete());
}

#[test]
fn the_end_of_a_partition_that_is_followed_moves_with_its_log() {
    let mut partition = PartitionRun { follows: true, ..partition(2) };
    partition.begin(1, 0, Owner::Shared);
    for offset in 0..3 {
        assert_eq!(partition.deliver(1, offset, false), Delivery::New);
    }
    assert_eq!((partition.lag(), partition.end), (Lag::Known(3), 3));
    for offset in 0..3 {
        assert!(partition.complete(1, done(offset)));
    }
    assert_eq!((partition.state, partition.is_complete()), (PartitionState::CaughtUp, false));
    partition.see_end(5);
    assert_eq!((partition.state, partition.lag()), (PartitionState::Active, Lag::Known(2)));
    partition.reach(1, 5);
    partition.see_end(4);
    assert_eq!((partition.state, partition.lag(), partition.end), (PartitionState::CaughtUp, Lag::Known(0), 5));
    partition.end_assignment(2, Stand::Own);
    partition.seen_elsewhere(9);
    assert_eq!((partition.state, partition.lag()), (PartitionState::Elsewhere, Lag::Known(0)));
}

#[test]
fn what_retention_has_taken_is_passed_over_and_counted() {
    let mut partition = partition(10);
    partition.begin(1, 0, Owner::Shared);
    assert_eq!(partition.deliver(1, 0, false), Delivery::New);
    assert_eq!(partition.pass_over(0, 4), 0, "that assignment is over");
    assert_eq!(partition.pass_over(1, 4), 3);
    assert_eq!(partition.deliver(1, 4, false), Delivery::New);
    assert!(partition.complete(1, done(0)));
    assert_eq!((partition.position(), partition.lost), (Some(4), 3));
    assert_eq!(partition.pass_over(1, 20), 5, "no further than the end");
    assert!(partition.complete(1, done(4)) && partition.is_complete());
}

#[test]
fn what_an_earlier_attempt_has_handled_is_not_lost() {
    let mut partition = partition(10);
    let state = crate::journal::PartitionState { position: 2, above: vec![(4, 7)], ..Default::default() };
    partition.restore(&crate::journal::StoredPartition { state, ..Default::default() });
    assert_eq!(partition.pass_over(0, 6), 2, "offsets 2 and 3");
    assert_eq!(partition.deliver(0, 6, false), Delivery::Duplicate);
    assert_eq!((partition.position(), partition.lost), (Some(7), 2));
}

#[test]
fn what_the_filter_leaves_out_is_dealt_with_and_not_handled() {
    let mut partition = partition(3);
    partition.begin(1, 0, Owner::Shared);
    assert_eq!(partition.deliver(1, 0, true), Delivery::Filtered);
    assert_eq!(partition.deliver(1, 1, false), Delivery::New);
    assert_eq!(partition.deliver(1, 2, true), Delivery::Filtered);
    assert_eq!((partition.position(), partition.filtered, partition.handled), (Some(1), 2, 0));
    assert!(partition.complete(1, done(1)));
    assert!(partition.is_complete());
}

#[test]
fn the_end_of_the_log_completes_what_compaction_left_short() {
    let mut partition = partition(5);
    partition.begin(1, 0, Owner::Shared);
    assert_eq!(partition.deliver(1, 2, false), Delivery::New);
    partition.reach(1, 9);
    assert_eq!(partition.lag(), Lag::Known(3));
    assert!(partition.complete(1, done(2)));
    assert_eq!((partition.position(), partition.lag()), (Some(5), Lag::Known(0)));
}
