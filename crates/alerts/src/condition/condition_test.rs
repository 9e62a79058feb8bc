//! Tests of conditions.

use kreplay_model::domain::Offset;
use kreplay_model::watch::{
    EtaVerdict, GroupState, MemberRow, PartitionRow, Reason, RebalanceEntry, SecondsRange, SeenBy, TimeExactness,
};
use proptest::prelude::*;

use super::{
    figure::{COUNTS, TIMES},
    relation::RELATIONS,
    *,
};
use crate::fixture::{group, time, verdict};

fn evaluate(condition: &str, group: &GroupView) -> Option<bool> {
    condition.parse::<Condition>().unwrap().evaluate(group, time(1000), &[])
}

#[test]
fn every_figure_can_be_compared() {
    let mut one = group("billing", Some(5));
    one.members = vec![MemberRow::default(); 3];
    one.eta.verdict = EtaVerdict::Never;
    one.rebalances.history = [100, 500, 950].map(rebalance).to_vec();
    for (condition, expected) in [
        ("lag = 5", true),
        ("lag=5", true),
        ("lag == 4", false),
        ("lag != 4", true),
        ("max_partition_lag >= 5", true),
        ("readable <= 5", true),
        ("members != 6", true),
        ("members = 3", true),
        ("idle_members > 0", false),
        ("orphan_partitions = 0", true),
        ("age >= 30s", true),
        ("age > 30s", false),
        ("deadline < 1h", false),
        ("eta > 30d", true),
        ("rebalances in 10m >= 2", true),
        ("rebalances in 10m > 2", false),
        ("rebalances in 1h = 3", true),
        ("state = stable", true),
        ("state != Empty and lag > 4", true),
        ("verdict = falling-behind", true),
        ("verdict != fine", true),
        ("severity >= warning", true),
        ("severity = error", false),
    ] {
        assert_eq!(evaluate(condition, &one), Some(expected), "{condition}");
    }
}

/// A partition of the topic `orders` with a lag and, if it is known, an age in seconds.
fn row(partition: i32, lag: Option<i64>, age_s: Option<f64>) -> PartitionRow {
    let parts = lag.map(i64::unsigned_abs);
    PartitionRow {
        committed: Offset::new(100),
        log_start: Offset::new(0),
        lag,
        lost: parts.map(|_| 0),
        readable: parts,
        held_back: parts.map(|_| 0),
        ahead: parts.map(|_| 0),
        compacted: Some(false),
        age_s: age_s.map(SecondsRange::exact),
        age_exactness: age_s.map(|_| TimeExactness::Exact),
        deadline_s: age_s.map(|age_s| 86_400.0 - age_s),
        seen_by: SeenBy::Wire,
        ..PartitionRow::unknown("orders", partition)
    }
}

#[test]
fn an_age_without_that_of_a_partition_is_a_lower_bound() {
    let mut one = group("billing", Some(50));
    one.partitions = vec![row(0, Some(5), Some(30.0)), row(1, Some(45), None)];
    one.deadline_s = Some(86_370.0);
    for (condition, expected) in [
        ("age > 10s", Some(true)),
        ("age >= 30s", Some(true)),
        ("age > 40s", None),
        ("age < 40s", None),
        ("age = 30s", None),
        ("deadline < 1h", None),
        ("deadline < 24h", Some(true)),
        ("deadline > 1h", None),
    ] {
        assert_eq!(evaluate(condition, &one), expected, "{condition}");
    }
    // The last commit is an upper bound of the time without progress.
    (one.as_of, one.partitions[0].committed_at) = (Some(time(1000)), Some(time(990)));
    assert_eq!(evaluate("no_progress > 1m", &one), Some(false));
    assert_eq!(evaluate("no_progress > 5s", &one), Some(true));
    // What has nothing to read, or was never committed, has no age.
    one.partitions = vec![row(0, Some(5), Some(30.0)), row(1, Some(0), None), row(2, None, None)];
    assert_eq!(evaluate("age < 40s", &one), None, "the lag of partition 2 is not known");
    one.partitions[2].why_unknown = Some(Reason::NeverCommitted);
    assert_eq!(evaluate("age < 40s", &one), Some(true));
}

#[test]
fn time_in_which_a_group_was_not_observed_is_no_lack_of_progress() {
    let mut one = group("billing", Some(5));
    one.age_s = Some(SecondsRange::exact(40.0));
    one.partitions = vec![PartitionRow { committed_at: Some(time(938)), ..row(0, Some(5), Some(40.0)) }];
    one.as_of = Some(time(940));
    assert_eq!(evaluate("no_progress > 30s", &one), Some(false), "observed 2 s after the commit");
    one.as_of = Some(time(1000));
    assert_eq!(evaluate("no_progress > 30s", &one), Some(true));
}

