//! Whose results count, and what is not handled again.

use super::{Completed, Delivery, PartitionRun};
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
fn results_of_an_older_assignment_do_not_count() {
    let mut partition = partition(10);
    partition.begin(1, 0, Owner::Shared);
    assert_eq!(partition.deliver(1, 0, false), Delivery::New);
    partition.begin(2, 0, Owner::Shared);
    assert_eq!(partition.deliver(2, 0, false), Delivery::New);
    assert!(!partition.complete(1, done(0)));
    assert_eq!((partition.position(), partition.fenced), (Some(0), 1));
    assert!(partition.complete(2, done(0)));
    assert_eq!(partition.position(), Some(1));
}

#[test]
fn what_was_handled_is_not_handled_again_after_the_partition_comes_back() {
    let mut partition = partition(3);
    partition.begin(1, 0, Owner::Shared);
    for offset in 0..2 {
        assert_eq!(partition.deliver(1, offset, false), Delivery::New);
        assert!(partition.complete(1, done(offset)));
    }
    partition.end_assignment(2);
    partition.begin(3, 0, Owner::Shared);
    assert_eq!(partition.deliver(3, 0, false), Delivery::Duplicate);
    assert_eq!(partition.deliver(3, 1, false), Delivery::Duplicate);
    assert_eq!(partition.deliver(3, 2, false), Delivery::New);
    assert_eq!((partition.position(), partition.already_handled), (Some(2), 2));
}

#[test]
fn an_assignment_that_ends_below_what_was_handled_before_takes_nothing_back() {
    let mut partition = partition(3);
    partition.begin(1, 0, Owner::Shared);
    for offset in 0..3 {
        assert_eq!(partition.deliver(1, offset, false), Delivery::New);
        assert!(partition.complete(1, done(offset)));
    }
    partition.end_assignment(2);
    partition.begin(3, 1, Owner::Shared);
    assert_eq!(partition.position(), Some(1), "it is read from there again");
    partition.end_assignment(4);
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
    partition.end_assignment(2);
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
