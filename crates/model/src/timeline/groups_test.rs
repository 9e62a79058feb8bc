//! Watched groups over time.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::{
    GroupCell, GroupMemberCell, GroupPartitionCell, Moment, PartitionCell, Summary, TimeRange, Timeline, WorkerCell,
    groups::Groups,
};
use crate::{
    domain::{Offset, TopicPartition},
    watch::{
        GroupState, GroupType, GroupView, LagTotals, MemberRow, OwnerView, PartitionRow, RatesView, SecondsRange,
        SeenBy, Trend, VerdictKind, VerdictSeverity, VerdictView, WatchEvent, WatchEventKind, WatchSnapshot,
    },
};

const START_S: i64 = 1_790_000_000;

fn time(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(START_S + seconds, 0).unwrap()
}

fn range(from_s: i64, to_s: i64) -> TimeRange {
    TimeRange::new(Moment::from(time(from_s)), Moment::from(time(to_s)))
}

fn row(lag: Option<i64>) -> PartitionRow {
    PartitionRow {
        lag,
        age_s: Some(SecondsRange::exact(4.0)),
        rates: RatesView { out_per_s: Some(3.0), ..RatesView::default() },
        seen_by: SeenBy::Wire,
        ..PartitionRow::unknown("t", 0)
    }
}

fn look(seconds: i64, lag: Option<i64>) -> WatchSnapshot {
    let verdict = VerdictView {
        kind: VerdictKind::Fine,
        severity: VerdictSeverity::Ok,
        text: String::new(),
        evidence: String::new(),
        next_step: None,
    };
    let group = GroupView {
        r#type: GroupType::Consumer,
        state: Some(GroupState::Stable),
        lag: LagTotals { total: lag, ..LagTotals::default() },
        age_s: Some(SecondsRange::exact(4.0)),
        rates: RatesView { in_per_s: Some(7.0), out_per_s: Some(3.0), windows: Vec::new() },
        trend: Trend::Growing,
        verdict,
        partitions: vec![row(lag)],
        seen_by: SeenBy::Wire,
        as_of: Some(time(seconds)),
        ..GroupView::listed("billing")
    };
    WatchSnapshot { at: time(seconds), cluster: "c".into(), groups: vec![Arc::new(group)], ..WatchSnapshot::default() }
}

fn fed(looks: &[WatchSnapshot]) -> Timeline {
    let mut timeline = Timeline::default();
    for look in looks {
        timeline.add_watch(look);
    }
    timeline
}

fn group(timeline: &Timeline, seconds: i64) -> Option<GroupCell> {
    timeline.groups().get(&Arc::from("billing"))?.at(time(seconds).into())
}

#[test]
fn looks_have_a_longest_gap_of_their_own() {
    let mut timeline = Timeline::default().with_longest_gap_of_looks(Duration::from_secs(60));
    assert_eq!(timeline.looks(), None);
    for seconds in [0, 50, 200] {
        timeline.add_watch(&look(seconds, Some(seconds)));
    }
    assert_eq!(timeline.looks(), Some(range(0, 200)));
    let lag = |seconds| group(&timeline, seconds).and_then(|cell| cell.lag).map(|lag| lag.last);
    assert_eq!((lag(20), lag(120), lag(200)), (Some(50.0), None, Some(200.0)));
}

#[test]
fn the_figures_of_a_group_and_its_partitions_can_be_read() {
    let timeline = fed(&[look(0, Some(10)), look(5, Some(30)), look(10, Some(20))]);
    let figures =
        |cell: GroupCell| [cell.lag, cell.in_per_s, cell.out_per_s, cell.age_s].map(|figure| figure.unwrap().last);
    assert_eq!(group(&timeline, 5).map(figures), Some([30.0, 7.0, 3.0, 4.0]));
    assert_eq!(group(&timeline, 11).map(figures), None);
    let partition = (Arc::from("billing"), TopicPartition::new("t", 0));
    let columns = timeline.group_partitions().columns([&partition].into_iter(), range(0, 10), 1);
    let worst = GroupPartitionCell { lag: Some(30.0), age_s: Some(4.0), slowest_out_per_s: Some(3.0) };
    assert_eq!(columns, [Some(worst)]);
}

#[test]
fn a_lag_that_is_not_known_is_not_zero() {
    let timeline = fed(&[look(0, Some(10)), look(5, None), look(10, Some(20))]);
    assert_eq!(group(&timeline, 5).map(|cell| cell.lag), Some(None));
    assert!(group(&timeline, 10).unwrap().lag.is_some());
}

#[test]
fn looks_after_the_clock_was_set_back_are_recorded() {
    let timeline = fed(&[look(10_000, Some(10)), look(0, Some(20)), look(5, Some(30))]);
    assert_eq!(group(&timeline, 5).unwrap().lag.unwrap().last.to_bits(), 30.0_f32.to_bits());
    // A look that is only late is ignored.
    let (one, two) = (look(0, Some(1)), look(5, Some(2)));
    assert_eq!(fed(&[one.clone(), two.clone(), one.clone()]), fed(&[one, two]));
}

