//! Verdicts while the broker of a partition does not answer.

use kreplay_model::watch::{VerdictKind, WatchEventKind};

use super::observer_test::Watch;
use super::simulated_cluster::Happening::{self, Consume, DeleteRecords, LoseLeader, Produce};

/// Whether the verdict that the group has lost records was raised (true) or cleared, in this many looks.
fn changes(watch: &mut Watch, looks: usize, happening: &Happening) -> Vec<(VerdictKind, bool)> {
    let events = (0..looks).flat_map(|_| watch.look(std::slice::from_ref(happening)).events);
    let change = |kind: WatchEventKind| match kind {
        WatchEventKind::VerdictRaised { verdict, .. } => Some((verdict, true)),
        WatchEventKind::VerdictCleared { verdict } => Some((verdict, false)),
        _ => None,
    };
    let of_group = events.filter(|event| event.group == "billing").filter_map(|event| change(event.kind));
    of_group.filter(|(verdict, _)| *verdict == VerdictKind::Lost).collect()
}

#[test]
fn a_verdict_holds_while_the_broker_of_its_partition_is_away() {
    let mut watch = Watch::new();
    watch.look(&[Produce(0, 100), Consume(0, 0, 10), DeleteRecords(0, 30)]);
    assert_eq!(watch.looks(6, &[]).verdict.kind, VerdictKind::Lost);
    assert_eq!(changes(&mut watch, 10, &LoseLeader(0, true)), []);
    let view = watch.looks(2, &[]);
    assert_eq!((view.verdict.kind, view.partitions[0].lost), (VerdictKind::Lost, None), "{:?}", view.verdict);
    assert_eq!(changes(&mut watch, 5, &LoseLeader(0, false)), []);
    // After five minutes, what was seen before says too little.
    assert_eq!(changes(&mut watch, 160, &LoseLeader(0, true)), [(VerdictKind::Lost, false)]);
    assert_eq!(changes(&mut watch, 5, &LoseLeader(0, false)), [(VerdictKind::Lost, true)]);
}

#[test]
fn no_member_is_slow_because_the_brokers_of_the_others_are_away() {
    let mut watch = Watch::new();
    watch.look(&(0..4).map(|at| Produce(at, 4_000)).collect::<Vec<_>>());
    let even: Vec<Happening> = (0..4).flat_map(|at| [Produce(at, 20), Consume(0, at, 20)]).collect();
    let view = watch.looks(80, &even);
    assert_ne!(view.verdict.kind, VerdictKind::SlowMember, "{:?}", view.verdict);
    // The partitions of the second member.
    watch.look(&[LoseLeader(1, true), LoseLeader(3, true)]);
    let view = watch.looks(40, &[Produce(0, 20), Consume(0, 0, 20), Produce(2, 20), Consume(0, 2, 20)]);
    assert_eq!(view.lag.unknown_partitions, 2);
    assert_ne!(view.verdict.kind, VerdictKind::SlowMember, "{:?}", view.verdict);
}
