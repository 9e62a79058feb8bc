//! Members whose assignments overlap, as a coordinator makes them that does not wait for the old owner.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{engine::Engine, membership::RunMembership, rebalance::Rebalances, settings::Settings};
use crate::{
    domain::{Offset, TopicPartition},
    feed::{EventLog, Owner},
    kafka::{Membership, StartAt},
    plan::{Plan, PlannedPartition},
};

fn setup() -> (Arc<Engine>, RunMembership, RunMembership, TopicPartition) {
    let id = TopicPartition::new("t", 0);
    let planned = PlannedPartition { id: id.clone(), first: Offset::ZERO, end: Offset::new(100).unwrap() };
    let plan = Arc::new(Plan { topics: vec!["t".into()], partitions: vec![planned] });
    let engine = Arc::new(Engine::new(plan, Settings::default(), EventLog::default()));
    let rebalances = Arc::new(Mutex::new(Rebalances::new(1)));
    let member = |number| RunMembership::new(Arc::clone(&engine), number, Arc::clone(&rebalances));
    (Arc::clone(&engine), member(0), member(1), id)
}

fn assign(member: &RunMembership, id: &TopicPartition, committed: i64) -> Vec<StartAt> {
    member.assigned(&[(id.clone(), Ok(Offset::new(committed)))])
}

fn revoke(member: &RunMembership, id: &TopicPartition) -> Vec<(TopicPartition, Offset)> {
    let ids = [id.clone()];
    let positions = member.revoking(&ids);
    member.revoked(&ids, None);
    positions
}

#[test]
fn a_member_that_hears_late_of_its_loss_does_not_touch_the_next_owners_assignment() {
    let (engine, old, new, id) = setup();
    assign(&old, &id, 7);
    assign(&new, &id, 7);
    assert_eq!(revoke(&old, &id), [], "it commits nothing either");
    assert_eq!(engine.partitions[0].lock().owner, Owner::Member("member-1".into()));
    assert_eq!(engine.partitions[0].lock().position(), Some(7));
    assert!(new.orphans().is_empty());
    assert_eq!(revoke(&new, &id), [(id, Offset::new(7).unwrap())]);
}

#[test]
fn a_partition_whose_owners_were_told_in_the_wrong_order_is_taken_up_again() {
    let (engine, old, new, id) = setup();
    assign(&new, &id, 0);
    assign(&old, &id, 0);
    assert!(new.orphans().is_empty(), "somebody works on it");
    revoke(&old, &id);
    assert_eq!(engine.partitions[0].lock().owner, Owner::Nobody);
    assert_eq!(new.orphans(), [0]);

    new.adopt(0, Offset::new(40), |_| false);
    assert_eq!(new.orphans(), [0], "reading could not be sent back, so nothing changes");
    new.adopt(0, Offset::new(40), |start| start.get() == 40);
    assert!(new.orphans().is_empty());
    assert_eq!(engine.partitions[0].lock().position(), Some(40));
    let epoch = engine.partitions[0].lock().epoch;
    assert_eq!(new.take_news().last(), Some(&(0, epoch)), "what is read from now on counts");
}

#[test]
fn a_lost_partition_is_neither_committed_nor_kept() {
    let (engine, member, _, id) = setup();
    assign(&member, &id, 3);
    member.lost(std::slice::from_ref(&id));
    assert!(member.partitions().is_empty());
    assert!(member.positions_to_commit().is_empty());
    assert_eq!(engine.partitions[0].lock().owner, Owner::Nobody);
}

#[test]
fn a_committed_position_below_the_log_is_raised_with_a_warning() {
    let (engine, member, _, id) = setup();
    engine.with(0, |partition| partition.first = 50);
    assert_eq!(assign(&member, &id, 10), [StartAt::Offset(Offset::new(50).unwrap())]);
    let told = engine.events.since(0).iter().any(|event| event.kind.to_string().contains("below the log's start"));
    assert!(told);
}