#[test]
fn a_deadline_is_infinite_only_where_the_retention_is_known() {
    let mut one = group("billing", Some(5));
    one.partitions = vec![PartitionRow { deadline_s: None, ..row(0, Some(5), Some(30.0)) }];
    assert_eq!(evaluate("deadline < 1h", &one), Some(false), "records are kept for ever");
    one.partitions[0].compacted = None;
    assert_eq!(evaluate("deadline < 1h", &one), None, "the settings of the topic are not known");
    one.partitions[0].compacted = Some(false);
    one.partitions[0].age_exactness = Some(TimeExactness::AtLeast);
    assert_eq!(evaluate("deadline < 1h", &one), None, "the age has no upper bound");
}

#[test]
fn old_commits_and_verdicts_say_nothing() {
    let mut one = group("billing", Some(5));
    one.partitions = vec![row(0, Some(5), Some(30.0))];
    one.partitions[0].why_unknown = Some(Reason::CoordinatorLoading);
    one.why_unknown = Some(Reason::CoordinatorLoading);
    for condition in
        ["lag > 4", "readable > 4", "age > 10s", "no_progress > 10s", "severity >= warning", "verdict = fine"]
    {
        assert_eq!(evaluate(condition, &one), None, "{condition}");
    }
    assert_eq!(evaluate("verdict = falling-behind", &one), Some(true), "the last verdict holds");
}

fn rebalance(at_s: i64) -> RebalanceEntry {
    RebalanceEntry {
        began_at: time(at_s),
        epochs: 1,
        duration_ms: None,
        error_ms: 0,
        joined: Vec::new(),
        left: Vec::new(),
        partitions: None,
        stood_still: Vec::new(),
    }
}

#[test]
fn rebalances_count_when_they_were_seen_unless_some_of_them_are_not_kept() {
    let mut one = group("billing", Some(5));
    // One entry of the history covers all epochs until the group has settled.
    one.rebalances.history = vec![RebalanceEntry { epochs: 50, ..rebalance(60) }];
    let mut recent = kreplay_model::watch::RecentRebalances::default();
    recent.forget_until(time(50).timestamp_millis());
    for seconds in (60..=1_000).step_by(20) {
        recent.add(time(seconds).timestamp_millis(), 1);
    }
    one.rebalances.recent = Some(recent.into());
    assert_eq!(evaluate("rebalances in 10m = 31", &one), Some(true), "from 400 s to 1,000 s, both included");
    assert_eq!(evaluate("rebalances in 949s = 48", &one), Some(true));
    // What is kept is a lower bound.
    assert_eq!(evaluate("rebalances in 950s > 40", &one), Some(true));
    assert_eq!(evaluate("rebalances in 950s < 40", &one), Some(false));
    assert_eq!(evaluate("rebalances in 950s > 60", &one), None);
    assert_eq!(evaluate("rebalances in 950s = 60", &one), None);
}

#[test]
fn a_figure_that_is_not_known_is_neither_true_nor_false() {
    let mut unknown = group("billing", None);
    unknown.verdict = verdict(VerdictKind::Gathering);
    unknown.why_unknown = Some(Reason::TimedOut);
    for condition in
        ["lag != 7", "lost = 0", "members = 0", "state = Stable", "eta > 1s", "verdict = lost", "severity > ok"]
    {
        assert_eq!(evaluate(condition, &unknown), None, "{condition}");
    }
    assert_eq!(evaluate("verdict = gathering", &unknown), Some(true));
    let mut partly = group("billing", Some(2000));
    partly.lag.unknown_partitions = 1;
    assert_eq!(evaluate("lag > 1000", &partly), None);
}

#[test]
fn one_false_comparison_makes_a_condition_false_whatever_is_not_known() {
    let one = group("billing", Some(5));
    assert_eq!(evaluate("lost = 0 and lag > 5", &one), Some(false));
    assert_eq!(evaluate("lost = 0 and lag = 5", &one), None);
}

#[test]
fn a_missing_permission_does_not_make_other_figures_old() {
    let mut one = group("billing", None);
    one.why_unknown = Some(Reason::NotAuthorized { operation: "DESCRIBE".into(), resource: "topic orders".into() });
    assert_eq!(evaluate("members = 0", &one), Some(true));
}

