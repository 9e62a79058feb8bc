//! Tests of conditions to wait for.

use std::sync::Arc;

use kreplay_model::watch::{
    GroupState, GroupType, LagTotals, PartitionRow, RecordsLeft, SecondsRange, SeenBy, VerdictKind, VerdictView,
};
use proptest::prelude::*;

use super::*;

const INTERVAL: Duration = Duration::from_secs(2);

fn group(lag: Option<i64>, state: GroupState) -> GroupView {
    GroupView {
        r#type: GroupType::Consumer,
        state: Some(state),
        lag: LagTotals { total: lag, readable: lag.map(i64::unsigned_abs), ..LagTotals::default() },
        age_s: Some(SecondsRange::exact(30.0)),
        verdict: VerdictView::of(VerdictKind::FallingBehind),
        seen_by: SeenBy::Wire,
        as_of: Some(DateTime::UNIX_EPOCH),
        ..GroupView::listed("billing")
    }
}

fn look(at_s: i64, groups: Vec<GroupView>) -> WatchSnapshot {
    WatchSnapshot {
        at: DateTime::from_timestamp(at_s, 0).unwrap(),
        cluster: "c".into(),
        groups: groups.into_iter().map(Arc::new).collect(),
        ..WatchSnapshot::default()
    }
}

fn holds(condition: &str, groups: &[GroupView]) -> bool {
    condition.parse::<Until>().unwrap().explain(&look(0, groups.to_vec())).is_none()
}

/// A partition with readable offsets, of which a probe has counted the records.
fn row(readable: u64, records: Option<RecordsLeft>) -> PartitionRow {
    PartitionRow {
        lag: i64::try_from(readable).ok(),
        lost: Some(0),
        readable: Some(readable),
        held_back: Some(0),
        ahead: Some(0),
        records_left: records,
        seen_by: SeenBy::Wire,
        ..PartitionRow::unknown("orders", 0)
    }
}

#[test]
fn offsets_that_are_proven_to_have_no_records_are_no_lag() {
    let with = |rows: Vec<PartitionRow>| {
        let total = rows.iter().filter(|row| !row.abandoned).filter_map(|row| row.lag).sum();
        let mut group = group(Some(total), GroupState::Stable);
        group.partitions = rows;
        [group]
    };
    let marker = row(1, Some(RecordsLeft::Exactly(0)));
    let one = with(vec![marker.clone(), row(0, Some(RecordsLeft::Exactly(0)))]);
    assert!(holds("lag = 0 and readable = 0 and records_left = 0", &one));
    let perhaps = with(vec![marker.clone(), row(1, Some(RecordsLeft::AtMost(1)))]);
    assert!(holds("lag = 1", &perhaps) && !holds("records_left >= 0", &perhaps));
    let some = with(vec![marker, row(5, Some(RecordsLeft::Exactly(3)))]);
    assert!(holds("lag = 5 and records_left = 3", &some));
    let left = PartitionRow { abandoned: true, ..row(9, None) };
    assert!(holds("lag = 0 and records_left = 0", &with(vec![left])));
}

#[test]
fn all_groups_must_satisfy_it_and_what_is_not_known_does_not() {
    let (none, some) = (group(Some(0), GroupState::Stable), group(Some(1), GroupState::Empty));
    assert!(holds("lag = 0", std::slice::from_ref(&none)));
    assert!(!holds("lag = 0", &[none.clone(), some]));
    assert!(!holds("lag = 0", &[]));
    assert!(!holds("lag != 7", &[group(None, GroupState::Stable)]));
    let mut partly = none;
    partly.lag.unknown_partitions = 1;
    assert!(!holds("lag = 0", &[partly]));
}

#[test]
fn problems_say_what_to_write() {
    for (text, part) in
        [("lag", "is not a comparison"), ("lag = 0 for ever", "`ever` is not a duration; use a value such as 10s")]
    {
        let problem = text.parse::<Until>().unwrap_err();
        assert!(problem.contains(part), "{text}: {problem}");
    }
}