proptest! {
    #[test]
    fn events_are_kept_by_time_and_once(times in prop::collection::vec(0_i64..50, 0..40), from in 0_i64..50, length in 0_i64..50) {
        let mut timeline = Timeline::default();
        for seconds in times.iter().chain(&times) {
            let kind = WatchEventKind::MemberJoined { member: "m".into() };
            timeline.add_watch_event(&WatchEvent { at: time(*seconds), group: "billing".into(), kind });
        }
        let mut should: Vec<_> = times.into_iter().filter(|at| (from..from + length).contains(at)).map(time).collect();
        should.sort_unstable();
        should.dedup();
        let found: Vec<_> = timeline.watch_events(range(from, from + length)).map(|event| event.at).collect();
        prop_assert_eq!(found, should);
    }
}

#[test]
fn the_oldest_events_are_dropped() {
    let mut timeline = Timeline::default();
    let bound = i64::try_from(Groups::MAX_EVENTS).unwrap();
    for seconds in 0..bound + 10 {
        timeline.add_watch_event(&WatchEvent { at: time(seconds), group: "g".into(), kind: WatchEventKind::Appeared });
    }
    let kept: Vec<_> = timeline.watch_events(range(0, 2 * bound)).map(|event| event.at).collect();
    assert_eq!((kept.len(), kept.first()), (Groups::MAX_EVENTS, Some(&time(10))));
}

#[test]
fn cells_have_the_size_that_the_budgets_are_computed_with() {
    assert_eq!(size_of::<(i64, Summary)>(), 48);
    assert_eq!(size_of::<(i64, PartitionCell)>(), 40);
    assert_eq!(size_of::<(i64, WorkerCell)>(), 32);
    assert_eq!(size_of::<(i64, GroupCell)>(), 72);
    assert_eq!(size_of::<(i64, GroupPartitionCell)>(), 32);
}

/// A look in which a member has a number of partitions, the first of which has this committed offset and a lag.
fn look_with_member(seconds: i64, partitions: i32, committed: i64, lag: i64) -> WatchSnapshot {
    let mut look = look(seconds, Some(lag));
    let group = Arc::make_mut(&mut look.groups[0]);
    let member = MemberRow {
        member_id: "m-1".into(),
        instance_id: Some("m".into()),
        assigned: Some((0..partitions).map(|at| TopicPartition::new("t", at)).collect()),
        ..MemberRow::default()
    };
    group.members = vec![member];
    group.partitions = vec![PartitionRow {
        committed: Offset::new(committed),
        owner: Some(OwnerView { member_id: "m-1".into(), client_id: None, host: None }),
        ..row(Some(lag))
    }];
    look
}

#[test]
fn a_member_has_the_number_of_its_partitions_and_the_time_without_a_commit() {
    let mut timeline = Timeline::default();
    for (at, partitions, committed, lag) in [(0, 1, 5, 3), (2, 1, 6, 3), (4, 1, 6, 3), (6, 2, 6, 3), (8, 2, 6, 0)] {
        timeline.add_watch(&look_with_member(at, partitions, committed, lag));
    }
    let key = (Arc::from("billing"), Arc::from("m"));
    let columns = timeline.group_members().get(&key).unwrap().columns(range(0, 8), 4);
    let cell = |fewest, most, last, still_ms| Some(GroupMemberCell { fewest, most, last, still_ms, covered_ms: 2_000 });
    assert_eq!(columns[1..], [cell(1, 1, 1, 2_000), cell(2, 2, 2, 2_000), cell(2, 2, 2, 0)]);
    assert!(!columns[0].unwrap().stood_still(), "its offset has advanced");
    assert!(columns[1].unwrap().stood_still() && !columns[3].unwrap().stood_still(), "without a lag, nothing is due");
}

#[test]
fn a_member_stands_still_only_where_its_group_was_observed_again() {
    let mut timeline = Timeline::default();
    for (at, observed, committed) in [(0, 0, 5), (2, 0, 5), (4, 0, 6), (6, 6, 6), (8, 8, 6)] {
        let mut look = look_with_member(at, 1, committed, 3);
        Arc::make_mut(&mut look.groups[0]).as_of = Some(time(observed));
        timeline.add_watch(&look);
    }
    let key = (Arc::from("billing"), Arc::from("m"));
    let columns = timeline.group_members().get(&key).unwrap().columns(range(0, 8), 4);
    let measured: Vec<(u32, u32)> = columns.iter().flatten().map(|cell| (cell.still_ms, cell.covered_ms)).collect();
    assert_eq!(measured, [(0, 0), (0, 0), (0, 2_000), (2_000, 2_000)], "the offset had advanced at the look after 6 s");
    assert!(columns.iter().flatten().all(|cell| cell.most == 1), "it was there all the time");
}
