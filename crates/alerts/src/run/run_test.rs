//! Tests of alerts on runs.

use kreplay_model::{
    domain::Lag,
    feed::{RunState, RunView, Throughput},
};

use super::*;
use crate::{RuleDefinition, fixture::time};

fn alerts(condition: &str, hold_s: u64) -> RunAlerts {
    let mut definition = RuleDefinition::new("slow".parse().unwrap(), condition.parse().unwrap());
    definition.hold = Duration::from_secs(hold_s);
    definition.annotations.insert("note".into(), "{{ $labels.run }} has {{ $value }}".into());
    RunAlerts::new(vec![Rule::for_runs(definition).unwrap()], Duration::from_secs(60))
}

/// A run that works.
fn run(id: &str) -> RunView {
    let mut run = RunView { id: id.into(), state: RunState::Running, started_at: Some(time(0)), ..RunView::default() };
    run.totals.lag = Lag::Known(1_500);
    run.totals.ahead = 300;
    run.throughput = Throughput { records_per_s: 400.0, bytes_per_s: 0.0 };
    run.eta_s = Some(90.0);
    run
}

fn snapshot(at_s: i64, run: RunView) -> Snapshot {
    Snapshot { at: Some(time(at_s)), run: Some(run), ..Snapshot::default() }
}

/// Whether the alert fires at the first look, and its value.
fn first(condition: &str, run: RunView) -> Option<String> {
    alerts(condition, 0).take(&snapshot(0, run)).first().map(|change| change.value.clone())
}

#[test]
fn each_figure_of_a_run_can_be_compared() {
    let mut failed = run("r1");
    (failed.totals.dead_lettered, failed.totals.skipped) = (3, 1);
    for (condition, value) in [
        ("lag > 1199", Some("lag 1,200")),
        ("lag > 1200", None),
        ("dead_letters > 0 and skipped = 1", Some("dead_letters 3, skipped 1")),
        ("rate < 500", Some("rate 400")),
        ("rate < 400", None),
        ("eta > 1m", Some("eta 1m 30s")),
        ("state = running", Some("state running")),
        ("state != running", None),
    ] {
        assert_eq!(first(condition, failed.clone()).as_deref(), value, "{condition}");
    }
}

#[test]
fn a_run_that_has_ended_has_no_rate() {
    let done = RunView { state: RunState::Failed, throughput: Throughput::default(), ..run("r1") };
    assert_eq!(first("rate < 500", done.clone()), None);
    assert_eq!(first("state = failed", done).as_deref(), Some("state failed"));
    let planned = RunView { state: RunState::Planned, started_at: None, ..RunView::default() };
    assert_eq!(first("lag = 0", planned.clone()), None);
    assert_eq!(first("state != running", planned), None);
}

#[test]
fn failures_are_counted_over_the_last_minute() {
    let mut alerts = alerts("failures_per_s > 1", 0);
    let mut fires = Vec::new();
    for at_s in 0..200 {
        let mut run = run("r1");
        // Two a second between 20 s and 80 s.
        run.totals.retried = u64::try_from((at_s - 20_i64).clamp(0, 60)).unwrap() * 2;
        for change in alerts.take(&snapshot(at_s, run)) {
            fires.push((at_s, change.resolved_at.is_none()));
        }
    }
    // More than half of the time since the beginning, or of the last minute.
    assert_eq!(fires, [(41, true), (110, false)]);
}

#[test]
fn failures_are_counted_again_after_the_clock_was_set_back() {
    let mut alerts = alerts("failures_per_s > 1", 0);
    let (mut retried, mut fires) = (0, Vec::new());
    for at_s in (3_600..3_620).chain(10..40) {
        // Two a second once the clock was set back.
        retried += if at_s < 3_600 { 2 } else { 0 };
        let mut run = run("r1");
        run.totals.retried = retried;
        for change in alerts.take(&snapshot(at_s, run)) {
            fires.push((at_s, change.resolved_at.is_none()));
        }
    }
    assert_eq!(fires, [(20, true)], "after ten seconds");
}

#[test]
fn an_alert_fires_after_its_time_and_is_resolved_when_the_next_run_begins() {
    let mut alerts = alerts("rate < 500", 20);
    assert!([0, 10].into_iter().all(|at_s| alerts.take(&snapshot(at_s, run("r1"))).is_empty()));
    let fired = alerts.take(&snapshot(20, run("r1"))).remove(0);
    assert_eq!((fired.subject.name(), fired.fired_at, fired.resolved_at), ("r1", time(20), None));
    assert_eq!(fired.all_annotations()["note"], "r1 has rate 400");
    assert_eq!(fired.all_annotations()["summary"], "slow on run r1");
    assert_eq!(fired.all_labels()["run"], "r1");
    let resolved = alerts.take(&snapshot(30, run("r2"))).remove(0);
    assert_eq!((resolved.subject.name(), resolved.fired_at), ("r1", time(20)));
    assert_eq!(resolved.resolved_at, Some(time(30)));
    assert!(alerts.take(&snapshot(40, run("r2"))).is_empty(), "the time begins again");
}

#[test]
fn rules_on_runs_have_neither_groups_nor_topics() {
    let mut definition = RuleDefinition::new("slow".parse().unwrap(), "rate < 5".parse().unwrap());
    definition.selector.groups = vec!["a".parse().unwrap()];
    assert!(Rule::for_runs(definition).is_err());
}

#[test]
fn a_silenced_alert_fires_without_actions_until_the_silence_ends() {
    let mut alerts = alerts("rate < 500", 0);
    let mut silences = Silences::default();
    silences.add("slow", time(0), Duration::from_secs(60));
    alerts.silence(silences);
    assert_eq!(alerts.take(&snapshot(0, run("r1"))).len(), 1, "that it fires is said");
    assert!(alerts.take_changes().is_empty());
    let shown = alerts.snapshot().alerts.remove(0);
    assert_eq!((shown.state, shown.silenced_until), (AlertState::Silenced, Some(time(60))));
    assert_eq!(shown.subject, AlertSubject::Run("r1".into()));
    alerts.take(&snapshot(61, run("r1")));
    let announced = alerts.take_changes().remove(0);
    assert_eq!((announced.fired_at, announced.resolved_at), (time(0), None));
    assert_eq!(alerts.snapshot().firing(), 1);
    alerts.take(&snapshot(70, run("r2")));
    let resolved: Vec<bool> = alerts.take_changes().iter().map(|change| change.resolved_at.is_some()).collect();
    assert_eq!(resolved, [true, false], "that of the first run is resolved, and the second one fires");
}

#[test]
fn alerts_are_shown_by_urgency_and_not_without_data() {
    let mut alerts = alerts("rate < 500", 20);
    assert!(alerts.snapshot().alerts.is_empty());
    alerts.take(&snapshot(0, run("r1")));
    assert_eq!(alerts.snapshot().alerts[0].state, AlertState::Pending);
    let done = RunView { state: RunState::Done, throughput: Throughput::default(), ..run("r1") };
    for at_s in [10, 1_000] {
        alerts.take(&snapshot(at_s, done.clone()));
    }
    assert!(alerts.snapshot().alerts.iter().all(|alert| alert.state != AlertState::NoData));
}
