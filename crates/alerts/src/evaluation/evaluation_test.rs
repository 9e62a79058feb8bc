//! Tests of states on simulated time.

use kreplay_model::watch::{AlertState, Reason};
use proptest::prelude::*;

use super::*;
use crate::fixture::{group, look, time};

const INTERVAL: Duration = Duration::from_secs(10);

fn rule(condition: &str, hold_s: u64, keep_s: u64) -> Rule {
    let definition = RuleDefinition::new("high-lag".parse().unwrap(), condition.parse().unwrap());
    let (hold, keep) = (Duration::from_secs(hold_s), Duration::from_secs(keep_s));
    Rule::new(RuleDefinition { hold, keep, ..definition }).unwrap()
}

/// The words of events, and the state, at each look at one group. The lag of a look may be unknown.
fn states(rule: Rule, looks: &[(i64, Option<i64>)]) -> Vec<(Vec<&'static str>, Option<AlertState>)> {
    let mut alerts = Alerts::new(vec![rule], INTERVAL);
    let mut take = |(at_s, lag): &(i64, Option<i64>)| {
        let events = alerts.take(&look(*at_s, vec![group("billing", *lag)]));
        let state = alerts.snapshot().alerts.first().map(|alert| alert.state);
        (events.iter().map(|event| word(&event.kind)).collect(), state)
    };
    looks.iter().map(&mut take).collect()
}

fn word(kind: &WatchEventKind) -> &'static str {
    match kind {
        WatchEventKind::AlertFired { .. } => "fired",
        WatchEventKind::AlertResolved { .. } => "resolved",
        WatchEventKind::AlertWithoutData { .. } => "no data",
        WatchEventKind::AlertHasData { .. } => "has data",
        _ => "other",
    }
}

#[test]
fn an_alert_is_pending_then_fires_then_is_resolved() {
    let looks = [(0, Some(5)), (10, Some(2000)), (20, Some(2000)), (30, Some(2000)), (40, Some(5)), (941, Some(5))];
    let seen = states(rule("lag > 1000", 20, 0), &looks);
    assert_eq!(
        seen,
        [
            (vec![], None),
            (vec![], Some(AlertState::Pending)),
            (vec![], Some(AlertState::Pending)),
            (vec!["fired"], Some(AlertState::Firing)),
            (vec!["resolved"], Some(AlertState::Resolved)),
            (vec![], None),
        ]
    );
}

#[test]
fn the_time_begins_again_when_the_condition_was_false_once() {
    let looks =
        [(0, Some(2000)), (10, Some(2000)), (15, Some(0)), (20, Some(2000)), (30, Some(2000)), (40, Some(2000))];
    let fired: Vec<bool> =
        states(rule("lag > 1000", 20, 0), &looks).iter().map(|(events, _)| events.contains(&"fired")).collect();
    assert_eq!(fired, [false, false, false, false, false, true]);
}

#[test]
fn a_broker_that_is_away_for_30_s_neither_fires_nor_resolves() {
    let mut looks = vec![(0, Some(2000)), (10, Some(2000))];
    looks.extend([20, 30, 40].map(|at| (at, None)));
    looks.extend([(50, Some(2000)), (60, Some(2000)), (70, Some(2000)), (80, Some(2000))]);
    let seen = states(rule("lag > 1000", 30, 0), &looks);
    let mut shown = seen.iter().map(|(_, state)| state.unwrap());
    // Ten seconds before and twenty after the gap.
    assert_eq!(shown.position(|state| state == AlertState::Firing), Some(7));
    assert!(seen[..7].iter().all(|(events, _)| events.is_empty()), "{seen:?}");

    let mut looks = vec![(0, Some(2000))];
    looks.extend([10, 20, 30].map(|at| (at, None)));
    looks.push((40, Some(2000)));
    let seen = states(rule("lag > 1000", 0, 0), &looks);
    assert!(seen.iter().all(|(_, state)| *state == Some(AlertState::Firing)), "{seen:?}");
    assert_eq!(seen.iter().flat_map(|(events, _)| events).collect::<Vec<_>>(), [&"fired"]);
}

#[test]
fn a_condition_that_is_unknown_for_three_intervals_is_without_data() {
    let looks = [(0, None), (10, None), (20, None), (30, None), (40, None), (50, Some(0))];
    let seen = states(rule("lag > 1000", 0, 0), &looks);
    assert_eq!(seen[2], (vec![], None));
    assert_eq!(seen[3], (vec!["no data"], Some(AlertState::NoData)));
    assert_eq!(seen[4], (vec![], Some(AlertState::NoData)));
    assert_eq!(seen[5], (vec!["has data"], None));
}