#[test]
fn a_false_look_starts_the_time_again() {
    let mut wait = Wait::new("lag = 0 for 10s".parse().unwrap(), INTERVAL);
    let looks = [(0, 0), (9, 0), (10, 1), (11, 0), (20, 0), (21, 0)];
    let over = looks.map(|(at_s, lag)| wait.take(&look(at_s, vec![group(Some(lag), GroupState::Stable)]), None));
    assert_eq!(over, [false, false, false, false, false, true]);
}

#[test]
fn time_in_which_a_name_has_no_group_does_not_count() {
    let mut wait = Wait::new("state = Stable for 60s".parse().unwrap(), INTERVAL);
    let mut take = |at_s: i64, missing: Option<&str>| {
        let is_over = wait.take(&look(at_s, vec![group(Some(0), GroupState::Stable)]), missing);
        (is_over, wait.why_not().to_owned())
    };
    for at_s in [0, 60] {
        assert_eq!(take(at_s, Some("mail")), (false, "no group matches `mail`".to_owned()));
    }
    let over = [62, 121, 122].map(|at_s| take(at_s, None).0);
    assert_eq!(over, [false, false, true]);
    take(123, Some("mail"));
    assert!(!take(124, None).0, "a group that comes back starts again");
}

#[test]
fn time_in_which_nothing_is_observed_does_not_count() {
    let over = |interval_s: u64, looks: &[i64]| -> Vec<bool> {
        let mut wait = Wait::new("lag = 0 for 10m".parse().unwrap(), Duration::from_secs(interval_s));
        let groups = || vec![group(Some(0), GroupState::Stable)];
        looks.iter().map(|at_s| wait.take(&look(*at_s, groups()), None)).collect()
    };
    assert_eq!(over(2, &[0, 3600, 3780, 3961]), [false; 4], "180 s of 10m were observed");
    let each_minute: Vec<i64> = (0..=10).map(|minute| minute * 60).collect();
    assert_eq!(over(2, &each_minute).iter().position(|is_over| *is_over), Some(10));
    assert_eq!(over(200, &[0, 600]), [false, true], "the looks are far apart by choice");
}

proptest! {
    #[test]
    fn a_printed_condition_is_read_as_it_was(lag in any::<i64>(), hold in 0..10_000_000_u64) {
        let until: Until = format!("lag > {lag} and verdict != lost for {hold}ms").parse().unwrap();
        prop_assert_eq!(until.to_string().parse::<Until>(), Ok(until));
    }

    #[test]
    fn a_wait_ends_as_soon_as_the_last_looks_were_true_for_its_time(
        looks in prop::collection::vec((0..5_i64, any::<bool>()), 1..40),
        hold_s in 0..20_u64,
    ) {
        let mut wait = Wait::new(format!("lag = 0 for {hold_s}s").parse().unwrap(), INTERVAL);
        let mut at = 0;
        let mut seen: Vec<(i64, bool)> = Vec::new();
        for (gap, is_true) in looks {
            at += gap;
            seen.push((at, is_true));
            let streak = seen.iter().rev().take_while(|(_, is_true)| *is_true).last();
            let expected = streak.is_some_and(|(since, _)| at - since >= i64::try_from(hold_s).unwrap());
            let lag = i64::from(!is_true);
            prop_assert_eq!(wait.take(&look(at, vec![group(Some(lag), GroupState::Stable)]), None), expected);
        }
    }
}

#[test]
fn a_wait_that_is_not_over_says_which_group_does_not_satisfy_the_condition() {
    let mut wait = Wait::new("lag = 0 for 10s".parse().unwrap(), INTERVAL);
    assert_eq!(wait.why_not(), "no observation was completed");
    let mut other = group(Some(7), GroupState::Stable);
    other.group = "mail".into();
    assert!(!wait.take(&look(0, vec![group(Some(1204), GroupState::Stable), other]), None));
    assert_eq!(wait.why_not(), "billing: lag = 0 is false: lag 1,204; 2 of 2 groups do not satisfy it");
    assert!(!wait.take(&look(1, Vec::new()), None));
    assert_eq!(wait.why_not(), "no group is watched");
    for at_s in [2, 9] {
        assert!(!wait.take(&look(at_s, vec![group(Some(0), GroupState::Stable)]), None));
    }
    assert_eq!(wait.why_not(), "it had been true for 7 s of 10 s");
}
