//! Watched groups for the tests: a cluster in trouble, a large one, and one with hostile names.

use std::sync::Arc;

use kreplay_console::{
    state::{ScreenId, State},
    update::Event,
};
use kreplay_model::{
    domain::{Offset, TopicPartition},
    watch::{
        EtaVerdict, EtaView, GroupState, GroupType, GroupView, HeldBy, LagTotals, MemberRow, MovedPartitions,
        OwnerView, PartitionRow, Progress, RatesView, Reason, RebalanceEntry, RebalancesView, SecondsRange, SeenBy,
        StoodStill, TimeExactness, Transaction, Trend, VerdictKind, VerdictView, WatchEvent, WatchEventKind,
        WatchSnapshot, Why,
    },
};

use crate::fixture::{apply, time};

fn offset(value: u64) -> Option<Offset> {
    Offset::new(i64::try_from(value).unwrap())
}

/// A verdict.
pub(crate) fn verdict(kind: VerdictKind, evidence: &str, next_step: Option<&str>) -> VerdictView {
    VerdictView {
        kind,
        severity: kind.severity(),
        text: kind.to_string(),
        evidence: evidence.into(),
        next_step: next_step.map(Into::into),
    }
}

/// A partition with a committed offset, all of whose lag is readable.
pub(crate) fn partition_row(topic: &str, partition: i32, committed: u64, lag: u64) -> PartitionRow {
    PartitionRow {
        committed: offset(committed),
        committed_at: Some(time(0.0)),
        log_start: offset(0),
        stable_end: offset(committed + lag),
        end: offset(committed + lag),
        lag: Some(i64::try_from(lag).unwrap()),
        lost: Some(0),
        readable: Some(lag),
        held_back: Some(0),
        ahead: Some(0),
        compacted: Some(false),
        age_s: (lag > 0).then_some(SecondsRange { value: 192.0, low: 180.0, high: 200.0 }),
        age_exactness: (lag > 0).then_some(TimeExactness::Bracket),
        behind_s: Some(12.0),
        deadline_s: (lag > 0).then_some(7_500.0),
        rates: RatesView { in_per_s: Some(40.0), out_per_s: Some(36.5), windows: Vec::new() },
        why: vec![Why::Committed, Why::Assigned],
        skew_ms: Some(3),
        as_of: Some(time(3.0)),
        seen_by: SeenBy::Wire,
        ..PartitionRow::unknown(topic, partition)
    }
}

/// A member with some of a group's partitions.
pub(crate) fn member(number: usize, partitions: &mut [PartitionRow]) -> MemberRow {
    let owner = OwnerView {
        member_id: format!("worker-{number}-5d0c"),
        client_id: Some(format!("worker-{number}")),
        host: Some(format!("/10.0.0.{number}")),
    };
    let mut assigned = Vec::new();
    for row in partitions.iter_mut() {
        row.owner = Some(owner.clone());
        assigned.push(TopicPartition::new(row.topic.as_str(), row.partition));
    }
    MemberRow {
        member_id: owner.member_id,
        instance_id: None,
        client_id: owner.client_id,
        host: owner.host,
        epoch: Some(7),
        target: Some(assigned.clone()),
        assigned: Some(assigned),
        lag: partitions.iter().try_fold(0_i64, |sum, row| Some(sum.saturating_add(row.lag?))),
        tasks: None,
    }
}

/// A group of some partitions, whose totals follow from these.
pub(crate) fn group(name: &str, mut partitions: Vec<PartitionRow>, verdict: VerdictView) -> GroupView {
    let per_member = partitions.len().div_ceil(3).max(1);
    let members = partitions.chunks_mut(per_member).zip(1..).map(|(rows, at)| member(at, rows)).collect();
    let mut view = GroupView {
        r#type: GroupType::Consumer,
        protocol: Some("uniform".into()),
        state: Some(GroupState::Stable),
        coordinator: Some(2),
        group_epoch: Some(7),
        assignment_epoch: Some(7),
        members,
        idle_members: Some(0),
        classic_members: Some(0),
        lag: LagTotals::default(),
        age_s: partitions.iter().find_map(|row| row.age_s),
        age_exactness: partitions.iter().find_map(|row| row.age_exactness),
        behind_s: Some(12.0),
        eta: EtaView { value_s: Some(61.0), low_s: Some(48.0), high_s: Some(90.0), ..EtaView::default() },
        rates: RatesView { in_per_s: Some(120.0), out_per_s: Some(118.0), windows: Vec::new() },
        trend: Trend::Steady,
        verdict,
        rebalances: RebalancesView { exact: true, ..RebalancesView::default() },
        partitions,
        seen_by: SeenBy::Wire,
        as_of: Some(time(3.0)),
        ..GroupView::listed(name)
    };
    view.eta.verdict = EtaVerdict::Known;
    add_up(&mut view);
    view
}

