//! How members of one process affect each other's partitions.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_kafka::{CommittedError, Membership, StartAt};
use kreplay_model::{
    domain::{Offset, Ordering, TopicPartition},
    feed::EventKind,
};
use parking_lot::Mutex;

use super::{
    membership::{OrphanStart, RunMembership},
    rebalance::Rebalances,
};
use crate::{
    plan::RangeStart,
    replay::engine::{Engine, fixture::Fixture},
    rules::Rules,
};

fn members(fixture: &Fixture) -> [RunMembership; 2] {
    let rebalances = Arc::new(Mutex::new(Rebalances::new(1)));
    [0, 1].map(|number| RunMembership::new(Arc::clone(&fixture.engine), number, Arc::clone(&rebalances)))
}

fn join(member: &RunMembership, id: &TopicPartition, committed: i64) -> u32 {
    let starts = member.assigned(&[(id.clone(), Ok(Offset::new(committed)))]);
    assert_eq!(starts, [StartAt::Offset(Offset::new(committed).unwrap())]);
    let assignments = member.take_new_assignments();
    assert_eq!(assignments.len(), 1);
    assignments[0].1
}

fn is_reported(fixture: &Fixture, text: &str) -> bool {
    fixture.engine.events.since(0).iter().any(|event| event.kind.to_string().contains(text))
}

fn handle_all(engine: &Engine) {
    let mut batch = Vec::new();
    while engine.scheduler.try_take(0, &mut batch) {
        engine.settle(std::mem::take(&mut batch), &[], Duration::ZERO);
    }
}

/// A member learns late that it lost its partition. The work of the next owner continues.
#[test]
fn a_late_revocation_does_not_end_the_assignment_of_the_next_owner() {
    for is_lost in [true, false] {
        let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 10]]);
        let [old, new] = members(&fixture);
        let id = fixture.engine.partitions.lock(0).id.clone();
        fixture.deliver(0, join(&old, &id, 0), 0..10);
        let epoch = join(&new, &id, 0);
        fixture.deliver(0, epoch, 0..5);
        if is_lost {
            old.lost(std::slice::from_ref(&id));
        } else {
            assert_eq!(old.revoking(std::slice::from_ref(&id)), [], "the old member no longer commits its position");
            old.revoked(std::slice::from_ref(&id), None);
        }
        assert_eq!((old.partitions(), new.partitions()), (vec![], vec![0]));
        fixture.deliver(0, epoch, 5..10);
        let _ = fixture.engine.scheduler.set_workers(1);
        handle_all(&fixture.engine);
        assert_eq!(fixture.engine.partitions.open(), 0, "lost: {is_lost}");
        assert_eq!(new.positions_to_commit(), [(id, Offset::new(10).unwrap())]);
    }
}

/// A partition that is revoked again and again is drained, committed, and continued at its position.
#[test]
fn a_partition_goes_from_one_member_to_another_and_back() {
    let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 9]]);
    let members = members(&fixture);
    let id = fixture.engine.partitions.lock(0).id.clone();
    let _ = fixture.engine.scheduler.set_workers(1);
    for (turn, end) in [(0, 3), (1, 6), (0, 9)] {
        let epoch = join(&members[turn], &id, end - 3);
        fixture.deliver(0, epoch, end - 3..end);
        handle_all(&fixture.engine);
        let committed = members[turn].revoking(std::slice::from_ref(&id));
        assert_eq!(committed, [(id.clone(), Offset::new(end).unwrap())]);
        fixture.deliver(0, epoch, end..9);
        assert_eq!(fixture.engine.scheduler.load(), (0, 0), "records of a fenced assignment are dropped");
        members[turn].committed(&committed);
        members[turn].revoked(std::slice::from_ref(&id), None);
        assert_eq!(members[turn].positions_to_commit(), []);
    }
    assert_eq!((fixture.engine.partitions.open(), fixture.engine.partitions.lock(0).handled), (0, 9));
}

/// A coordinator that does not wait for the old owner can inform the two owners in either order.
#[test]
fn a_partition_orphaned_by_reordered_assignments_is_adopted() {
    let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 90]]);
    let [old, new] = members(&fixture);
    let id = fixture.engine.partitions.lock(0).id.clone();
    join(&new, &id, 0);
    join(&old, &id, 0);
    assert!(new.orphans().is_empty(), "the second member works on it");
    let _ = old.revoking(std::slice::from_ref(&id));
    old.revoked(std::slice::from_ref(&id), None);
    assert_eq!(new.orphans(), [0]);

    new.adopt(0, OrphanStart::Committed(Offset::new(40)), |_| false);
    assert_eq!(new.orphans(), [0], "without a seek nothing changes");
    new.adopt(0, OrphanStart::Committed(Offset::new(40)), |start| start.get() == 40);
    assert!(new.orphans().is_empty());
    let (position, epoch) = {
        let partition = fixture.engine.partitions.lock(0);
        (partition.position(), partition.epoch)
    };
    assert_eq!(position, Some(40));
    assert_eq!(new.take_new_assignments().last(), Some(&(0, epoch)), "records read from now on count");
}

