//! What each advice of a handler comes to. The times are bounds that are far away, so that nothing here waits.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use super::{PausingRecord, fixture::Fixture};
use crate::{
    domain::Ordering,
    feed::{EventKind, Owner},
    handler::{Advice, LaneFailure, LaneRun},
    replay::{
        board::{HandBack, Then},
        control::RecordDecision,
        settings::{OnFailure, Retry, Settings},
    },
};

const HOUR: Duration = Duration::from_secs(3600);
/// The times that say how long to wait are all longer, and apart by more.
const SHORT: Duration = Duration::from_millis(500);

fn failed(advice: Advice) -> LaneFailure {
    LaneFailure { run: 0, done: 0, error: "as advised".into(), advice }
}

/// Failures are tried again five times, each after `first_delay`, and then passed over.
fn settings(first_delay: Duration) -> Settings {
    let retry = Retry { attempts: 5, first_delay, max_delay: first_delay, jitter: 0.0 };
    Settings {
        ordering: Ordering::Key,
        retry,
        on_failure: OnFailure::Skip,
        drain_timeout: Duration::ZERO,
        ..Settings::default()
    }
}

/// Two keys take turns in a partition, and wait for a worker.
fn engine(settings: Settings) -> Fixture {
    let fixture = Fixture::with(&[vec![Some(0), Some(1), Some(0), Some(1)]], settings);
    let _ = fixture.engine.board.set_workers(1);
    fixture.engine.with(0, |partition| partition.begin(1, 0, Owner::Shared));
    fixture.engine.board.fence(std::iter::once((0, 1)));
    fixture.deliver(0, 1, 0..4);
    fixture
}

impl Fixture {
    fn take(&self) -> Vec<LaneRun> {
        let mut runs = Vec::new();
        while self.engine.board.try_take(0, &mut runs) {}
        runs
    }

    /// Takes the first key's records alone; whatever else was taken goes back.
    fn take_first(&self) -> LaneRun {
        let (mut first, others): (Vec<_>, Vec<_>) = self.take().into_iter().partition(|run| run.records[0].offset == 0);
        self.hand_back(others.into_iter().map(|run| HandBack { run, done: 0, then: Then::GoOn }));
        first.remove(0)
    }

    fn hand_back(&self, runs: impl Iterator<Item = HandBack>) {
        self.engine.board.hand_back(runs, 0, Duration::ZERO);
    }

    fn counts(&self) -> (u64, u64) {
        (self.engine.retried.load(Relaxed), self.engine.skipped.load(Relaxed))
    }
}

fn rests_until(back: &HandBack) -> Instant {
    match back.then {
        Then::Rest(until) => until,
        _ => panic!("it does not rest"),
    }
}

#[test]
fn after_is_waited_for_as_well_as_the_schedule_and_by_its_own_key_only() {
    for (schedule, asked, longest) in
        [(Duration::ZERO, HOUR, HOUR), (2 * HOUR, HOUR, 2 * HOUR), (Duration::ZERO, Duration::ZERO, Duration::ZERO)]
    {
        let fixture = engine(settings(schedule));
        let run = fixture.take_first();
        let before = Instant::now();
        let back = fixture.engine.judge(run, 0, &failed(Advice::After(asked))).unwrap();
        let until = rests_until(&back);
        assert!(until >= before + longest && until <= Instant::now() + longest, "{schedule:?} and {asked:?}");
        assert_eq!((back.done, fixture.counts()), (0, (1, 0)), "it is an attempt");
        fixture.hand_back(std::iter::once(back));
        let mut next: Vec<i64> = fixture.take().iter().flat_map(|run| &run.records).map(|one| one.offset).collect();
        next.sort_unstable();
        // What has failed is tried alone; the record behind it waits for it.
        let expected: &[i64] = if longest.is_zero() { &[0, 1, 3] } else { &[1, 3] };
        assert_eq!(next, expected, "the other key goes on");
    }
}