/// Sets the totals to the sums of the partitions.
pub(crate) fn add_up(view: &mut GroupView) {
    let rows = &view.partitions;
    let known: Vec<i64> = rows.iter().filter_map(|row| row.lag).collect();
    let sum = |part: fn(&PartitionRow) -> Option<u64>| {
        rows.iter().filter(|row| row.lag.is_some()).map(part).try_fold(0_u64, |sum, part| sum.checked_add(part?))
    };
    view.lag = LagTotals {
        total: (!known.is_empty()).then(|| known.iter().fold(0_i64, |sum, lag| sum.saturating_add(*lag))),
        max: known.iter().max().copied(),
        max_partition: None,
        mean: None,
        unknown_partitions: (rows.len() - known.len()) as u64,
        readable: sum(|row| row.readable),
        lost: sum(|row| row.lost),
        held_back: sum(|row| row.held_back),
        ahead: sum(|row| row.ahead),
        abandoned: None,
        progress: Progress::default(),
    };
}

fn orders(lags: [u64; 6]) -> Vec<PartitionRow> {
    lags.iter().zip(0..).map(|(lag, at)| partition_row("orders", at, 8_814 + 100 * at as u64, *lag)).collect()
}

/// A group that nothing but the list of groups has.
pub(crate) fn listed(name: &str, why: Reason) -> GroupView {
    let kind = if why == Reason::NotAsked { VerdictKind::Gathering } else { VerdictKind::Unknown };
    let mut view = group(name, Vec::new(), verdict(kind, "", None));
    (view.state, view.coordinator, view.group_epoch, view.protocol) = (None, None, None, None);
    (view.idle_members, view.as_of, view.trend) = (None, None, Trend::Unclear);
    (view.eta, view.rates) = (EtaView::default(), RatesView::default());
    (view.seen_by, view.why_unknown) = (SeenBy::Listed, Some(why));
    view
}

fn not_allowed() -> Reason {
    Reason::NotAuthorized { operation: "DESCRIBE".into(), resource: "group secrets".into() }
}

/// The group with the stuck partition, and a rebalance behind it.
pub(crate) fn billing() -> GroupView {
    let text = "stuck partition orders-3";
    let mut view = group(
        "billing",
        orders([12, 0, 7, 1_200, 3, 0]),
        VerdictView {
            text: text.into(),
            ..verdict(
                VerdictKind::StuckPartition,
                "orders-3 has stayed at 9,114 for 4m 10s with 1,200 readable records, while orders-2 of the same member advanced by 8,120",
                Some("inspect the record at orders-3 offset 9,114; `kreplay groups skip billing` skips it"),
            )
        },
    );
    view.rebalances = RebalancesView {
        count: 2,
        last_at: Some(time(-60.0)),
        last_duration_ms: Some(4_200),
        exact: true,
        error_ms: Some(500),
        history: vec![
            RebalanceEntry {
                began_at: time(-600.0),
                epochs: 1,
                duration_ms: Some(1_100),
                error_ms: 500,
                joined: vec!["worker-3@10.0.0.3".into()],
                left: Vec::new(),
                partitions: Some(MovedPartitions { moved: 2, kept: 4, without_owner: 0 }),
                stood_still: Vec::new(),
            },
            RebalanceEntry {
                began_at: time(-60.0),
                epochs: 2,
                duration_ms: Some(4_200),
                error_ms: 500,
                joined: Vec::new(),
                left: vec!["worker-4@10.0.0.4".into()],
                partitions: Some(MovedPartitions { moved: 1, kept: 4, without_owner: 1 }),
                stood_still: vec![StoodStill { partition: TopicPartition::new("orders", 3), gap_ms: 9_300 }],
            },
        ],
        ..RebalancesView::default()
    };
    view.partitions[5].orphan = true;
    view.partitions[5].owner = None;
    view
}

