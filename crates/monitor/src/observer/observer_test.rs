//! Verdicts and figures of groups whose trouble is known.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "small numbers in tests"
)]

use kreplay_model::domain::TopicPartition;
use kreplay_model::watch::{EtaVerdict, EtaView, GroupView, Reason, Trend, VerdictKind, VerdictView, Why};

use super::simulated_cluster::{Cluster, Happening};
use super::{Observation, Observer, WantedTimes, Wants};
use crate::{
    rules::Rules,
    verdict::{Deadline, GroupFacts, findings},
};

/// A watch of the simulated cluster with a look every 2 s. The group `billing` has two members: the first owns orders-0
/// and payments-0 (0 and 2), the second orders-1 and payments-1 (1 and 3).
pub(super) struct Watch {
    pub(super) cluster: Cluster,
    pub(super) observer: Observer,
    wants: Wants,
}

impl Watch {
    /// The group has committed offset 0 of each partition.
    pub(super) fn new() -> Self {
        let mut watch = Self { cluster: Cluster::new(), observer: Observer::default(), wants: Wants::default() };
        for at in 0..4 {
            watch.cluster.happen(&Happening::Consume(0, at, 0));
        }
        watch
    }

    pub(super) fn look(&mut self, happenings: &[Happening]) -> Observation {
        for happening in happenings {
            self.cluster.happen(happening);
        }
        self.cluster.now_ms += 2_000;
        let observation = self.observer.observe(&self.cluster.look(&self.wants));
        self.wants = observation.wants.clone();
        observation
    }

    /// Looks for a time, with the same happenings before each look. The view of the group at the end.
    pub(super) fn looks(&mut self, seconds: usize, happenings: &[Happening]) -> GroupView {
        let mut last = None;
        for _ in 0..seconds.div_ceil(2) {
            last = Some(self.look(happenings));
        }
        billing(&last.unwrap())
    }
}

pub(super) fn billing(observation: &Observation) -> GroupView {
    let mut groups = observation.snapshot.groups.iter();
    GroupView::clone(groups.find(|group| group.group == "billing").unwrap())
}

/// Enough rounds for any search in a few records.
const ROUNDS: usize = 40;

#[test]
fn time_queries_that_are_answered_within_a_look_complete_its_ages() {
    let mut watch = Watch::new();
    for at in 0..4 {
        watch.cluster.happen(&Produce(at, 5));
    }
    watch.cluster.now_ms += 60_000;
    let look = watch.cluster.look(&Wants::default());
    let taken = watch.observer.take(&look);
    let mut answers = Vec::new();
    for _ in 0..ROUNDS {
        let queries = watch.observer.next_time_queries(&answers, look.at, WantedTimes::WithoutAge);
        answers = watch.cluster.answer_times(&queries);
    }
    assert!(answers.is_empty(), "no more is wanted: {answers:?}");
    let group = billing(&watch.observer.conclude(&look, taken));
    let ages: Vec<f64> = group.partitions.iter().map(|row| row.age_s.unwrap().value).collect();
    assert!(ages.len() == 4 && ages.iter().all(|age| *age >= 60.0), "{ages:?}");
}

#[test]
fn time_queries_continue_until_the_bounds_of_an_age_say_something() {
    let mut watch = Watch::new();
    watch.cluster.happen(&Produce(0, 5));
    watch.look(&[Consume(0, 0, 3)]);
    watch.cluster.now_ms += 60_000;
    let look = watch.cluster.look(&Wants::default());
    let taken = watch.observer.take(&look);
    // One for time 0 and one for the present: the record was written at any time since the first one.
    let mut answers = Vec::new();
    for _ in 0..2 {
        answers = watch.cluster.answer_times(&watch.observer.next_time_queries(&answers, look.at, WantedTimes::All));
    }
    for _ in 0..ROUNDS {
        let queries = watch.observer.next_time_queries(&answers, look.at, WantedTimes::WithoutAge);
        answers = watch.cluster.answer_times(&queries);
    }
    let group = billing(&watch.observer.conclude(&look, taken));
    let unread = group.partitions.iter().find(|row| row.partition == 0).unwrap();
    let age = unread.age_s.unwrap();
    assert!(age.low <= 60.0 && 60.0 <= age.high && age.high <= 2.0 * age.low, "{age:?}");
}

