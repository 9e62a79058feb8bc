//! What members do to each other's partitions.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{
    membership::{From, RunMembership},
    rebalance::Rebalances,
};
use crate::{
    domain::{Offset, Ordering, TopicPartition},
    kafka::{Membership, StartAt},
    plan::Rules,
    replay::engine::{Engine, fixture::Fixture},
};

fn members(fixture: &Fixture) -> [RunMembership; 2] {
    let rebalances = Arc::new(Mutex::new(Rebalances::new(1)));
    [0, 1].map(|number| RunMembership::new(Arc::clone(&fixture.engine), number, Arc::clone(&rebalances)))
}

fn join(member: &RunMembership, id: &TopicPartition, committed: i64) -> u32 {
    let starts = member.assigned(&[(id.clone(), Ok(Offset::new(committed)))]);
    assert_eq!(starts, [StartAt::Offset(Offset::new(committed).unwrap())]);
    let news = member.take_news();
    assert_eq!(news.len(), 1);
    news[0].1
}

fn handle_all(engine: &Engine) {
    let mut batch = Vec::new();
    while engine.board.try_take(0, &mut batch) {
        engine.settle(std::mem::take(&mut batch), &[], std::time::Duration::ZERO);
    }
}

/// A member that was cut off hears of it after another has begun with its partition: the other's work goes on.
#[test]
fn what_a_member_learns_late_does_not_end_the_assignment_of_another() {
    for is_lost in [true, false] {
        let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 10]]);
        let [old, new] = members(&fixture);
        let id = fixture.engine.partitions[0].lock().id.clone();
        fixture.deliver(0, join(&old, &id, 0), 0..10);
        let epoch = join(&new, &id, 0);
        fixture.deliver(0, epoch, 0..5);
        if is_lost {
            old.lost(std::slice::from_ref(&id));
        } else {
            assert_eq!(old.revoking(std::slice::from_ref(&id)), [], "its positions are no longer the old member's");
            old.revoked(std::slice::from_ref(&id), None);
        }
        assert_eq!((old.partitions(), new.partitions()), (vec![], vec![0]));
        fixture.deliver(0, epoch, 5..10);
        let _ = fixture.engine.board.set_workers(1);
        handle_all(&fixture.engine);
        assert_eq!(fixture.engine.open(), 0, "lost: {is_lost}");
        assert_eq!(new.positions_to_commit(), [(id, Offset::new(10).unwrap())]);
    }
}

/// What is revoked in turn is drained, committed and taken on where it was left.
#[test]
fn a_partition_goes_from_one_member_to_another_and_back() {
    let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 9]]);
    let members = members(&fixture);
    let id = fixture.engine.partitions[0].lock().id.clone();
    let _ = fixture.engine.board.set_workers(1);
    for (turn, end) in [(0, 3), (1, 6), (0, 9)] {
        let epoch = join(&members[turn], &id, end - 3);
        fixture.deliver(0, epoch, end - 3..end);
        handle_all(&fixture.engine);
        let committed = members[turn].revoking(std::slice::from_ref(&id));
        assert_eq!(committed, [(id.clone(), Offset::new(end).unwrap())]);
        fixture.deliver(0, epoch, end..9);
        assert_eq!(fixture.engine.board.load(), (0, 0), "what was read under a fenced assignment is dropped");
        members[turn].committed(&committed);
        members[turn].revoked(std::slice::from_ref(&id), None);
        assert_eq!(members[turn].positions_to_commit(), []);
    }
    assert_eq!((fixture.engine.open(), fixture.engine.partitions[0].lock().handled), (0, 9));
}

/// A coordinator that does not wait for the old owner can have its two owners told in either order.
#[test]
fn a_partition_whose_owners_were_told_in_the_wrong_order_is_taken_up_again() {
    let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 90]]);
    let [old, new] = members(&fixture);
    let id = fixture.engine.partitions[0].lock().id.clone();
    join(&new, &id, 0);
    join(&old, &id, 0);
    assert!(new.orphans().is_empty(), "somebody works on it");
    let _ = old.revoking(std::slice::from_ref(&id));
    old.revoked(std::slice::from_ref(&id), None);
    assert_eq!(new.orphans(), [0]);

    new.adopt(0, From::Committed(Offset::new(40)), |_| false);
    assert_eq!(new.orphans(), [0], "reading could not be sent back, so nothing changes");
    new.adopt(0, From::Committed(Offset::new(40)), |start| start.get() == 40);
    assert!(new.orphans().is_empty());
    let (position, epoch) = {
        let partition = fixture.engine.partitions[0].lock();
        (partition.position(), partition.epoch)
    };
    assert_eq!(position, Some(40));
    assert_eq!(new.take_news().last(), Some(&(0, epoch)), "what is read from now on counts");
}