/// The run's own thread settles a rebalance as soon as every partition has an owner.
#[test]
fn a_rebalance_ends_only_after_its_begin_and_the_assignment_are_reported() {
    let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 9]]);
    let rebalances = Arc::new(Mutex::new(Rebalances::new(1)));
    let member = RunMembership::new(Arc::clone(&fixture.engine), 0, Arc::clone(&rebalances));
    let id = fixture.engine.partitions.id(0).clone();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| join(&member, &id, 0));
        while rebalances.lock().settle(Instant::now(), 1).is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60));
            std::thread::yield_now();
        }
        let events = fixture.engine.events.since(0);
        let of = |is_one: fn(&EventKind) -> bool| events.iter().position(|event| is_one(&event.kind)).unwrap();
        let started = of(|kind| matches!(kind, EventKind::RebalanceStarted { .. }));
        let assigned = of(|kind| matches!(kind, EventKind::Assigned { .. }));
        assert!(started < assigned);
    });
}

/// The last commit of a run is refused, retried, and acknowledged.
#[test]
fn a_run_ends_only_after_its_last_commit_is_acknowledged() {
    let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 9]]);
    let settings = crate::settings::Settings { group: Some("g".into()), ..fixture.engine.settings.clone() };
    let fixture = Fixture::with(&fixture.log, settings);
    let [member, other] = members(&fixture);
    let id = fixture.engine.partitions.lock(0).id.clone();
    let _ = fixture.engine.scheduler.set_workers(1);
    let epoch = join(&member, &id, 0);
    fixture.deliver(0, epoch, 0..9);
    handle_all(&fixture.engine);
    assert!(fixture.engine.partitions.finished_at().is_some() && !member.is_acknowledged());
    assert_eq!(fixture.engine.partitions.unacknowledged(), (vec![id.clone()], 1));
    assert!(!member.commit_all(|_| Err("the group is rebalancing".into())));
    assert!(!member.is_acknowledged());
    assert!(is_reported(&fixture, "is rebalancing"));

    // Lost without an acknowledgement, the partition falls back to the group's position. The next owner continues
    // there.
    member.lost(std::slice::from_ref(&id));
    assert_eq!(fixture.engine.partitions.open(), 1);
    assert_eq!(fixture.engine.partitions.lock(0).position(), Some(0));
    let starts = other.assigned(&[(id.clone(), Ok(Offset::new(0)))]);
    assert_eq!(starts, [StartAt::Offset(Offset::new(9).unwrap())], "nothing is handled again");
    assert_eq!(fixture.engine.partitions.open(), 0);
    assert!(other.commit_all(|positions| {
        assert_eq!(positions, [(id.clone(), Offset::new(9).unwrap())]);
        other.committed(positions);
        Ok(())
    }));
    assert!(other.is_acknowledged());
    assert_eq!(fixture.engine.partitions.unacknowledged(), (vec![], 0));
    other.lost(std::slice::from_ref(&id));
    assert_eq!(fixture.engine.partitions.open(), 0, "the group has the position");
}

#[test]
fn a_committed_position_below_the_log_is_raised_with_a_warning() {
    let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 90]]);
    let [member, _] = members(&fixture);
    let id = fixture.engine.partitions.lock(0).id.clone();
    fixture.engine.partitions.with(0, |partition| partition.first = 50);
    let starts = member.assigned(&[(id, Ok(Offset::new(10)))]);
    assert_eq!(starts, [StartAt::Offset(Offset::new(50).unwrap())]);
    assert!(is_reported(&fixture, "below the log's start"));
}

