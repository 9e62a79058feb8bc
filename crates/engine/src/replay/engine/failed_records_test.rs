//! The effect of each advice of a handler. All delays are long, so that the tests do not wait for them.

use std::{
    collections::BTreeSet,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use kreplay_model::{domain::Ordering, feed::EventKind};

use super::fixture::Fixture;
use crate::{
    handler::{Advice, LaneFailure, LaneRun},
    replay::{
        RecordDecision,
        partition::Owner,
        scheduler::{AfterFailure, ReturnedLane, pause::PausingRecord},
    },
    settings::{OnFailure, Retry, Settings},
};

const HOUR: Duration = Duration::from_secs(3600);
/// All delays under test are longer, and differ by more.
const SHORT: Duration = Duration::from_millis(500);

fn failed(advice: Advice) -> LaneFailure {
    LaneFailure { run: 0, done: 0, error: "as advised".into(), advice }
}

/// Retries five times, after `first_delay` each, and then skips.
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

/// A partition in which two keys alternate, with all records waiting for a worker.
fn engine(settings: Settings) -> Fixture {
    let fixture = Fixture::with(&[vec![Some(0), Some(1), Some(0), Some(1)]], settings);
    let _ = fixture.engine.scheduler.set_workers(1);
    fixture.engine.partitions.with(0, |partition| partition.begin(1, 0, Owner::Shared));
    fixture.engine.scheduler.fence(std::iter::once((0, 1)));
    fixture.deliver(0, 1, 0..4);
    fixture
}

impl Fixture {
    fn take(&self) -> Vec<LaneRun> {
        let mut runs = Vec::new();
        while self.engine.scheduler.try_take(0, &mut runs) {}
        runs
    }

    /// Takes the records of the first key, and returns the others.
    fn take_first(&self) -> LaneRun {
        let (mut first, others): (Vec<_>, Vec<_>) = self.take().into_iter().partition(|run| run.records[0].offset == 0);
        self.return_lanes(others.into_iter().map(|run| ReturnedLane { run, done: 0, after: AfterFailure::Continue }));
        first.remove(0)
    }

    fn return_lanes(&self, runs: impl Iterator<Item = ReturnedLane>) {
        self.engine.scheduler.return_lanes(runs, 0, Duration::ZERO);
    }

    fn counts(&self) -> (u64, u64) {
        (self.engine.counters.retried.load(Relaxed), self.engine.counters.skipped.load(Relaxed))
    }
}

fn backoff_end(back: &ReturnedLane) -> Instant {
    match back.after {
        AfterFailure::BackOff(until) => until,
        _ => panic!("it does not back off"),
    }
}

#[test]
fn after_waits_for_the_longer_of_its_delay_and_the_schedule_for_its_key_only() {
    for (schedule, asked, longest) in
        [(Duration::ZERO, HOUR, HOUR), (2 * HOUR, HOUR, 2 * HOUR), (Duration::ZERO, Duration::ZERO, Duration::ZERO)]
    {
        let fixture = engine(settings(schedule));
        let run = fixture.take_first();
        let before = Instant::now();
        let back = fixture.engine.apply_failure_policy(run, 0, &failed(Advice::After(asked))).unwrap();
        let until = backoff_end(&back);
        assert!(until >= before + longest && until <= Instant::now() + longest, "{schedule:?} and {asked:?}");
        assert_eq!((back.done, fixture.counts()), (0, (1, 0)), "it counts as an attempt");
        fixture.return_lanes(std::iter::once(back));
        let mut next: Vec<i64> = fixture.take().iter().flat_map(|run| &run.records).map(|one| one.offset).collect();
        next.sort_unstable();
        // The failed record is retried alone; the one behind it waits.
        let expected: &[i64] = if longest.is_zero() { &[0, 1, 3] } else { &[1, 3] };
        assert_eq!(next, expected, "the other key continues");
    }
}

#[test]
fn after_does_not_exceed_the_number_of_attempts() {
    let fixture = engine(settings(Duration::ZERO));
    for attempt in 1..=6 {
        let run = fixture.take_first();
        let back = fixture.engine.apply_failure_policy(run, 0, &failed(Advice::After(HOUR))).unwrap();
        if attempt <= 5 {
            backoff_end(&back);
            let ReturnedLane { run, done, .. } = back;
            // As if the hour had passed.
            fixture.return_lanes(std::iter::once(ReturnedLane {
                run,
                done,
                after: AfterFailure::BackOff(Instant::now()),
            }));
        } else {
            assert!(
                matches!(back, ReturnedLane { done: 1, after: AfterFailure::Continue, .. }),
                "it has failed for good"
            );
        }
    }
    assert_eq!(fixture.counts(), (5, 1));
}

#[test]
fn give_up_applies_the_policy_without_a_retry() {
    let apply = |change: fn(&mut Settings)| {
        let mut settings = settings(HOUR);
        change(&mut settings);
        let fixture = engine(settings);
        let run = fixture.take_first();
        let back = fixture.engine.apply_failure_policy(run, 0, &failed(Advice::GiveUp));
        assert_eq!(fixture.engine.counters.retried.load(Relaxed), 0, "no further attempt");
        (fixture, back)
    };
    let (fixture, back) = apply(|_| {});
    assert!(matches!(back.unwrap(), ReturnedLane { done: 1, after: AfterFailure::Continue, .. }));
    assert_eq!((fixture.counts(), fixture.engine.status.failure()), ((0, 1), None));

    let (fixture, back) = apply(|settings| settings.on_failure = OnFailure::Fail);
    let back = back.unwrap();
    assert!(back.done == 0 && backoff_end(&back) > Instant::now());
    assert!(fixture.engine.status.failure().unwrap().contains("failed once; last error: as advised"));

    let (fixture, back) = apply(|settings| settings.on_failure = OnFailure::Pause);
    assert!(back.is_none(), "its lane is returned already");
    let cause = fixture.engine.scheduler.pausing_failure().unwrap();
    assert!(cause.reason.contains("as advised"));
    let record = cause.record.unwrap();
    assert_eq!((record.partition, record.offset, record.attempts), (0, 0, 1));
    assert!(record.key.is_some());
    assert_eq!((fixture.take().len(), fixture.engine.status.failure()), (0, None));
    fixture.engine.scheduler.set_paused(false);
    assert_eq!(fixture.take_first().records[0].offset, 0, "as soon as the run resumes");

    let (fixture, back) = apply(|settings| settings.quarantine = true);
    assert!(matches!(back.unwrap(), ReturnedLane { done: 0, after: AfterFailure::Quarantine(_), .. }));
    assert_eq!(fixture.counts(), (0, 0), "quarantine comes before the policy");
}

/// Pauses a run because of its first record, after another key has failed, too.
fn paused_engine() -> (Fixture, PausingRecord) {
    let fixture = engine(Settings { on_failure: OnFailure::Pause, ..settings(Duration::ZERO) });
    let (first, mut others): (Vec<_>, Vec<_>) = fixture.take().into_iter().partition(|run| run.records[0].offset == 0);
    for run in first.into_iter().chain([others.remove(0)]) {
        assert!(fixture.engine.apply_failure_policy(run, 0, &failed(Advice::GiveUp)).is_none());
    }
    let record = fixture.engine.scheduler.pausing_failure().and_then(|failure| failure.record).unwrap();
    assert_eq!((record.partition, record.offset), (0, 0), "the first failure is the cause");
    (fixture, record)
}

/// Otherwise the other key could pause the run again before a worker gets to the record.
#[test]
fn a_decision_is_carried_out_while_the_run_is_paused() {
    let (fixture, record) = paused_engine();
    assert!(fixture.engine.carry_out(RecordDecision::Skip, &record, || ()));
    assert_eq!((fixture.counts(), fixture.engine.scheduler.is_paused()), ((0, 1), true));
    let events = fixture.engine.events.since(0);
    let skipped = events.iter().find_map(|event| match &event.kind {
        EventKind::Skipped(failure) => Some((failure.offset.get(), failure.attempt, failure.error.clone())),
        _ => None,
    });
    assert_eq!(skipped, Some((0, record.attempts, record.error.clone())), "with its original failure");
    assert!(!fixture.engine.carry_out(RecordDecision::Skip, &record, || ()), "only once");
    fixture.engine.scheduler.set_paused(false);
    let next: BTreeSet<i64> = fixture.take().iter().flat_map(|run| &run.records).map(|one| one.offset).collect();
    assert_eq!(next, BTreeSet::from([1, 2]), "the other failed record is retried alone");
}

#[test]
fn no_decision_is_carried_out_about_a_revoked_record() {
    let (fixture, record) = paused_engine();
    fixture.engine.scheduler.fence(std::iter::once((0, 2)));
    assert!(!fixture.engine.carry_out(RecordDecision::Skip, &record, || ()));
    assert_eq!(fixture.counts(), (0, 0));
}

#[test]
fn a_failure_of_a_revoked_record_does_not_pause_the_run() {
    let fixture = engine(Settings { on_failure: OnFailure::Pause, ..settings(Duration::ZERO) });
    let run = fixture.take_first();
    fixture.engine.scheduler.fence(std::iter::once((0, 2)));
    assert!(fixture.engine.apply_failure_policy(run, 0, &failed(Advice::GiveUp)).is_none());
    assert!(!fixture.engine.scheduler.is_paused());
}

#[test]
fn an_unable_target_pauses_the_run_without_naming_a_record() {
    let fixture = engine(Settings { on_failure: OnFailure::Pause, ..settings(Duration::ZERO) });
    fixture.engine.scheduler.set_paused(false);
    for _ in 0..6 {
        let run = fixture.take_first();
        let back = fixture.engine.apply_failure_policy(run, 0, &failed(Advice::Unable));
        fixture.return_lanes(back.into_iter());
    }
    assert_eq!(fixture.engine.scheduler.pausing_failure().unwrap().record, None);
}

#[test]
fn stop_fails_the_run_with_the_reason_under_any_policy() {
    for on_failure in [OnFailure::Skip, OnFailure::Pause, OnFailure::DeadLetter, OnFailure::Fail] {
        let fixture = engine(Settings { on_failure, quarantine: true, ..settings(Duration::ZERO) });
        let run = fixture.take_first();
        let back = fixture.engine.apply_failure_policy(run, 0, &failed(Advice::Stop)).unwrap();
        assert_eq!(fixture.engine.status.failure().as_deref(), Some("as advised"));
        assert!(back.done == 0 && backoff_end(&back) > Instant::now(), "positions stay below it");
        assert_eq!((fixture.counts(), fixture.engine.scheduler.pausing_failure()), ((0, 0), None));
        fixture.return_lanes(std::iter::once(back));
        assert_eq!(fixture.take().len(), 0, "no record is handed out any more");
    }
}

#[test]
fn fenced_fails_a_run_without_a_group_and_waits_for_the_group_otherwise() {
    let alone = engine(settings(Duration::ZERO));
    let run = alone.take_first();
    drop(alone.engine.apply_failure_policy(run, 0, &failed(Advice::Fenced)));
    assert_eq!((alone.engine.status.failure().as_deref(), alone.counts()), (Some("as advised"), (0, 0)));

    let fixture = engine(Settings { group: Some("g".into()), ..settings(Duration::ZERO) });
    for attempt in 1..=60 {
        let run = fixture.take_first();
        let before = Instant::now();
        let back = fixture.engine.apply_failure_policy(run, 0, &failed(Advice::Fenced)).unwrap();
        assert_eq!((back.done, fixture.counts()), (0, (0, 0)), "attempt {attempt}: it does not count as a failure");
        assert_eq!(fixture.engine.status.has_failed(), attempt == 60, "attempt {attempt}");
        let until = backoff_end(&back);
        assert!(until >= before + SHORT, "attempt {attempt}: the target is not flooded with retries");
        let ReturnedLane { run, done, .. } = back;
        fixture.return_lanes(std::iter::once(ReturnedLane { run, done, after: AfterFailure::BackOff(Instant::now()) }));
    }
    let events = fixture.engine.events.since(0);
    let warnings = events.iter().filter(|event| matches!(event.kind, EventKind::Warning { .. })).count();
    assert_eq!(warnings, 1, "reported once, not for each attempt");
}

#[test]
fn advice_about_a_revoked_partition_is_ignored() {
    for advice in [Advice::Retry, Advice::After(HOUR), Advice::GiveUp, Advice::Stop, Advice::Fenced] {
        let fixture = engine(settings(Duration::ZERO));
        let run = fixture.take_first();
        fixture.engine.partitions.with(0, |partition| partition.begin(2, 0, Owner::Shared));
        let back = fixture.engine.apply_failure_policy(run, 0, &failed(advice)).unwrap();
        assert!(backoff_end(&back) <= Instant::now(), "{advice:?}");
        assert_eq!(
            (fixture.counts(), fixture.engine.status.failure(), fixture.engine.scheduler.pausing_failure()),
            ((0, 0), None, None)
        );
    }
}

#[test]
fn an_unable_target_never_causes_records_to_be_skipped() {
    for on_failure in [OnFailure::Skip, OnFailure::DeadLetter, OnFailure::Fail, OnFailure::Pause] {
        let fixture = engine(Settings { on_failure, quarantine: true, ..settings(Duration::ZERO) });
        for attempt in 1..=6 {
            let run = fixture.take_first();
            let back = fixture.engine.apply_failure_policy(run, 0, &failed(Advice::Unable));
            if let Some(back) = &back {
                assert_eq!(back.done, 0);
                backoff_end(back);
            }
            let (fails, pauses) =
                (fixture.engine.status.has_failed(), fixture.engine.scheduler.pausing_failure().is_some());
            let expected = (attempt == 6, on_failure == OnFailure::Pause);
            assert_eq!((fails || pauses, pauses), (expected.0, expected.0 && expected.1), "attempt {attempt}");
            assert_eq!(back.is_none(), pauses, "its lane is returned already");
            fixture.return_lanes(back.into_iter());
        }
        assert_eq!(fixture.counts(), (5, 0));
    }
}