use Happening::{
    Consume, ConsumeUncommitted, DeleteRecords, DeleteTopic, Load, LoseLeader, OpenTransaction, Produce, Rebalance,
    Recreate, Rewind, Truncate,
};

#[test]
fn nothing_is_judged_before_three_looks() {
    let mut watch = Watch::new();
    assert_eq!(watch.looks(4, &[]).verdict.kind, VerdictKind::Gathering);
    assert_ne!(watch.looks(2, &[]).verdict.kind, VerdictKind::Gathering);
}

#[test]
fn a_group_that_has_read_everything_is_quiet_or_fine() {
    let mut watch = Watch::new();
    assert_eq!(watch.looks(80, &[]).verdict.kind, VerdictKind::Quiet);
    let busy = [Produce(0, 10), Consume(0, 0, 100)];
    let view = watch.looks(80, &busy);
    assert_eq!(view.verdict.kind, VerdictKind::Fine, "{:?}", view.verdict);
    assert_eq!((view.lag.total, view.age_s.map(|age| age.value)), (Some(0), Some(0.0)));
    assert_eq!(view.eta.verdict, EtaVerdict::Done);
    assert!((view.rates.in_per_s.unwrap() - 5.0).abs() < 0.1, "{:?}", view.rates);
}

#[test]
fn a_burst_after_an_idle_time_is_no_stop_until_it_has_waited() {
    let mut watch = Watch::new();
    watch.looks(600, &[]);
    watch.look(&[Produce(0, 1_000)]);
    let view = watch.looks(10, &[]);
    assert_eq!(view.verdict.kind, VerdictKind::Fine, "{:?}", view.verdict);
    let view = watch.looks(40, &[]);
    assert_eq!(view.verdict.kind, VerdictKind::Stopped, "{:?}", view.verdict);
    assert!(view.verdict.evidence.contains("orders-0"), "{:?}", view.verdict);
    let view = watch.looks(6, &[Consume(0, 0, 500)]);
    assert_ne!(view.verdict.kind, VerdictKind::Stopped, "{:?}", view.verdict);
}

#[test]
fn members_that_make_their_last_commits_at_different_times_have_stopped() {
    let mut watch = Watch::new();
    let load = [Produce(0, 10), Produce(1, 10)];
    watch.looks(60, &[load[0].clone(), load[1].clone(), Consume(0, 0, 10), Consume(0, 1, 10)]);
    // Records wait in orders-0 when the owner of orders-1 commits for the last time.
    watch.looks(6, &[load[0].clone(), load[1].clone(), Consume(0, 1, 10)]);
    let view = watch.looks(60, &load);
    assert_eq!(view.verdict.kind, VerdictKind::Stopped, "{:?}", view.verdict);
}

#[test]
fn a_partition_that_stands_while_its_sibling_advances_is_stuck() {
    let mut watch = Watch::new();
    watch.look(&[Produce(2, 50), Consume(0, 2, 7)]);
    let view = watch.looks(60, &[Produce(0, 10), Consume(0, 0, 10), Produce(1, 10), Consume(0, 1, 10)]);
    assert_eq!(view.verdict.kind, VerdictKind::StuckPartition, "{:?}", view.verdict);
    assert!(view.verdict.next_step.as_ref().unwrap().contains("payments-0@7"), "{:?}", view.verdict);
}

#[test]
fn an_open_transaction_that_does_not_end_wedges_the_group() {
    let mut watch = Watch::new();
    watch.look(&[Produce(0, 10), Consume(0, 0, 10), OpenTransaction(0, true)]);
    let view = watch.looks(200, &[Produce(0, 5), Consume(0, 0, 10)]);
    assert_ne!(view.verdict.kind, VerdictKind::Wedged);
    let row = &view.partitions[0];
    assert_eq!((row.readable, row.held_by.as_ref().map(|held| held.wedged)), (Some(0), Some(false)));
    assert!(watch.wants.transactions.contains(&TopicPartition::new("orders", 0)));
    let view = watch.looks(120, &[Produce(0, 5), Consume(0, 0, 10)]);
    assert_eq!(view.verdict.kind, VerdictKind::Wedged, "{:?}", view.verdict);
    let view = watch.looks(20, &[OpenTransaction(0, false), Consume(0, 0, 10_000)]);
    assert_ne!(view.verdict.kind, VerdictKind::Wedged, "{:?}", view.verdict);
}