#[test]
fn times_begin_again_after_the_clock_was_set_back() {
    let looks = [(3600, None), (10, None), (20, None), (30, None), (40, None)];
    let seen = states(rule("lag > 1000", 0, 0), &looks);
    assert_eq!(seen[3], (vec![], None));
    assert_eq!(seen[4], (vec!["no data"], Some(AlertState::NoData)));
    let looks = [(3600, Some(2000)), (3610, Some(0)), (10, Some(0)), (911, Some(0))];
    let seen = states(rule("lag > 1000", 0, 0), &looks);
    assert_eq!(seen[2], (vec![], Some(AlertState::Resolved)));
    assert_eq!(seen[3], (vec![], None), "shown for 15 minutes");
}

#[test]
fn an_alert_that_fires_without_data_fires_on_and_says_so() {
    let mut alerts = Alerts::new(vec![rule("lag > 1000", 0, 0)], INTERVAL);
    alerts.take(&look(0, vec![group("billing", Some(2000))]));
    for at in [10, 20, 30, 40] {
        let mut away = group("billing", None);
        away.why_unknown = Some(Reason::TimedOut);
        alerts.take(&look(at, vec![away]));
    }
    let alert = &alerts.snapshot().alerts[0];
    assert_eq!((alert.state, alert.no_data_since), (AlertState::Firing, Some(time(10))));
    assert_eq!(alert.value, "lag 2,000");
}

#[test]
fn time_without_looks_does_not_count() {
    let looks = [(0, Some(2000)), (3600, Some(2000)), (3610, Some(2000)), (3620, Some(2000))];
    let seen = states(rule("lag > 1000", 20, 0), &looks);
    assert_eq!(seen.iter().position(|(events, _)| events.contains(&"fired")), Some(3));
}

#[test]
fn the_alert_of_a_group_that_was_deleted_is_resolved() {
    let mut alerts = Alerts::new(vec![rule("lag > 1000", 0, 0)], INTERVAL);
    alerts.take(&look(0, vec![group("billing", Some(2000))]));
    let events = alerts.take(&look(10, Vec::new()));
    assert_eq!(events.iter().map(|event| word(&event.kind)).collect::<Vec<_>>(), ["resolved"]);
}

#[test]
fn verdicts_of_severity_error_fire_by_default() {
    use kreplay_model::watch::VerdictKind;
    let mut alerts = Alerts::new(vec![Rule::on_verdicts()], INTERVAL);
    let mut stopped = group("billing", Some(5));
    stopped.verdict = crate::fixture::verdict(VerdictKind::Stopped);
    alerts.take(&look(0, vec![group("orders", Some(5)), stopped]));
    let snapshot = alerts.snapshot();
    assert_eq!((snapshot.firing(), snapshot.alerts[0].subject.name()), (1, "billing"));
    assert_eq!(snapshot.alerts[0].next_step.as_deref(), Some("look at the group"));
}

/// What Prometheus does with a series that is never absent (`rules/alerting.go`, `AlertingRule.Eval`), by the times of
/// its steps.
#[derive(Default)]
struct Model {
    active_at: Option<i64>,
    is_firing: bool,
    keep_since: Option<i64>,
}

impl Model {
    fn step(&mut self, at: i64, is_true: bool, hold: i64, keep: i64) -> bool {
        if is_true {
            self.keep_since = None;
            let active_at = *self.active_at.get_or_insert(at);
            self.is_firing |= at - active_at >= hold;
        } else if self.is_firing && keep > 0 && at - *self.keep_since.get_or_insert(at) < keep {
            // It is kept.
        } else {
            *self = Self::default();
        }
        self.is_firing
    }
}

