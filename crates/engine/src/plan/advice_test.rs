use proptest::prelude::*;

use super::*;
use crate::plan::LaneLoads;

/// A thousand records of one millisecond per partition, on lanes of these lengths.
fn model(lanes: &[u64]) -> Model {
    let total: u64 = lanes.iter().sum();
    Model {
        partitions: vec![total / 4; 4],
        topics: vec![0; 4],
        lanes: LaneLoads::new(lanes.to_vec()),
        read: total,
        work_s: 0.001,
        batch: 1000,
        ..Model::default()
    }
}

fn advice_of(model: &Model, ordering: Ordering, workers: u32) -> Vec<WhatIf> {
    advice(AdvisedRun {
        model,
        ordering,
        workers,
        is_single_threaded: false,
        measured_s: None,
        heaviest_key: Some("user-17"),
    })
}

fn first(model: &Model, ordering: Ordering, workers: u32) -> WhatIf {
    advice_of(model, ordering, workers).remove(0)
}

fn is_near(actual: f64, expected: f64) -> bool {
    (actual / expected - 1.0).abs() < 0.05
}

#[test]
fn the_binding_limit_comes_first() {
    let even = model(&[100; 400]);
    let workers = first(&even, Ordering::Key, 4);
    assert_eq!(workers.lifted, LiftedLimit::TwiceTheWorkers);
    assert!(is_near(workers.speedup, 2.0), "{workers}");

    let mut lanes = vec![100; 100];
    lanes.push(20_000);
    let hot = model(&lanes);
    let split = advice_of(&hot, Ordering::Key, 8);
    assert!(split.iter().all(|one| one.lifted != LiftedLimit::TwiceTheWorkers), "{}", WhatIf::line(&split));
    // 30,000 records on 8 workers: 20 s for the key, 5 s for its quarter.
    let key = split.iter().find(|one| one.lifted == LiftedLimit::KeySplitFourWays).unwrap();
    assert!(key.key.as_deref() == Some("user-17") && is_near(key.speedup, 4.0), "{key}");

    let limited = Model { rate_s: Some(100.0), ..even.clone() };
    assert_eq!(first(&limited, Ordering::Key, 4).lifted, LiftedLimit::NoRateLimit);
    let slow_reading = Model { fetch_per_s: Some(1000.0), ..even.clone() };
    let read = first(&slow_reading, Ordering::Key, 8);
    assert_eq!(read.lifted, LiftedLimit::InstantReading);
    assert!(is_near(read.speedup, 8.0), "{read}");
    let committing = Model { commit_work_s: 0.0009, ..even };
    let commits = first(&committing, Ordering::Key, 4);
    assert_eq!(commits.lifted, LiftedLimit::FreeCommits);
    assert!(is_near(commits.speedup, 10.0), "{commits}");
}

#[test]
fn a_heavy_partition_is_lifted_by_more_partitions() {
    let model = Model { partitions: vec![6000, 1000, 1000, 1000], ..model(&vec![1; 9000]) };
    let advice = advice_of(&model, Ordering::Partition, 4);
    let split = advice.iter().find(|one| one.lifted == LiftedLimit::TwiceThePartitions).unwrap();
    assert!(is_near(split.speedup, 2.0), "{split}");
    assert!(advice.iter().all(|one| one.lifted != LiftedLimit::KeySplitFourWays));
}

#[test]
fn what_the_model_does_not_explain_stays() {
    let model = model(&[100; 400]);
    // 10 s of handling, and 10 s of something else.
    let run = AdvisedRun {
        model: &model,
        ordering: Ordering::None,
        workers: 4,
        is_single_threaded: false,
        measured_s: Some(20.0),
        heaviest_key: None,
    };
    let workers = advice(run).remove(0);
    assert!(is_near(workers.speedup, 20.0 / 15.0) && is_near(workers.seconds_saved, 5.0), "{workers:?}");
    // The model expected more than the run took: all of its times are reduced.
    let workers = advice(AdvisedRun { measured_s: Some(5.0), ..run }).remove(0);
    assert!(is_near(workers.speedup, 2.0) && is_near(workers.seconds_saved, 2.5), "{workers:?}");
}

proptest! {
    #[test]
    fn advice_is_sorted_bounded_and_consistent(
        lanes in prop::collection::vec(1..2000_u64, 1..60),
        workers in 1..40_u32,
        (rate_s, fetch_per_s) in (prop::option::of(0.001..50.0_f64), prop::option::of(100.0..1e6_f64)),
        (measured, commit) in (prop::option::of(0.1..100.0_f64), 0.0..0.001_f64),
        ordering in prop::sample::select(vec![Ordering::Key, Ordering::Partition, Ordering::None]),
    ) {
        let model = Model { rate_s, fetch_per_s, commit_work_s: commit, ..model(&lanes) };
        let now_s = measured.unwrap_or(model.predict(ordering, workers).elapsed_s);
        let advice = advice(AdvisedRun {
            model: &model,
            ordering,
            workers,
            is_single_threaded: false,
            measured_s: measured,
            heaviest_key: None,
        });
        prop_assert!(advice.windows(2).all(|two| two[0].speedup >= two[1].speedup));
        for one in &advice {
            prop_assert!((MIN_SPEEDUP..=WhatIf::MAX_SPEEDUP).contains(&one.speedup), "{one}");
            prop_assert!((now_s / (now_s - one.seconds_saved) / one.speedup - 1.0).abs() < 1e-6, "{one:?}");
        }
    }
}