/// The run's last commit is refused, tried again, and acknowledged.
#[test]
fn a_run_is_not_over_for_the_group_before_its_last_commit_is_acknowledged() {
    let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 9]]);
    let settings = crate::replay::settings::Settings { group: Some("g".into()), ..fixture.engine.settings.clone() };
    let fixture = Fixture::with(&fixture.log, settings);
    let [member, other] = members(&fixture);
    let id = fixture.engine.partitions[0].lock().id.clone();
    let _ = fixture.engine.board.set_workers(1);
    let epoch = join(&member, &id, 0);
    fixture.deliver(0, epoch, 0..9);
    handle_all(&fixture.engine);
    assert!(fixture.engine.finished_at().is_some() && !member.is_acknowledged());
    assert_eq!(fixture.engine.unacknowledged(), (vec![id.clone()], 1));
    assert!(!member.commit_all(|_| Err("the group is rebalancing".into())));
    assert!(!member.is_acknowledged());
    let told = fixture.engine.events.since(0).iter().any(|event| event.kind.to_string().contains("is rebalancing"));
    assert!(told);

    // Taken away without an acknowledgement it stands where the group has it, and whoever gets it goes on from there.
    member.lost(std::slice::from_ref(&id));
    assert_eq!(fixture.engine.open(), 1);
    assert_eq!(fixture.engine.partitions[0].lock().position(), Some(0));
    let starts = other.assigned(&[(id.clone(), Ok(Offset::new(0)))]);
    assert_eq!(starts, [StartAt::Offset(Offset::new(9).unwrap())], "nothing is handled again");
    assert_eq!(fixture.engine.open(), 0);
    assert!(other.commit_all(|positions| {
        assert_eq!(positions, [(id.clone(), Offset::new(9).unwrap())]);
        Ok(())
    }));
    assert!(other.is_acknowledged());
    assert_eq!(fixture.engine.unacknowledged(), (vec![], 0));
    other.lost(std::slice::from_ref(&id));
    assert_eq!(fixture.engine.open(), 0, "the group has it");
}

#[test]
fn a_committed_position_below_the_log_is_raised_with_a_warning() {
    let fixture = Fixture::new(Ordering::Key, &[vec![Some(1); 90]]);
    let [member, _] = members(&fixture);
    let id = fixture.engine.partitions[0].lock().id.clone();
    fixture.engine.with(0, |partition| partition.first = 50);
    let starts = member.assigned(&[(id, Ok(Offset::new(10)))]);
    assert_eq!(starts, [StartAt::Offset(Offset::new(50).unwrap())]);
    let told =
        fixture.engine.events.since(0).iter().any(|event| event.kind.to_string().contains("below the log's start"));
    assert!(told);
}

/// With partition order the lanes of a partition belong to one worker, which may be gone: nobody would come to drop them.
#[test]
fn what_is_fenced_gives_its_memory_back_without_a_worker() {
    let fixture = Fixture::new(Ordering::Partition, &[vec![Some(1); 10]]);
    let [member, _] = members(&fixture);
    let id = fixture.engine.partitions[0].lock().id.clone();
    fixture.deliver(0, join(&member, &id, 0), 0..10);
    let held = || fixture.engine.held.load(std::sync::atomic::Ordering::Relaxed);
    assert!(held() > 0);
    let _ = member.revoking(std::slice::from_ref(&id));
    assert_eq!((held(), fixture.engine.board.load()), (0, (0, 0)));
}

/// A filter that lets nothing pass may be a mistake: positions stay uncommitted until that was told.
#[test]
fn nothing_is_committed_past_what_a_filter_left_out_before_it_was_told_that_nothing_matches() {
    for passes in [false, true] {
        let mut rules = Rules::default();
        rules.filter.keys = vec!["none".parse().unwrap()];
        let mut fixture = Fixture::with_rules(&[vec![Some(1); 10]], rules);
        fixture.left_out = if passes { 0..9 } else { 0..10 };
        let [member, _] = members(&fixture);
        let id = fixture.engine.partitions[0].lock().id.clone();
        let epoch = join(&member, &id, 0);
        fixture.deliver(0, epoch, 0..8);
        fixture.engine.look_for_matches();
        assert_eq!(member.positions_to_commit(), [], "more may come that matches");
        fixture.deliver(0, epoch, 8..10);
        let _ = fixture.engine.board.set_workers(1);
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
            fixture.engine.look_for_matches();
            assert_eq!(warnings(), 0);
            continue;
        }
        assert_eq!((member.positions_to_commit(), warnings()), (vec![], 0));
        fixture.engine.look_for_matches();
        fixture.engine.look_for_matches();
        assert_eq!(warnings(), 1);
        assert_eq!(member.positions_to_commit(), [(id, Offset::new(10).unwrap())]);
    }
}