/// A topic may not be described any more when partitions are assigned. Those of the other topics are read on.
#[test]
fn a_partition_whose_committed_offset_its_topic_hides_fails_alone() {
    let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 9], vec![Some(1); 9]]);
    let [member, _] = members(&fixture);
    let ids = [0, 1].map(|index| fixture.engine.partitions.id(index).clone());
    let denied = || Err(CommittedError::Topic("topic authorization failed".into()));
    for _ in 0..2 {
        let starts = member.assigned(&[(ids[0].clone(), denied()), (ids[1].clone(), Ok(None))]);
        assert_eq!(starts, [StartAt::End, StartAt::Offset(Offset::ZERO)]);
        assert!(!fixture.engine.status.has_failed());
        let have_failed = [0, 1].map(|index| fixture.engine.partitions.lock(index).has_failed());
        assert_eq!((have_failed, member.partitions()), ([true, false], vec![1]));
    }
    assert!(is_reported(&fixture, "topic authorization failed"));
    assert_eq!(member.positions_to_commit(), [(ids[1].clone(), Offset::ZERO)], "nothing of the other one");

    let starts = member.assigned(&[(ids[0].clone(), Err(CommittedError::Other("no answer".into())))]);
    assert_eq!(starts, [StartAt::Committed]);
    assert!(fixture.engine.status.has_failed(), "no other partition can be read either");
}

/// The committed offset lies above the end of the log that the plan found.
#[test]
fn nothing_is_left_to_read_above_the_planned_end_unless_the_run_follows_the_log() {
    let log = [vec![Some(1_u8); 9]];
    let following = Fixture::following(&log, RangeStart::Earliest);
    for (fixture, expected) in [(Fixture::new(Ordering::Key, &log), true), (following, false)] {
        let [member, _] = members(&fixture);
        let id = fixture.engine.partitions.lock(0).id.clone();
        join(&member, &id, 12);
        assert_eq!(is_reported(&fixture, "nothing is left to read"), expected);
    }
}

#[test]
fn a_run_that_follows_the_log_reports_offsets_beyond_its_start_wherever_the_log_ended() {
    for committed in [5, 12] {
        let fixture = Fixture::following(&[vec![Some(1); 9]], RangeStart::Offset(Offset::ZERO));
        let [member, _] = members(&fixture);
        let id = fixture.engine.partitions.lock(0).id.clone();
        join(&member, &id, committed);
        assert!(is_reported(&fixture, "beyond the start of the range"), "{committed}");
    }
}

/// With partition order, the lanes of a partition belong to one worker, which may have ended: no worker would drop the
/// records.
#[test]
fn fencing_frees_memory_without_a_worker() {
    let fixture = Fixture::new(Ordering::Partition, &[vec![Some(1); 10]]);
    let [member, _] = members(&fixture);
    let id = fixture.engine.partitions.lock(0).id.clone();
    fixture.deliver(0, join(&member, &id, 0), 0..10);
    let held = || fixture.engine.memory.held.load(std::sync::atomic::Ordering::Relaxed);
    assert!(held() > 0);
    let _ = member.revoking(std::slice::from_ref(&id));
    assert_eq!((held(), fixture.engine.scheduler.load()), (0, (0, 0)));
}

/// A filter that matches nothing may be a mistake: positions stay uncommitted until that was reported.
fn check_filter(fixture: &Fixture) {
    let Engine { matches, partitions, counters, events, .. } = &*fixture.engine;
    matches.check(partitions, counters, events);
}

#[test]
fn nothing_is_committed_past_filtered_records_until_an_unmatched_filter_is_reported() {
    for passes in [false, true] {
        let mut rules = Rules::default();
        rules.filter.keys = vec!["none".parse().unwrap()];
        let mut fixture = Fixture::with_rules(&[vec![Some(1); 10]], rules);
        fixture.excluded = if passes { 0..9 } else { 0..10 };
        let [member, _] = members(&fixture);
        let id = fixture.engine.partitions.lock(0).id.clone();
        let epoch = join(&member, &id, 0);
        fixture.deliver(0, epoch, 0..8);
        check_filter(&fixture);
        assert_eq!(member.positions_to_commit(), [], "a matching record may still come");
        fixture.deliver(0, epoch, 8..10);
        let _ = fixture.engine.scheduler.set_workers(1);
        handle_all(&fixture.engine);
        let warnings = || {
            fixture
                .engine
                .events
                .since(0)
                .iter()
                .filter(|event| event.kind.to_string().contains("passes the filter"))
                .count()
        };
        if passes {
            assert_eq!(member.positions_to_commit(), [(id, Offset::new(10).unwrap())]);
            check_filter(&fixture);
            assert_eq!(warnings(), 0);
            continue;
        }
        assert_eq!((member.positions_to_commit(), warnings()), (vec![], 0));
        check_filter(&fixture);
        check_filter(&fixture);
        assert_eq!(warnings(), 1);
        assert_eq!(member.positions_to_commit(), [(id, Offset::new(10).unwrap())]);
    }
}