#[test]
fn a_reader_of_uncommitted_records_is_not_wedged() {
    let mut watch = Watch::new();
    watch.look(&[Produce(0, 10), Consume(0, 0, 10), OpenTransaction(0, true)]);
    let view = watch.looks(600, &[Produce(0, 5), ConsumeUncommitted(0, 0, 4)]);
    assert!(view.partitions[0].held_back > Some(0), "{:?}", view.partitions[0]);
    assert_eq!(view.partitions[0].held_by.as_ref().map(|held| held.wedged), Some(false));
    assert_ne!(view.verdict.kind, VerdictKind::Wedged, "{:?}", view.verdict);
}

#[test]
fn a_transaction_that_began_long_before_it_wrote_to_a_partition_does_not_wedge_it_at_once() {
    let mut watch = Watch::new();
    watch.looks(60, &[Produce(0, 5), Consume(0, 0, 10)]);
    watch.look(&[OpenTransaction(0, true)]);
    watch.cluster.transaction_began_ms = Some(watch.cluster.now_ms - 3_600_000);
    let view = watch.looks(60, &[Produce(0, 5), Consume(0, 0, 10)]);
    let held = view.partitions[0].held_by.as_ref().unwrap();
    assert!(held.transaction.as_ref().unwrap().started_at.is_some() && !held.wedged, "{held:?}");
    assert_ne!(view.verdict.kind, VerdictKind::Wedged, "{:?}", view.verdict);
}

#[test]
fn a_group_does_not_stop_because_its_coordinator_does_not_answer() {
    let mut watch = Watch::new();
    let busy = [Produce(0, 10), Consume(0, 0, 8)];
    let before = watch.looks(120, &busy).verdict.kind;
    let view = watch.looks(300, &[busy[0].clone(), busy[1].clone(), Load(0, true)]);
    assert_eq!((view.verdict.kind, view.why_unknown), (before, Some(Reason::CoordinatorLoading)));
    let view = watch.looks(20, &busy);
    assert_eq!(view.verdict.kind, VerdictKind::Unknown, "after five minutes nothing is known: {:?}", view.verdict);
    assert!(view.verdict.evidence.contains("has not answered for"), "{:?}", view.verdict);
    watch.look(&[Load(0, false)]);
    let view = watch.looks(120, &[Produce(0, 10)]);
    assert_eq!(view.verdict.kind, VerdictKind::Stopped, "{:?}", view.verdict);
}

#[test]
fn partitions_of_members_that_have_gone_still_count() {
    let mut watch = Watch::new();
    watch.look(&[Produce(2, 50), Consume(0, 2, 7)]);
    watch.looks(120, &[Produce(0, 10), Consume(0, 0, 10)]);
    let view = watch.looks(120, &[Rebalance(0, 0)]);
    let stuck = view.partitions.iter().find(|row| row.topic == "payments" && row.partition == 0).unwrap();
    assert_eq!((stuck.abandoned, stuck.lag, view.lag.total), (false, Some(43), Some(43)), "{stuck:?}");
    assert_eq!(view.verdict.kind, VerdictKind::Stopped, "{:?}", view.verdict);
}

#[test]
fn an_orphan_remains_one_when_a_description_is_missing() {
    let mut watch = Watch::new();
    watch.cluster.groups[0].unowned = 1;
    watch.looks(400, &[]);
    watch.look(&[Load(0, true)]);
    watch.look(&[Load(0, false)]);
    let view = watch.looks(400, &[]);
    assert_eq!(view.verdict.kind, VerdictKind::OrphanPartition, "{:?}", view.verdict);
}

#[test]
fn deleted_unread_records_are_the_worst_verdict() {
    let mut watch = Watch::new();
    watch.look(&[Produce(0, 100), Consume(0, 0, 10), DeleteRecords(0, 30)]);
    let view = watch.looks(6, &[]);
    assert_eq!(view.verdict.kind, VerdictKind::Lost, "{:?}", view.verdict);
    let row = &view.partitions[0];
    assert_eq!((row.lag, row.lost, row.readable), (Some(90), Some(20), Some(70)));
}