#[test]
fn after_does_not_make_more_attempts_than_there_are() {
    let fixture = engine(settings(Duration::ZERO));
    for attempt in 1..=6 {
        let run = fixture.take_first();
        let back = fixture.engine.judge(run, 0, &failed(Advice::After(HOUR))).unwrap();
        if attempt <= 5 {
            rests_until(&back);
            let HandBack { run, done, .. } = back;
            // As if the hour were over.
            fixture.hand_back(std::iter::once(HandBack { run, done, then: Then::Rest(Instant::now()) }));
        } else {
            assert!(matches!(back, HandBack { done: 1, then: Then::GoOn, .. }), "it has failed for good");
        }
    }
    assert_eq!(fixture.counts(), (5, 1));
}

#[test]
fn give_up_is_for_the_policy_at_once() {
    let judged = |change: fn(&mut Settings)| {
        let mut settings = settings(HOUR);
        change(&mut settings);
        let fixture = engine(settings);
        let run = fixture.take_first();
        let back = fixture.engine.judge(run, 0, &failed(Advice::GiveUp)).unwrap();
        assert_eq!(fixture.engine.retried.load(Relaxed), 0, "no further attempt");
        (fixture, back)
    };
    let (fixture, back) = judged(|_| {});
    assert!(matches!(back, HandBack { done: 1, then: Then::GoOn, .. }));
    assert_eq!((fixture.counts(), fixture.engine.failure()), ((0, 1), None));

    let (fixture, back) = judged(|settings| settings.on_failure = OnFailure::Fail);
    assert!(back.done == 0 && rests_until(&back) > Instant::now());
    assert!(fixture.engine.failure().unwrap().contains("failed 1 times, last with: as advised"));

    let (fixture, back) = judged(|settings| settings.on_failure = OnFailure::Pause);
    assert!(back.done == 0 && rests_until(&back) <= Instant::now(), "as soon as the run goes on");
    let cause = fixture.engine.paused_by().unwrap();
    assert!(cause.reason.contains("as advised"));
    let record = cause.record.unwrap();
    assert_eq!((record.partition, record.offset, record.attempts), (0, 0, 1));
    assert!(record.key.is_some());
    assert_eq!((fixture.take().len(), fixture.engine.failure()), (0, None));

    let (fixture, back) = judged(|settings| settings.quarantine = true);
    assert!(matches!(back, HandBack { done: 0, then: Then::Quarantine(_), .. }));
    assert_eq!(fixture.counts(), (0, 0), "quarantine comes before the policy");
}

#[test]
fn a_decision_about_a_record_is_applied_once_whatever_the_policy() {
    for on_failure in [OnFailure::Pause, OnFailure::Fail] {
        let fixture = engine(Settings { on_failure, ..settings(Duration::ZERO) });
        let run = fixture.take_first();
        let record = PausingRecord {
            partition: 0,
            offset: run.records[0].offset,
            key: None,
            error: "as it was".into(),
            attempts: 4,
        };
        fixture.engine.decide_record(&record, RecordDecision::Skip);
        assert!(fixture.engine.is_decided(&run.records[0]) && !fixture.engine.is_decided(&run.records[1]));
        let back = fixture.engine.judge(run, 0, &failed(Advice::GiveUp)).unwrap();
        assert!(matches!(back, HandBack { done: 1, then: Then::GoOn, .. }));
        assert_eq!((fixture.counts(), fixture.engine.failure()), ((0, 1), None));
        let told = fixture.engine.events.since(0);
        assert!(told.iter().any(|event| event.kind.to_string().contains("as it was")), "with the failure that it had");
        assert!(!fixture.engine.has_decisions(), "the next record is judged by the policy again");
        drop(fixture.engine.judge(back.run, 1, &failed(Advice::GiveUp)));
        let stopped = fixture.engine.failure().is_some() || fixture.engine.paused_by().is_some();
        assert!(stopped && fixture.counts() == (0, 1));
    }
}

#[test]
fn a_target_that_is_unable_pauses_the_run_for_no_record() {
    let fixture = engine(Settings { on_failure: OnFailure::Pause, ..settings(Duration::ZERO) });
    fixture.engine.board.set_paused(false);
    for _ in 0..6 {
        let run = fixture.take_first();
        let back = fixture.engine.judge(run, 0, &failed(Advice::Unable)).unwrap();
        fixture.hand_back(std::iter::once(back));
    }
    assert_eq!(fixture.engine.paused_by().unwrap().record, None);
}