#[test]
fn the_figures_are_described_with_their_values() {
    let condition: Condition = "lag > 1 and age > 5s and lost = 0 and rebalances in 10m > 1".parse().unwrap();
    let text = condition.describe(&group("billing", Some(5)), time(0), &[]);
    assert_eq!(text, "lag 5, age 30 s, lost not known, rebalances in 10m 0");
}

#[test]
fn a_figure_that_is_compared_twice_is_described_once() {
    let condition: Condition = "severity = error and verdict != lost and lag > 1 and lag < 9".parse().unwrap();
    let text = condition.describe(&group("billing", Some(5)), time(0), &[]);
    assert_eq!(text, "verdict falling behind, lag 5");
}

#[test]
fn counts_and_times_are_written_as_elsewhere() {
    let mut one = group("billing", Some(1_234_567));
    one.age_s = Some(kreplay_model::watch::SecondsRange::exact(774.936));
    let condition: Condition = "lag > 1 and age > 5s".parse().unwrap();
    assert_eq!(condition.describe(&one, time(0), &[]), "lag 1,234,567, age 12m 55s");
}

#[test]
fn the_first_comparison_that_is_not_true_explains_a_condition() {
    let one = group("billing", Some(5));
    let explain = |text: &str| text.parse::<Condition>().unwrap().explain(&one, time(0), &[]);
    assert_eq!(explain("lag > 1 and lag > 9 and members = 3"), Some("lag > 9 is false: lag 5".to_owned()));
    assert_eq!(explain("lag > 1 and lost = 0"), Some("lost = 0 is not known".to_owned()));
    assert_eq!(explain("lag > 1"), None);
}

#[test]
fn problems_say_what_to_write() {
    for (text, part) in [
        ("", "is not a comparison"),
        ("lag", "is not a comparison"),
        ("lag ! 5", "has no operator"),
        ("lag = x", "`x` is not a whole number; lag is a count"),
        ("speed = 5", "`speed` is not a figure; use lag, max_partition_lag"),
        ("state < Stable", "state can be compared with = and != only"),
        ("state =", "is not a state"),
        ("state = Bogus", "`Bogus` is not a state of a group; use Empty, Assigning"),
        ("verdict = bad", "`bad` is not a verdict"),
        ("severity = critical", "`critical` is not the severity of a verdict"),
        ("age = 5", "`5` is not a duration"),
        ("rebalances > 3", "add one, such as rebalances in 10m"),
        ("rebalances in x > 3", "`x` is not a duration"),
        ("lag = 0 and", "is not a whole number"),
    ] {
        let problem = text.parse::<Condition>().unwrap_err();
        assert!(problem.contains(part), "{text}: {problem}");
    }
}

fn conditions() -> impl Strategy<Value = Condition> {
    let relation = || prop::sample::select(RELATIONS.map(|(_, relation)| relation).to_vec());
    let equality = || prop::sample::select(vec![Equality::Is, Equality::IsNot]);
    let span = || (0..10_000_000_u64).prop_map(Duration::from_millis);
    let kind = prop::sample::select(vec![VerdictKind::Fine, VerdictKind::StuckPartition, VerdictKind::Lost]);
    let state = prop::sample::select(GroupState::DEFINED.to_vec());
    let severity = prop::sample::select(vec![VerdictSeverity::Ok, VerdictSeverity::Error]);
    let comparison = prop_oneof![
        (prop::sample::select(COUNTS.to_vec()), relation(), any::<i64>())
            .prop_map(|(figure, relation, value)| Comparison::Count(figure, relation, value)),
        (prop::sample::select(TIMES.to_vec()), relation(), span())
            .prop_map(|(figure, relation, time)| Comparison::Time(figure, relation, time)),
        (span(), relation(), any::<u64>())
            .prop_map(|(window, relation, count)| Comparison::Rebalances(window, relation, count)),
        (equality(), state).prop_map(|(equality, state)| Comparison::State(equality, state.to_string())),
        (equality(), kind).prop_map(|(equality, kind)| Comparison::Verdict(equality, kind)),
        (relation(), severity).prop_map(|(relation, severity)| Comparison::Severity(relation, severity)),
    ];
    prop::collection::vec(comparison, 1..5).prop_map(|comparisons| Condition { comparisons })
}

proptest! {
    #[test]
    fn a_printed_condition_is_read_as_it_was(condition in conditions()) {
        prop_assert_eq!(condition.to_string().parse::<Condition>(), Ok(condition));
    }

    #[test]
    fn any_text_is_a_condition_or_a_problem(text in "\\PC*|[a-z =<>!0-9]{0,30}") {
        if let Err(problem) = text.parse::<Condition>() {
            prop_assert!(!problem.is_empty());
        }
    }
}