#[test]
fn a_commit_beyond_the_end_is_ahead_and_its_end_is_wanted_again() {
    let mut watch = Watch::new();
    let observation = watch.look(&[Produce(0, 10), Consume(0, 0, 10), Truncate(0)]);
    assert_eq!(observation.wants.ends_again, [TopicPartition::new("orders", 0)]);
    let view = watch.looks(6, &[]);
    assert_eq!(view.verdict.kind, VerdictKind::Ahead, "{:?}", view.verdict);
    assert_eq!((view.partitions[0].lag, view.lag.total), (Some(-3), Some(-3)));
}

#[test]
fn a_rewound_group_is_named_until_it_is_back() {
    let mut watch = Watch::new();
    watch.look(&[Produce(0, 100), Consume(0, 0, 90)]);
    watch.look(&[Rewind(0, 0)]);
    let view = watch.looks(6, &[Consume(0, 0, 1)]);
    assert_eq!(view.verdict.kind, VerdictKind::Rewound, "{:?}", view.verdict);
    let view = watch.looks(10, &[Consume(0, 0, 100)]);
    assert_ne!(view.verdict.kind, VerdictKind::Rewound, "{:?}", view.verdict);
}

#[test]
fn a_consumer_that_may_read_one_partition_after_another_is_not_told_to_skip_a_record_at_once() {
    let next_step = |sibling_left| {
        let mut watch = Watch::new();
        watch.look(&[Produce(2, 50), Consume(0, 2, 7), Produce(0, sibling_left)]);
        let view = watch.looks(60, &[Produce(0, 10), Consume(0, 0, 10)]);
        assert_eq!(view.verdict.kind, VerdictKind::StuckPartition, "{:?}", view.verdict);
        view.verdict.next_step.unwrap()
    };
    assert!(next_step(0).starts_with("Inspect the record payments-0@7"), "{}", next_step(0));
    let with_backlog = next_step(10_000);
    assert!(with_backlog.contains("wait") && with_backlog.contains("inspect the record"), "{with_backlog}");
}

#[test]
fn groups_with_positions_of_kreplay_are_in_no_trouble() {
    let mut watch = Watch::new();
    watch.look(&[Rebalance(0, 0), Produce(0, 100)]);
    let mut view = watch.looks(600, &[]);
    assert_eq!(view.verdict.kind, VerdictKind::Stopped);
    let mut kind_of = |name: &str| {
        view.group = name.to_owned();
        let facts = GroupFacts {
            now_ms: 0,
            view: &view,
            partitions: Vec::new(),
            deadlines: Vec::new(),
            commit_interval_ms: None,
            began_ms: 0,
            rebalance_stuck_ms: None,
            rules: Rules::default(),
        };
        findings(&facts).remove(0).text
    };
    assert_eq!(kind_of("kreplay-migrate-0011223344556677-stops"), "positions of kreplay");
    assert_ne!(kind_of("billing"), "positions of kreplay");
}

#[test]
fn a_group_is_not_rewound_to_offsets_of_a_former_topic() {
    let mut watch = Watch::new();
    watch.look(&[Produce(0, 100), Consume(0, 0, 100)]);
    let view = watch.looks(6, &[Recreate(0)]);
    assert_eq!(view.verdict.kind, VerdictKind::Ahead, "{:?}", view.verdict);
    watch.look(&[Produce(0, 20), Rewind(0, 0)]);
    let view = watch.looks(10, &[Produce(0, 1), Consume(0, 0, 100)]);
    assert_ne!(view.verdict.kind, VerdictKind::Rewound, "{:?}", view.verdict);
}

#[test]
fn a_growing_lag_is_falling_behind_until_retention_is_near() {
    let mut watch = Watch::new();
    let falling = [Produce(0, 100), Consume(0, 0, 60)];
    let view = watch.looks(30, &falling);
    assert_eq!((view.trend, view.verdict.kind), (Trend::Growing, VerdictKind::FallingBehind), "{:?}", view.verdict);
    watch.cluster.retention_ms = 600_000;
    let view = watch.looks(6, &falling);
    assert_eq!(view.verdict.kind, VerdictKind::WillLose, "{:?}", view.verdict);
    assert_eq!(view.eta.verdict, EtaVerdict::Never);
    assert!(view.deadline_s.unwrap() < 600.0);
}