proptest! {
    #[test]
    fn states_are_those_of_prometheus_while_the_condition_is_known(
        looks in prop::collection::vec((1..=30_i64, any::<bool>()), 1..60),
        hold in 0..60_u32,
        keep in 0..60_u32,
    ) {
        let mut alerts = Alerts::new(vec![rule("lag > 1000", hold.into(), keep.into())], INTERVAL);
        let (mut model, mut at) = (Model::default(), 0);
        for (gap, is_true) in looks {
            at += gap;
            alerts.take(&look(at, vec![group("billing", Some(if is_true { 2000 } else { 0 }))]));
            let fires = alerts.snapshot().firing() == 1;
            prop_assert_eq!(fires, model.step(at, is_true, hold.into(), keep.into()), "at {}", at);
        }
    }

    #[test]
    fn looks_without_data_change_nothing(
        looks in prop::collection::vec((any::<bool>(), 0..3_usize), 1..40),
        hold_looks in 0..4_u64,
    ) {
        let hold = hold_looks * 10;
        let mut with_gaps = Alerts::new(vec![rule("lag > 1000", hold, 0)], INTERVAL);
        let mut at = 0;
        for (is_true, unknown) in looks {
            at += 10;
            with_gaps.take(&look(at, vec![group("billing", Some(if is_true { 2000 } else { 0 }))]));
            let fires = with_gaps.snapshot().firing() == 1;
            prop_assert!(is_true || !fires);
            for _ in 0..unknown {
                at += 10;
                with_gaps.take(&look(at, vec![group("billing", None)]));
                prop_assert_eq!(with_gaps.snapshot().firing() == 1, fires);
            }
        }
    }
}

/// The changes for the actions at each look: the group, and whether the alert fires.
fn announced(alerts: &mut Alerts, at_s: i64, lag: i64) -> Vec<(String, bool)> {
    alerts.take(&look(at_s, vec![group("billing", Some(lag))]));
    let change = |change: AlertChange| (change.subject.name().to_owned(), change.resolved_at.is_none());
    alerts.take_changes().into_iter().map(change).collect()
}

#[test]
fn actions_get_a_change_once_when_an_alert_fires_and_once_when_it_is_resolved() {
    let mut alerts = Alerts::new(vec![rule("lag > 1000", 0, 0)], INTERVAL);
    let seen: Vec<_> =
        [(0, 2000), (10, 3000), (20, 0), (30, 0)].map(|(at_s, lag)| announced(&mut alerts, at_s, lag)).into();
    let (fired, resolved) = (vec![("billing".to_owned(), true)], vec![("billing".to_owned(), false)]);
    assert_eq!(seen, [fired, vec![], resolved, vec![]]);
}

#[test]
fn a_change_has_the_labels_and_texts_of_the_alert() {
    let mut alerts = Alerts::new(vec![rule("lag > 1000", 0, 0)], INTERVAL);
    alerts.take(&look(5, vec![group("billing", Some(2000))]));
    let change = alerts.take_changes().remove(0);
    assert_eq!(change.fired_at, time(5));
    assert_eq!(
        (change.all_labels()["alertname"].as_str(), change.all_labels()["group"].as_str()),
        ("high-lag", "billing")
    );
    let annotations = change.all_annotations();
    assert_eq!(annotations["value"], "lag 2,000");
    assert_eq!(annotations["summary"], "high-lag on group billing");
    assert_eq!(annotations["next_step"], "look at the group");
}

#[test]
fn a_silenced_alert_takes_no_actions_until_the_silence_ends() {
    let mut alerts = Alerts::new(vec![rule("lag > 1000", 0, 0)], INTERVAL);
    let mut silences = Silences::default();
    silences.add("high-lag", time(0), Duration::from_secs(25));
    alerts.silence(silences);
    let state = |alerts: &mut Alerts, at_s, lag| {
        let announced = announced(alerts, at_s, lag);
        (announced, alerts.snapshot().alerts.first().map(|alert| alert.state))
    };
    assert_eq!(state(&mut alerts, 0, 2000), (vec![], Some(AlertState::Silenced)));
    assert_eq!(alerts.snapshot().firing(), 0);
    // It is resolved and fires again: no action is taken.
    assert_eq!(state(&mut alerts, 10, 0), (vec![], Some(AlertState::Resolved)));
    assert_eq!(state(&mut alerts, 20, 2000), (vec![], Some(AlertState::Silenced)));
    assert_eq!(state(&mut alerts, 30, 2000), (vec![("billing".into(), true)], Some(AlertState::Firing)));
    // What was announced is also resolved during a silence.
    let mut silences = Silences::default();
    silences.add("high-lag", time(30), Duration::from_secs(100));
    alerts.silence(silences);
    assert_eq!(state(&mut alerts, 40, 0), (vec![("billing".into(), false)], Some(AlertState::Resolved)));
}