#[test]
fn stop_ends_the_run_with_the_reason_whatever_the_policy() {
    for on_failure in [OnFailure::Skip, OnFailure::Pause, OnFailure::DeadLetter, OnFailure::Fail] {
        let fixture = engine(Settings { on_failure, quarantine: true, ..settings(Duration::ZERO) });
        let run = fixture.take_first();
        let back = fixture.engine.judge(run, 0, &failed(Advice::Stop)).unwrap();
        assert_eq!(fixture.engine.failure().as_deref(), Some("as advised"));
        assert!(back.done == 0 && rests_until(&back) > Instant::now(), "positions stay below it");
        assert_eq!((fixture.counts(), fixture.engine.paused_by()), ((0, 0), None));
        fixture.hand_back(std::iter::once(back));
        assert_eq!(fixture.take().len(), 0, "nothing is handed out any more");
    }
}

#[test]
fn fenced_fails_a_run_without_a_group_and_waits_for_the_group_of_one_that_has_it() {
    let alone = engine(settings(Duration::ZERO));
    let run = alone.take_first();
    drop(alone.engine.judge(run, 0, &failed(Advice::Fenced)));
    assert_eq!((alone.engine.failure().as_deref(), alone.counts()), (Some("as advised"), (0, 0)));

    let fixture = engine(Settings { group: Some("g".into()), ..settings(Duration::ZERO) });
    for attempt in 1..=60 {
        let run = fixture.take_first();
        let before = Instant::now();
        let back = fixture.engine.judge(run, 0, &failed(Advice::Fenced)).unwrap();
        assert_eq!((back.done, fixture.counts()), (0, (0, 0)), "attempt {attempt}: it is nobody's failure");
        assert_eq!(fixture.engine.failure().is_some(), attempt == 60, "attempt {attempt}");
        let until = rests_until(&back);
        assert!(until >= before + SHORT, "attempt {attempt}: the target is not hammered at");
        let HandBack { run, done, .. } = back;
        fixture.hand_back(std::iter::once(HandBack { run, done, then: Then::Rest(Instant::now()) }));
    }
    let told = fixture.engine.events.since(0);
    let warnings = told.iter().filter(|event| matches!(event.kind, EventKind::Warning { .. })).count();
    assert_eq!(warnings, 1, "told once, and not for each attempt");
}

#[test]
fn of_a_partition_that_has_gone_no_advice_is_taken() {
    for advice in [Advice::Retry, Advice::After(HOUR), Advice::GiveUp, Advice::Stop, Advice::Fenced] {
        let fixture = engine(settings(Duration::ZERO));
        let run = fixture.take_first();
        fixture.engine.with(0, |partition| partition.begin(2, 0, Owner::Shared));
        let back = fixture.engine.judge(run, 0, &failed(advice)).unwrap();
        assert!(rests_until(&back) <= Instant::now(), "{advice:?}");
        assert_eq!((fixture.counts(), fixture.engine.failure(), fixture.engine.paused_by()), ((0, 0), None, None));
    }
}

#[test]
fn of_a_target_that_is_unable_no_record_is_passed_over() {
    for on_failure in [OnFailure::Skip, OnFailure::DeadLetter, OnFailure::Fail, OnFailure::Pause] {
        let fixture = engine(Settings { on_failure, quarantine: true, ..settings(Duration::ZERO) });
        for attempt in 1..=6 {
            let run = fixture.take_first();
            let back = fixture.engine.judge(run, 0, &failed(Advice::Unable)).unwrap();
            assert_eq!(back.done, 0);
            rests_until(&back);
            let (fails, pauses) = (fixture.engine.failure().is_some(), fixture.engine.paused_by().is_some());
            let expected = (attempt == 6, on_failure == OnFailure::Pause);
            assert_eq!((fails || pauses, pauses), (expected.0, expected.0 && expected.1), "attempt {attempt}");
            fixture.hand_back(std::iter::once(back));
        }
        assert_eq!(fixture.counts(), (5, 0));
    }
}