#[test]
fn a_deadline_counts_only_against_what_its_own_owner_has_to_read() {
    let mut watch = Watch::new();
    watch.cluster.topic_retention_ms.insert("orders", 100_000);
    watch.look(&[Produce(2, 10_000)]);
    // The owner of both keeps up with orders-0, of which it commits every 20 s; payments-0 takes half an hour.
    let reads = [Consume(0, 2, 10), Produce(0, 10)];
    let mut view = None;
    for _ in 0..12 {
        watch.look(&[Consume(0, 0, 100), reads[0].clone(), reads[1].clone()]);
        view = Some(watch.looks(18, &reads));
    }
    let view = view.unwrap();
    assert_eq!(view.eta.verdict, EtaVerdict::Known, "{:?}", view.eta);
    assert!(view.deadline_s.unwrap() < view.eta.low_s.unwrap(), "{:?}: {:?}", view.deadline_s, view.eta);
    assert_ne!(view.verdict.kind, VerdictKind::WillLose, "{:?}", view.verdict);
    watch.cluster.topic_retention_ms.insert("payments", 600_000);
    let view = watch.looks(6, &reads);
    assert_eq!(view.verdict.kind, VerdictKind::WillLose, "{:?}", view.verdict);
    for part in ["the first unread record of payments-0 in", "client-0 needs at least"] {
        assert!(view.verdict.evidence.contains(part), "{:?}", view.verdict);
    }
}

#[test]
fn the_worst_of_several_deadlines_is_reported() {
    let view = Watch::new().looks(6, &[]);
    let deadline = |owner: &str, in_s, verdict, low_s: f64| Deadline {
        partition: TopicPartition::new(format!("read-by-{owner}"), 0),
        in_s,
        owner: owner.to_owned(),
        eta: EtaView { verdict, low_s: Some(low_s), high_s: Some(2.0 * low_s), ..EtaView::default() },
    };
    let found = |deadlines: &[Deadline]| {
        let facts = GroupFacts {
            now_ms: 0,
            view: &view,
            partitions: Vec::new(),
            deadlines: deadlines.to_vec(),
            commit_interval_ms: None,
            began_ms: 0,
            rebalance_stuck_ms: None,
            rules: Rules::default(),
        };
        findings(&facts).into_iter().next()
    };
    let kind = |found: Option<VerdictView>| found.map(|finding| finding.kind);
    let (known, never) = (EtaVerdict::Known, EtaVerdict::Never);
    // One has an hour and needs a minute, the other one has a week and needs three hours.
    let safe = [deadline("a", 3_600.0, known, 60.0), deadline("b", 600_000.0, known, 10_800.0)];
    assert_eq!(kind(found(&safe)), kind(found(&[])));
    let may = deadline("c", 100.0, known, 90.0);
    assert_eq!(kind(found(std::slice::from_ref(&may))), Some(VerdictKind::MayLose));
    let late = deadline("d", 7_200.0, known, 10_800.0);
    let near = deadline("e", 7_000.0, never, 0.0);
    let worst = found(&[may, late, near, deadline("f", 100_000.0, never, 0.0)]).unwrap();
    assert_eq!(worst.kind, VerdictKind::WillLose);
    assert!(worst.evidence.contains("read-by-e-0") && worst.evidence.contains("e never catches up"), "{worst:?}");
}

#[test]
fn a_group_that_never_committed_during_the_watch_loses_records_when_retention_is_near() {
    let mut watch = Watch::new();
    watch.look(&[Produce(0, 1_000)]);
    let view = watch.looks(60, &[]);
    assert_eq!((view.verdict.kind, view.eta.verdict), (VerdictKind::Stopped, EtaVerdict::NotKnownYet), "{view:?}");
    watch.cluster.retention_ms = 600_000;
    let view = watch.looks(6, &[]);
    assert_eq!(view.verdict.kind, VerdictKind::WillLose, "{:?}", view.verdict);
    assert_eq!(view.verdict.text, "will lose records, stopped");
    for part in ["may delete the first unread record in", "no commit has advanced for"] {
        assert!(view.verdict.evidence.contains(part), "{:?}", view.verdict);
    }
}