fn wedged() -> GroupView {
    let mut view = group(
        "checkout",
        orders([0, 0, 500, 0, 0, 0]),
        verdict(
            VerdictKind::Wedged,
            "500 offsets of orders-2 are behind a transaction of producer 4711 that began 12m 00s ago",
            Some("abort the transaction, or wait for its timeout of 15m 00s"),
        ),
    );
    let row = &mut view.partitions[2];
    (row.readable, row.held_back, row.stable_end) = (Some(0), Some(500), row.committed);
    row.held_by = Some(HeldBy {
        wedged: true,
        frozen_since: time(-720.0),
        transaction: Some(Transaction {
            producer_id: 4_711,
            transactional_id: Some("settle-7".into()),
            state: Some("Ongoing".into()),
            started_at: Some(time(-720.0)),
            timeout_s: Some(900),
        }),
    });
    add_up(&mut view);
    view
}

fn never() -> GroupView {
    let mut view = group(
        "mailer",
        orders([91_000, 87_000, 90_500, 88_100, 93_000, 92_400]),
        verdict(
            VerdictKind::FallingBehind,
            "the lag grew from 480,000 to 542,000 in 60 s: 1,200/s arrive, 167/s are read",
            Some("add members: 6 partitions have 3 owners"),
        ),
    );
    (view.trend, view.deadline_s, view.eta.verdict, view.eta.value_s) =
        (Trend::Growing, Some(19_000.0), EtaVerdict::Never, None);
    view
}

/// A cluster with groups of every kind.
pub(crate) fn cluster() -> WatchSnapshot {
    let fine = |name: &str| group(name, orders([1, 0, 0, 2, 0, 0]), verdict(VerdictKind::Fine, "keeps up", None));
    let mut empty = group("reports", orders([0; 6]), verdict(VerdictKind::Quiet, "nothing is left to read", None));
    (empty.state, empty.members, empty.eta.verdict) = (Some(GroupState::Empty), Vec::new(), EtaVerdict::Done);
    let mut unknown = never();
    (unknown.group, unknown.partitions[1].lag, unknown.partitions[1].why_unknown) =
        ("exports".into(), None, Some(Reason::NoLeader));
    unknown.partitions[1].last_known_lag = Some(87_000);
    add_up(&mut unknown);
    let mut shares = fine("shares");
    shares.r#type = GroupType::Share;
    let mut groups =
        vec![billing(), wedged(), never(), unknown, empty, shares, fine("audit"), fine("search"), fine("stock")];
    groups.push(listed("late", Reason::NotAsked));
    groups.push(listed("secrets", not_allowed()));
    of(groups)
}

/// A snapshot of some groups.
pub(crate) fn of(mut groups: Vec<GroupView>) -> WatchSnapshot {
    groups.sort_by(|a, b| a.group.cmp(&b.group));
    let groups = groups.into_iter().map(Arc::new).collect();
    WatchSnapshot { at: time(3.0), cluster: "lkc-7f3a".into(), groups, ..WatchSnapshot::default() }
}

/// A cluster in which no group may be described.
pub(crate) fn denied() -> WatchSnapshot {
    of(["billing", "checkout", "secrets"].map(|name| listed(name, not_allowed())).into())
}

/// 2,000 groups with the largest numbers, the first of which has 1,000 partitions and 200 members.
pub(crate) fn huge() -> WatchSnapshot {
    let largest = u64::try_from(i64::MAX / 4).unwrap();
    let stuck = verdict(VerdictKind::StuckPartition, &"the lag is 1,200 and grows; ".repeat(200), Some("wait"));
    let mut first = group(
        "a-group",
        (0..1_000).map(|at| partition_row("everything", at, largest, largest)).collect(),
        stuck.clone(),
    );
    first.members = first.partitions.chunks_mut(5).zip(0..).map(|(rows, at)| member(at, rows)).collect();
    first.rebalances.history = (0..500).map(|_| billing().rebalances.history[1].clone()).collect();
    (first.age_s, first.deadline_s) = (Some(SecondsRange::exact(f64::INFINITY)), Some(f64::NAN));
    (first.rates.in_per_s, first.rates.out_per_s) = (Some(1e300), Some(-1.0));
    let mut groups: Vec<GroupView> = (0..1_999)
        .map(|at| {
            let kind = if at % 20 == 0 { VerdictKind::FallingBehind } else { VerdictKind::Fine };
            let rows = vec![partition_row("orders", at, 8_814, if at % 20 == 0 { 1_500_000 } else { 0 })];
            group(&format!("team-{}.service-{at:04}", at % 7), rows, verdict(kind, "the lag is 1,500,000", None))
        })
        .collect();
    groups.push(first);
    of(groups)
}

