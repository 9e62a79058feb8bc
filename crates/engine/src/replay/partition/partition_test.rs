//! Which results count, and which records are not handled again.

use std::time::Instant;

use kreplay_model::{
    domain::{Lag, Offset, TopicPartition},
    feed::PartitionState,
};

use super::Owner;
use super::{Delivery, HandledOffsets, PartitionRun, PositionSource, SettledRecord};
use crate::plan::PlannedPartition;

fn partition(end: i64) -> PartitionRun {
    let planned =
        PlannedPartition { id: TopicPartition::new("t", 0), first: Offset::ZERO, end: Offset::new(end).unwrap() };
    PartitionRun::new(&planned, false)
}

fn done(offset: i64) -> SettledRecord {
    SettledRecord { offset, group: 1, content: offset.unsigned_abs(), bytes: 10, handled: true }
}

#[test]
fn an_empty_partition_is_complete_at_once() {
    let mut partition = partition(0);
    assert!(!partition.is_complete(), "its end has not been reached yet");
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

/// The target rejects results of a process that has lost a partition. An accepted one counts, even if the target's
/// position is already above the record.
#[test]
fn a_late_result_that_the_target_has_accepted_counts_once() {
    let mut partition = partition(10);
    partition.begin_at_target(1, 0, Owner::Shared, HandledOffsets::default());
    for offset in 0..3 {
        assert_eq!(partition.deliver(1, offset, false), Delivery::New);
    }
    partition.end_assignment(2, PositionSource::Acknowledged);
    assert!(partition.complete(1, done(0)), "it counts even if the partition does not return");
    let applied = [(3, 4)].into_iter().collect();
    assert_eq!(partition.begin_at_target(3, 2, Owner::Shared, applied), 2);
    assert!(partition.complete(1, done(1)), "the target's position was read after it had accepted this");
    assert_eq!(partition.deliver(3, 2, false), Delivery::New);
    assert!(partition.complete(1, done(2)));
    assert!(partition.was_handled_late(3, 2) && partition.complete(3, done(2)));
    assert_eq!((partition.position(), partition.handled, partition.already_handled), (Some(3), 3, 1));
}

/// Without key order, two workers may hold the same record, and the target accepts the second attempt as already
/// applied.
#[test]
fn a_late_result_of_a_record_that_was_handled_again_does_not_count() {
    let mut partition = partition(10);
    partition.begin_at_target(1, 0, Owner::Shared, HandledOffsets::default());
    assert_eq!(partition.deliver(1, 0, false), Delivery::New);
    partition.end_assignment(2, PositionSource::Acknowledged);
    partition.begin_at_target(3, 0, Owner::Shared, HandledOffsets::default());
    assert_eq!(partition.deliver(3, 0, false), Delivery::New);
    assert!(partition.complete(3, done(0)));
    assert!(!partition.complete(1, done(0)));
    assert_eq!((partition.handled, partition.fenced), (1, 1));
}

#[test]
fn handled_records_are_not_handled_again_after_reassignment() {
    let mut partition = partition(3);
    partition.begin(1, 0, Owner::Shared);
    for offset in 0..2 {
        assert_eq!(partition.deliver(1, offset, false), Delivery::New);
        assert!(partition.complete(1, done(offset)));
    }
    partition.end_assignment(2, PositionSource::Own);
    assert_eq!((partition.start_from(0), partition.begin(3, 0, Owner::Shared)), (2, 2));
    assert_eq!(partition.deliver(3, 1, false), Delivery::OutOfScope);
    assert_eq!(partition.deliver(3, 2, false), Delivery::New);
    assert_eq!((partition.position(), partition.already_handled), (Some(2), 0));
}

#[test]
fn records_handled_out_of_order_are_read_but_not_handled_again() {
    let mut partition = partition(4);
    partition.begin(1, 0, Owner::Shared);
    for offset in 0..3 {
        assert_eq!(partition.deliver(1, offset, false), Delivery::New);
    }
    assert!(partition.complete(1, done(0)) && partition.complete(1, done(2)));
    partition.end_assignment(2, PositionSource::Acknowledged);
    assert_eq!(partition.begin(3, 0, Owner::Shared), 1);
    assert_eq!(partition.deliver(3, 1, false), Delivery::New);
    assert_eq!(partition.deliver(3, 2, false), Delivery::Duplicate);
    assert_eq!((partition.handled, partition.already_handled), (2, 1));
    let noted = super::CommitNote::decode(1, &partition.commit_note(1, None)).handled;
    assert!(noted.contains(2) && !noted.contains(1));
}

#[test]
fn the_higher_position_of_another_owner_is_accepted() {
    let mut partition = partition(10);
    partition.begin(1, 0, Owner::Shared);
    assert_eq!(partition.deliver(1, 0, false), Delivery::New);
    assert!(partition.complete(1, done(0)));
    partition.end_assignment(2, PositionSource::Acknowledged);
    assert_eq!(partition.position(), None, "the group's position is not known");
    partition.seen_elsewhere(5, None, Instant::now());
    assert_eq!(partition.begin(3, 5, Owner::Shared), 5);
    assert_eq!(partition.deliver(3, 5, false), Delivery::New);
}

/// It failed here, so the run fails here, whether or not another process can read the partition.
#[test]
fn a_failed_partition_stays_failed_until_it_is_assigned_again() {
    let mut partition = partition(10);
    partition.begin(1, 0, Owner::Shared);
    partition.state = PartitionState::Failed;
    partition.end_assignment(2, PositionSource::Acknowledged);
    for position in [5, 10] {
        partition.seen_elsewhere(position, None, Instant::now());
        assert_eq!((partition.state, partition.is_complete()), (PartitionState::Failed, false), "{position}");
    }
    partition.begin(3, 5, Owner::Shared);
    assert_eq!((partition.state, partition.position()), (PartitionState::Active, Some(5)));
}

/// A topic that is gone fails in all processes, also where another process has its partitions.
#[test]
fn a_partition_that_has_failed_without_being_assigned_stays_failed() {
    let mut partition = partition(10);
    partition.seen_elsewhere(3, None, Instant::now());
    partition.state = PartitionState::Failed;
    partition.seen_elsewhere(4, None, Instant::now());
    assert_eq!((partition.state, partition.position()), (PartitionState::Failed, Some(3)));
}

#[test]
fn a_revoked_partition_falls_back_to_the_acknowledged_position() {
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
    partition.end_assignment(2, PositionSource::Acknowledged);
    assert_eq!((partition.position(), partition.own_position()), (Some(1), 2));
    assert_eq!((partition.is_complete(), partition.state), (false, PartitionState::Waiting));
    assert_eq!(partition.begin(3, 1, Owner::Shared), 2);
    assert!(partition.is_complete() && !partition.is_acknowledged(), "it must be committed again");
    partition.acknowledge(2);
    assert!(partition.is_acknowledged());
    partition.end_assignment(4, PositionSource::Acknowledged);
    assert!(partition.is_complete());
}

/// A record is in flight when the partition is taken away, and is handled later.
#[test]
fn a_late_result_counts_once_the_partition_is_assigned_again() {
    let begun = || {
        let mut partition = partition(3);
        partition.begin(1, 0, Owner::Shared);
        assert_eq!(partition.deliver(1, 0, false), Delivery::New);
        assert_eq!(partition.deliver(1, 1, false), Delivery::New);
        partition.end_assignment(2, PositionSource::Acknowledged);
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
    assert_eq!(taken_over.begin(3, 1, Owner::Shared), 2, "another process has handled the first one");
    assert_eq!(counts(&taken_over), (1, 0, 1));

    let mut noted = begun();
    assert!(!noted.complete(1, done(0)) && !noted.complete(1, done(1)));
    let earlier = super::HandledOffsets::from_iter([(1, 2)]);
    assert_eq!(noted.begin_after(3, 0, Owner::Shared, earlier), 2);
    assert_eq!(counts(&noted), (1, 0, 1), "the second one counts in the process that noted it");

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
    assert!(waiting.complete(3, done(0)), "it leaves its lane without being handled again");
    assert_eq!((counts(&waiting), waiting.position()), ((1, 1, 1), Some(1)));
}

#[test]
fn an_assignment_that_ends_below_settled_records_does_not_lower_the_position() {
    let mut partition = partition(3);
    partition.begin(1, 0, Owner::Shared);
    for offset in 0..3 {
        assert_eq!(partition.deliver(1, offset, false), Delivery::New);
        assert!(partition.complete(1, done(offset)));
    }
    partition.end_assignment(2, PositionSource::Own);
    partition.begin(3, 1, Owner::Shared);
    assert_eq!(partition.position(), Some(3));
    partition.end_assignment(4, PositionSource::Own);
    assert_eq!((partition.position(), partition.own_position()), (Some(3), 3));
    assert!(partition.is_complete());
}

#[test]
fn the_end_of_a_followed_partition_moves_with_its_log() {
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
    partition.extend_end(5);
    assert_eq!((partition.state, partition.lag()), (PartitionState::Active, Lag::Known(2)));
    partition.reach(1, 5);
    partition.extend_end(4);
    assert_eq!((partition.state, partition.lag(), partition.end), (PartitionState::CaughtUp, Lag::Known(0), 5));
    partition.end_assignment(2, PositionSource::Own);
    partition.seen_elsewhere(9, None, Instant::now());
    assert_eq!((partition.state, partition.lag()), (PartitionState::Elsewhere, Lag::Known(0)));
}

#[test]
fn records_deleted_by_retention_are_skipped_and_counted() {
    let mut partition = partition(10);
    partition.begin(1, 0, Owner::Shared);
    assert_eq!(partition.deliver(1, 0, false), Delivery::New);
    assert_eq!(partition.skip_lost(0, 4), 0, "that assignment is over");
    assert_eq!(partition.skip_lost(1, 4), 3);
    assert_eq!(partition.deliver(1, 4, false), Delivery::New);
    assert!(partition.complete(1, done(0)));
    assert_eq!((partition.position(), partition.lost), (Some(4), 3));
    assert_eq!(partition.skip_lost(1, 20), 5, "no further than the end");
    assert!(partition.complete(1, done(4)) && partition.is_complete());
}

#[test]
fn records_handled_by_an_earlier_attempt_do_not_count_as_lost() {
    let mut partition = partition(10);
    let state = crate::journal::PartitionState { position: 2, above: vec![(4, 7)], ..Default::default() };
    partition.restore(&crate::journal::StoredPartition { state, ..Default::default() });
    assert_eq!(partition.skip_lost(0, 6), 2, "offsets 2 and 3");
    assert_eq!(partition.deliver(0, 6, false), Delivery::Duplicate);
    assert_eq!((partition.position(), partition.lost), (Some(7), 2));
}

#[test]
fn filtered_records_are_settled_but_not_handled() {
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
fn reaching_the_end_of_the_log_completes_a_compacted_partition() {
    let mut partition = partition(5);
    partition.begin(1, 0, Owner::Shared);
    assert_eq!(partition.deliver(1, 2, false), Delivery::New);
    partition.reach(1, 9);
    assert_eq!(partition.lag(), Lag::Known(3));
    assert!(partition.complete(1, done(2)));
    assert_eq!((partition.position(), partition.lag()), (Some(5), Lag::Known(0)));
}