#[test]
fn a_shrinking_lag_is_catching_up_with_a_time() {
    let mut watch = Watch::new();
    watch.look(&(0..4).map(|at| Produce(at, 1_500)).collect::<Vec<_>>());
    let view = watch.looks(40, &(0..4).flat_map(|at| [Produce(at, 5), Consume(0, at, 15)]).collect::<Vec<_>>());
    assert_eq!(view.verdict.kind, VerdictKind::CatchingUp, "{:?}", view.verdict);
    let left = view.lag.total.unwrap() as f64 / 20.0;
    assert!((view.eta.value_s.unwrap() / left - 1.0).abs() < 0.05, "{:?} instead of {left}", view.eta);
}

#[test]
fn a_consumer_that_keeps_up_has_no_backlog_to_catch_up_with() {
    let mut watch = Watch::new();
    // Each look sees what has arrived since the last commit.
    let view = watch.looks(120, &[Consume(0, 0, 100), Produce(0, 10)]);
    assert_eq!((view.lag.total, view.eta.verdict), (Some(10), EtaVerdict::Done), "{:?}", view.eta);
    assert_eq!(view.verdict.kind, VerdictKind::Fine, "{:?}", view.verdict);
}

#[test]
fn a_partition_without_a_commit_has_no_lag_but_what_it_would_be() {
    let mut watch = Watch { cluster: Cluster::new(), observer: Observer::default(), wants: Wants::default() };
    watch.cluster.happen(&Produce(0, 30));
    let view = watch.looks(6, &[]);
    let row = &view.partitions[0];
    assert_eq!((row.lag, row.why_unknown.clone()), (None, Some(Reason::NeverCommitted)));
    assert_eq!(row.would_be.map(|lag| (lag.earliest, lag.latest)), Some((30, 0)));
    assert_eq!(row.why, [Why::Assigned, Why::Target, Why::Subscribed]);
    assert_eq!((view.lag.total, view.lag.unknown_partitions, view.verdict.kind), (None, 4, VerdictKind::Unknown));
}

#[test]
fn a_group_is_fine_only_where_its_lag_is_known() {
    let mut watch = Watch { cluster: Cluster::new(), observer: Observer::default(), wants: Wants::default() };
    // Consumers commit for a partition once they have read from it.
    let view = watch.looks(6, &[Produce(0, 30), Produce(1, 30), Consume(0, 0, 30)]);
    assert_eq!(view.lag.unknown_partitions, 3, "{:?}", view.lag);
    assert_eq!((view.verdict.kind, view.verdict.text.as_str()), (VerdictKind::Fine, "fine where known"));
    let part = "1 of 4 partitions has no committed offset: 90 offsets for a consumer that begins at the earliest one.";
    assert!(view.verdict.evidence.ends_with(part), "{}", view.verdict.evidence);
    assert!(view.verdict.evidence.starts_with("Lag at least 0 offsets"), "{}", view.verdict.evidence);
    // What has never been seen of a log is not counted as nothing.
    let mut watch = Watch { cluster: Cluster::new(), observer: Observer::default(), wants: Wants::default() };
    let view = watch.looks(6, &[Produce(0, 30), LoseLeader(1, true), Consume(0, 0, 30)]);
    assert!(view.verdict.evidence.ends_with("1 of 4 partitions has no committed offset."), "{:?}", view.verdict);
}

#[test]
fn a_deleted_topic_leaves_the_other_rows_alone() {
    let mut watch = Watch::new();
    watch.look(&[Produce(0, 30), Produce(2, 30)]);
    let view = watch.looks(4, &[DeleteTopic(1)]);
    let row = |topic: &str| view.partitions.iter().find(|row| row.topic == topic).unwrap();
    assert_eq!((row("orders").lag, row("payments").lag), (Some(30), None));
    assert_eq!(row("payments").why_unknown, Some(Reason::TopicGone));
    assert_eq!(row("payments").last_known_lag, Some(30));
    assert_ne!(view.verdict.text, "fine where known");
}

#[test]
fn members_beyond_the_partitions_are_idle() {
    let mut watch = Watch::new();
    for _ in 0..2 {
        watch.cluster.happen(&DeleteTopic(1));
    }
    let view = watch.looks(4, &[Rebalance(0, 4)]);
    assert_eq!((view.members.len(), view.idle_members), (4, Some(2)));
}

