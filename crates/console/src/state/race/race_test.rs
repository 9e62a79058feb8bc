use std::sync::Arc;

use kreplay_model::{
    domain::Ordering,
    feed::{Bottleneck, Curve, CurvePoint, PlanningView, Prediction, Throughput},
};
use proptest::prelude::*;

use super::*;

fn run(id: &str, elapsed_s: f64, state: RunState) -> RunView {
    RunView {
        id: id.into(),
        state,
        elapsed_s,
        throughput: Throughput { records_per_s: 100.0 * elapsed_s, bytes_per_s: 0.0 },
        ideal: state.is_over().then_some(Prediction { elapsed_s: 1.5, limit: Bottleneck::Workers }),
        ..RunView::default()
    }
}

fn summary(id: &str, elapsed_s: f64, state: RunState, digest: &str) -> RunSummary {
    RunSummary {
        id: id.into(),
        state,
        ordering: Ordering::Key,
        concurrency: 1,
        concurrency_changed: false,
        handled: 100,
        elapsed_s,
        handling_s: elapsed_s,
        records_per_s: 100.0 / elapsed_s,
        efficiency: None,
        limit: None,
        digest: digest.into(),
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn planned() -> Snapshot {
    let point = |workers, elapsed_s| CurvePoint { workers, elapsed_s, limit: Bottleneck::Workers };
    let curve = Curve { ordering: Ordering::Key, most: 9, points: vec![point(1, 4.0), point(3, 1.4)] };
    let forecast = Forecast { curves: vec![curve], ..Forecast::default() };
    let mut snapshot = Snapshot {
        planning: PlanningView { forecast: Some(Arc::new(forecast)), ..PlanningView::default() },
        ..Snapshot::default()
    };
    snapshot.next.ordering = Ordering::Key;
    snapshot
}

#[test]
fn lanes_run_one_after_another_and_the_settings_return() {
    let mut race = Race::new(&[1, 3], at(0), (6, true));
    assert_eq!(race.advance(&Snapshot::default(), at(1)), RaceStep::Wait, "the plan is made first");
    let mut snapshot = planned();
    snapshot.run = Some(run("before", 9.0, RunState::Done));
    assert_eq!(race.advance(&snapshot, at(2)), RaceStep::Begin(1));
    assert_eq!(race.advance(&snapshot, at(3)), RaceStep::Wait, "the run of before is not that of the lane");
    snapshot.run = Some(run("a", 2.0, RunState::Running));
    assert_eq!(race.advance(&snapshot, at(5)), RaceStep::Wait);
    assert_eq!((race.current(), race.lanes[0].target_s()), (Some(0), Some(4.0)));
    snapshot.run = Some(run("a", 4.0, RunState::Done));
    snapshot.finished = vec![summary("a", 4.0, RunState::Done, "d")];
    assert_eq!(race.advance(&snapshot, at(7)), RaceStep::Begin(3));
    assert_eq!((race.lanes[0].target_s(), race.leader().map(|lane| lane.workers)), (Some(1.5), Some(1)));
    snapshot.run = Some(run("b", 1.6, RunState::Done));
    snapshot.finished.push(summary("b", 1.6, RunState::Done, "d"));
    assert_eq!(race.advance(&snapshot, at(9)), RaceStep::Restore);
    assert_eq!((race.phase.clone(), race.leader().map(|lane| lane.workers)), (RacePhase::Over, Some(3)));
    assert_eq!(race.digests(), [Some(DigestMatch::Base), Some(DigestMatch::Same)]);
    assert_eq!(race.advance(&snapshot, at(10)), RaceStep::Wait);
}

#[test]
fn a_lane_that_does_not_end_well_ends_the_race() {
    let begun = || {
        let mut race = Race::new(&[1, 3], at(0), (1, false));
        race.advance(&planned(), at(0));
        race
    };
    let mut snapshot = planned();
    snapshot.problem = Some("no broker answers".into());
    let mut race = begun();
    assert_eq!(race.advance(&snapshot, at(1)), RaceStep::Restore);
    assert_eq!(race.phase, RacePhase::Stopped("no broker answers".into()));
    snapshot.problem = None;
    assert_eq!(begun().advance(&snapshot, at(70)), RaceStep::Restore, "every wait is bounded");
    for (state, why) in [(RunState::Cancelled, "a run was stopped"), (RunState::Failed, "a run failed")] {
        let mut race = begun();
        snapshot.run = Some(run("a", 1.0, state));
        snapshot.finished = vec![summary("a", 1.0, state, "d")];
        assert_eq!(race.advance(&snapshot, at(1)), RaceStep::Restore);
        assert_eq!((race.phase.clone(), race.leader()), (RacePhase::Stopped(why.into()), None));
    }
    let mut race = begun();
    snapshot.finished.clear();
    snapshot.run = Some(run("a", 1.0, RunState::Running));
    race.advance(&snapshot, at(1));
    snapshot.run = Some(run("other", 1.0, RunState::Running));
    assert_eq!(race.advance(&snapshot, at(2)), RaceStep::Restore);
}

#[test]
fn a_problem_from_before_the_start_of_a_lane_counts_only_if_it_stays() {
    let mut race = Race::new(&[1, 3], at(0), (1, false));
    let snapshot = Snapshot { problem: Some("no broker answers".into()), ..planned() };
    assert_eq!(race.advance(&snapshot, at(0)), RaceStep::Begin(1));
    let mut other = race.clone();
    assert_eq!(race.advance(&snapshot, at(60)), RaceStep::Wait);
    assert_eq!(race.advance(&snapshot, at(61)), RaceStep::Restore);
    assert_eq!(race.phase, RacePhase::Stopped("no broker answers".into()));
    let snapshot = Snapshot { problem: Some("no such topic".into()), ..planned() };
    assert_eq!(other.advance(&snapshot, at(1)), RaceStep::Restore);
}

#[test]
fn a_run_that_handled_nothing_ends_the_race_and_does_not_lead() {
    let mut race = Race::new(&[1, 3], at(0), (1, false));
    let mut snapshot = planned();
    race.advance(&snapshot, at(0));
    snapshot.run = Some(run("a", 4.0, RunState::Done));
    snapshot.finished = vec![summary("a", 4.0, RunState::Done, "d")];
    assert_eq!(race.advance(&snapshot, at(1)), RaceStep::Begin(3));
    snapshot.run = Some(run("b", 0.1, RunState::Done));
    snapshot.finished.push(RunSummary { handled: 0, ..summary("b", 0.1, RunState::Done, "0") });
    assert_eq!(race.advance(&snapshot, at(2)), RaceStep::Restore);
    let why = "a run handled no record: the target has them all already, or none matches";
    assert_eq!(race.phase, RacePhase::Stopped(why.into()));
    assert_eq!(race.leader().map(|lane| lane.workers), Some(1));
    assert_eq!(race.digests(), [Some(DigestMatch::Base), Some(DigestMatch::Unknown)]);
}

#[test]
fn a_plan_that_is_not_made_delays_the_race_only_for_a_time() {
    let mut race = Race::new(&[1, 2], at(0), (1, false));
    assert_eq!(race.advance(&Snapshot::default(), at(29)), RaceStep::Wait);
    assert_eq!(race.advance(&Snapshot::default(), at(30)), RaceStep::Begin(1));
    assert_eq!(race.lanes[0].target_s(), None);
}

#[test]
fn numbers_of_workers_are_parsed() {
    assert_eq!(parse_lanes(" 1, 3,8 ", 10), Ok(vec![1, 3, 8]));
    assert_eq!(parse_lanes("8 2", 8), Ok(vec![8, 2]));
    assert_eq!(parse_lanes("1,x", 10), Err(RaceError::Number("x".into(), 10)));
    assert_eq!(parse_lanes("1,11", 10), Err(RaceError::Number("11".into(), 10)));
    assert_eq!(parse_lanes("3", 10), Err(RaceError::TooFew));
    assert_eq!(parse_lanes("3,3", 10), Err(RaceError::Twice(3)));
    assert_eq!(parse_lanes("1,2,3,4,5,6,7,8,9", 10), Err(RaceError::TooMany));
}

proptest! {
    #[test]
    fn rates_are_bounded_and_have_no_gaps(steps in prop::collection::vec(0.0_f64..40.0, 1..80), columns in 1_usize..200) {
        let mut lane = RaceLane::new(1);
        let mut elapsed_s = 0.0;
        for step in steps {
            elapsed_s += step;
            lane.learn(&run("a", elapsed_s, RunState::Running));
        }
        prop_assert!(lane.rates.len() <= MAX_RATES);
        let rates = lane.rates(columns, elapsed_s.max(0.1) / columns as f64);
        prop_assert_eq!(rates.len(), columns);
        prop_assert!(rates.iter().flatten().all(|rate| rate.is_finite() && *rate >= 0.0));
        let known = rates.iter().take_while(|rate| rate.is_some()).count();
        prop_assert!(rates[known..].iter().all(Option::is_none));
    }

    #[test]
    fn no_text_panics(text in ".{0,40}") {
        if let Ok(lanes) = parse_lanes(&text, 1_000) {
            prop_assert!(lanes.len() >= 2 && lanes.len() <= MAX_LANES);
        }
    }
}