/// Groups whose names, members, and texts are hostile.
pub(crate) fn hostile(texts: &[&str]) -> WatchSnapshot {
    let groups = texts.iter().zip(texts.iter().cycle().skip(1)).map(|(name, other)| {
        let mut view = billing();
        view.group = name.repeat(9);
        view.state = Some(GroupState::Other(other.repeat(4)));
        view.protocol = Some(other.repeat(9));
        view.verdict.text = other.repeat(6);
        view.verdict.evidence = name.repeat(60);
        view.verdict.next_step = Some(other.repeat(60));
        view.eta.slowest = Some(other.repeat(8));
        view.rebalances.waiting_for = vec![other.repeat(9)];
        view.rebalances.unsettled_since = Some(time(0.0));
        view.rebalances.history[0].joined = vec![name.repeat(20), other.repeat(20)];
        for row in &mut view.partitions {
            row.topic = name.repeat(7);
            row.why_unknown = Some(Reason::Other(other.repeat(30)));
        }
        for member in &mut view.members {
            (member.client_id, member.host) = (Some(name.repeat(5)), Some(other.repeat(5)));
        }
        view
    });
    let mut snapshot = of(groups.collect());
    snapshot.cluster = texts.concat();
    snapshot
}

/// The cluster over ten minutes, a look every ten seconds: the lag of billing grows, one of its members leaves after
/// five minutes, and another one has no commit from then on.
pub(crate) fn ten_minutes() -> Vec<WatchSnapshot> {
    (0_u32..=60)
        .map(|look| {
            let mut snapshot = cluster();
            snapshot.at = time(f64::from(look) * 10.0 - 597.0);
            let billing = snapshot.groups.iter_mut().find(|group| group.group == "billing").unwrap();
            let billing = Arc::make_mut(billing);
            billing.as_of = Some(snapshot.at);
            let rows = &mut billing.partitions;
            for row in rows.iter_mut() {
                let stands = look > 30 && row.owner.as_ref().is_some_and(|owner| owner.member_id.contains("worker-2"));
                let committed = row.committed.unwrap().get() - 600 + 10 * i64::from(if stands { 30 } else { look });
                row.committed = Offset::new(committed);
                row.lag = Some(i64::from(look) * 40 + 1);
            }
            if look > 30 {
                billing.members.retain(|member| !member.member_id.contains("worker-3"));
            }
            billing.age_s = Some(SecondsRange::exact(f64::from(look)));
            billing.rebalances.history[1].began_at = time(-297.0);
            add_up(billing);
            snapshot
        })
        .collect()
}

/// Something of each severity that has happened to groups.
pub(crate) fn group_events(name: &str) -> Vec<WatchEvent> {
    let event = |group: &str, at, kind| WatchEvent { at: time(at), group: group.into(), kind };
    vec![
        event(name, -20.0, WatchEventKind::StateChanged { from: GroupState::Stable, to: GroupState::Reconciling }),
        event(name, -18.0, WatchEventKind::MemberJoined { member: format!("{name}-worker-3") }),
        event("mailer", -9.0, WatchEventKind::Appeared),
        event(
            name,
            -3.0,
            WatchEventKind::Rewound {
                partition: TopicPartition::new("orders", 3),
                from: offset(9_114).unwrap(),
                to: offset(12).unwrap(),
            },
        ),
        event(
            name,
            1.0,
            WatchEventKind::VerdictRaised {
                verdict: VerdictKind::StuckPartition,
                evidence: "orders-3 has stayed at 9,114 for 4m 10s with 1,200 readable records, while orders-2 of the \
                           same member advanced by 8,120"
                    .into(),
            },
        ),
    ]
}

/// Shows a snapshot of the watch.
pub(crate) fn give_groups(state: &mut State, snapshot: WatchSnapshot) {
    apply(state, Event::Groups(Arc::new(snapshot)));
}

/// The console of `kreplay watch`, before the groups are listed.
pub(crate) fn listing(width: u16, height: u16) -> State {
    let mut state = State::with_home(ScreenId::Trouble, width, height, None);
    apply(&mut state, Event::WatchBegan);
    state
}

/// The console of `kreplay watch`.
pub(crate) fn watching(width: u16, height: u16, snapshot: WatchSnapshot) -> State {
    let mut state = listing(width, height);
    give_groups(&mut state, snapshot);
    state
}

/// Opens a screen in front.
pub(crate) fn opened(mut state: State, screen: ScreenId) -> State {
    state.user.navigation.open(screen);
    state
}