#[test]
fn an_empty_group_has_a_countdown() {
    let mut watch = Watch::new();
    watch.look(&[]);
    let view = watch.looks(20, &[Rebalance(0, 0)]);
    let expiry = view.positions_expire.unwrap();
    assert_eq!((expiry.assumed, expiry.retention_s), (true, 604_800.0));
    assert!(expiry.in_s < 604_800.0 && expiry.in_s > 604_700.0, "{expiry:?}");
}

#[test]
fn a_group_without_members_has_stopped_at_the_first_verdict() {
    let mut watch = Watch::new();
    watch.look(&[Rebalance(0, 0), Produce(0, 100)]);
    watch.cluster.now_ms += 600_000;
    (watch.observer, watch.wants) = (Observer::default(), Wants::default());
    let view = watch.looks(10, &[]);
    assert_eq!(view.verdict.kind, VerdictKind::Stopped, "{:?}", view.verdict);
    assert!(view.verdict.evidence.contains("no member can read it"), "{:?}", view.verdict);
}

#[test]
fn a_restless_group_is_flapping() {
    let mut watch = Watch::new();
    for members in [3, 2, 3, 2] {
        watch.looks(10, &[]);
        watch.look(&[Rebalance(0, members)]);
    }
    let view = watch.looks(6, &[]);
    assert_eq!(view.verdict.kind, VerdictKind::Flapping, "{:?}", view.verdict);
    assert_eq!(view.verdict.text, "flapping (member client-2)");
    assert_eq!((view.rebalances.count, view.rebalances.exact), (4, true));
}

#[test]
fn one_partition_with_most_of_the_records_is_hot() {
    let mut watch = Watch::new();
    let mut happenings = vec![Produce(0, 97), Consume(0, 0, 97)];
    for at in 1..4 {
        happenings.extend([Produce(at, 1), Consume(0, at, 1)]);
    }
    watch.look(&[Produce(0, 4_000)]);
    let view = watch.looks(80, &happenings);
    assert_eq!(view.verdict.kind, VerdictKind::HotPartition, "{:?}", view.verdict);
}

#[test]
fn one_member_with_the_lag_of_an_ordinary_load_is_slow() {
    let mut watch = Watch::new();
    let happenings: Vec<Happening> = (0..4).flat_map(|at| [Produce(at, 20), Consume(0, at, 20)]).collect();
    watch.look(&[Produce(0, 4_000), Produce(2, 4_000)]);
    let view = watch.looks(80, &happenings);
    assert_eq!(view.verdict.kind, VerdictKind::SlowMember, "{:?}", view.verdict);
    assert!(view.verdict.text.contains("client-0"), "{:?}", view.verdict);
}

#[test]
fn the_json_has_the_documented_fields() {
    let mut watch = Watch::new();
    watch.look(&[Produce(0, 10)]);
    let json = serde_json::to_value(watch.looks(6, &[])).unwrap();
    let names = |value: &serde_json::Value, names: &str| {
        let missing: Vec<&str> = names.split_whitespace().filter(|name| value.get(name).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?} in {value}");
    };
    names(
        &json,
        "group type protocol state coordinator group_epoch assignment_epoch members lag age_s behind_s eta deadline_s rates \
         trend verdict rebalances partitions",
    );
    names(&json["members"][0], "member_id instance_id client_id host epoch assigned target lag");
    names(&json["lag"], "total max max_partition mean unknown_partitions readable lost held_back ahead");
    names(&json["eta"], "value_s low_s high_s verdict");
    names(&json["verdict"], "kind severity text evidence next_step");
    names(&json["rebalances"], "count last_at last_duration_ms exact");
    let row = &json["partitions"][0];
    names(
        row,
        "topic partition committed log_start stable_end end lag lost readable held_back ahead records_left held_by would_be \
         age_s deadline_s rates owner why abandoned orphan why_unknown as_of",
    );
    names(&row["owner"], "member_id client_id host");
    names(&row["rates"], "in_per_s out_per_s");
    assert_eq!(
        (&row["lag"], &row["would_be"], &json["type"]),
        (&10.into(), &serde_json::Value::Null, &"consumer".into())
    );
}
