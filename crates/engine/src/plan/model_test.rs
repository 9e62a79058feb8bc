use proptest::prelude::*;

use super::*;

fn model(partitions: &[u64], lanes: &[u64]) -> Model {
    Model {
        partitions: partitions.to_vec(),
        topics: vec![0; partitions.len()],
        lanes: LaneLoads::new(lanes.to_vec()),
        read: partitions.iter().sum(),
        work_s: 0.001,
        batch: 1000,
        ..Model::default()
    }
}

fn limits(model: &Model, workers: u32) -> [Bottleneck; 3] {
    [Ordering::Key, Ordering::Partition, Ordering::None].map(|ordering| model.predict(ordering, workers).limit)
}

#[test]
fn the_predicted_limit_matches_the_load() {
    let even = model(&[1000; 10], &[1000; 10]);
    assert_eq!(limits(&even, 4), [Bottleneck::Workers; 3]);
    assert_eq!(limits(&even, 10), [Bottleneck::Key, Bottleneck::Partition, Bottleneck::Workers]);
    let hot_key = model(&[2500; 4], &[5000, 2500, 2500]);
    let predicted = hot_key.predict(Ordering::Key, 4);
    assert!(predicted.limit == Bottleneck::Key && (5.0..5.1).contains(&predicted.elapsed_s), "{predicted:?}");
    let hot_partition = model(&[7000, 1000, 1000, 1000], &[100; 100]);
    assert_eq!(limits(&hot_partition, 4), [Bottleneck::Workers, Bottleneck::Partition, Bottleneck::Workers]);
    let keyless = Model { keyless_heaviest: true, ..model(&[5000, 5000], &[5000, 5000]) };
    assert_eq!(limits(&keyless, 8), [Bottleneck::Partition, Bottleneck::Partition, Bottleneck::Workers]);
    let in_group = Model { commit_s: Some(0.01), ..model(&[1000; 7], &[1000; 7]) };
    assert_eq!(
        in_group.predict(Ordering::Partition, 4).limit,
        Bottleneck::Partition,
        "Kafka assigns seven partitions to four members once"
    );
    let alone = model(&[1000; 7], &[1000; 7]);
    assert_eq!(alone.predict(Ordering::Partition, 4).limit, Bottleneck::Workers, "kreplay reassigns them");
}

#[test]
fn reading_handler_and_commit_can_be_the_limit() {
    let fast = Model { work_s: 1e-7, fetch_per_s: Some(1e5), ..model(&[10_000; 2], &[200; 100]) };
    assert_eq!(limits(&fast, 4), [Bottleneck::Fetch; 3]);
    assert!((fast.predict(Ordering::Key, 4).elapsed_s - 0.2).abs() < 1e-9);
    let limited = Model { rate_s: Some(1e6), ..fast.clone() };
    assert_eq!(limited.predict(Ordering::Key, 4).limit, Bottleneck::Rate);
    let serial = Model { serial_s: 0.0005, ..model(&[10_000; 2], &[200; 100]) };
    assert_eq!(serial.predict(Ordering::Key, 1).limit, Bottleneck::Workers);
    assert_eq!(serial.predict(Ordering::Key, 8), Prediction { elapsed_s: 10.0, limit: Bottleneck::Handler });
    let tiny = Model { commit_s: Some(0.01), ..model(&[3], &[1; 3]) };
    assert_eq!(tiny.predict(Ordering::Key, 8).limit, Bottleneck::Commit);
}

#[test]
fn keys_in_blocks_take_longer_than_their_total_suggests() {
    let sorted =
        Model { memory_windows: vec![MemoryWindow { records: 1000, heaviest: 1000 }; 8], ..model(&[8000], &[1000; 8]) };
    assert_eq!(sorted.predict(Ordering::Key, 8), Prediction { elapsed_s: 8.0, limit: Bottleneck::Key });
    let mixed =
        Model { memory_windows: vec![MemoryWindow { records: 1000, heaviest: 130 }; 8], ..model(&[8000], &[1000; 8]) };
    assert!(mixed.predict(Ordering::Key, 8).elapsed_s < 1.1);
}

#[test]
fn the_smallest_sufficient_number_of_workers_is_recommended() {
    let hot = model(&[2500; 4], &[2500; 4]);
    let key = hot.recommend(Ordering::Key, Some("a"));
    assert_eq!((key.workers, key.limit), (4, Bottleneck::Key), "{key:?}");
    assert_eq!(
        key.why,
        "more than 4 workers would gain less than 5 %: the heaviest key, `a`, must be handled one record at a time"
    );
    let none = hot.recommend(Ordering::None, None);
    assert!((95..=100).contains(&none.workers), "{none:?}");
    let helps = none.why.strip_prefix("more would still help, up to about ").and_then(|most| most.parse::<u32>().ok());
    assert!(helps.is_some_and(|most| (900..=1000).contains(&most)), "{none:?}");
    let one = model(&[1000], &[1000]).recommend(Ordering::Key, None);
    assert_eq!(one.workers, 1);
    assert!(one.why.starts_with("a second worker"), "{one:?}");
    let reading = Model { work_s: 0.0, fetch_per_s: Some(1e6), ..model(&[1000; 4], &[1000; 4]) };
    assert_eq!(
        (reading.recommend(Ordering::Key, None).workers, reading.recommend(Ordering::Key, None).limit),
        (1, Bottleneck::Fetch)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn more_workers_are_never_slower_and_no_time_is_below_the_lower_bound(
        lanes in prop::collection::vec(1_u64..1500, 1..60), cut in 1_usize..10,
    ) {
        let partitions: Vec<u64> = lanes.chunks(cut).map(|part| part.iter().sum()).collect();
        let model = model(&partitions, &lanes);
        let total: u64 = lanes.iter().sum();
        for ordering in [Ordering::Key, Ordering::Partition, Ordering::None] {
            let all: Vec<u32> = (1..=100).step_by(3).collect();
            let curve = model.curve(ordering, &all);
            prop_assert!(curve.is_sorted_by(|a, b| a.elapsed_s >= b.elapsed_s));
            prop_assert_eq!(curve.len(), model.max_workers(ordering).min(100).div_ceil(3) as usize);
            for point in &curve {
                let even = total.div_ceil(u64::from(point.workers));
                let heaviest = match ordering {
                    Ordering::Key => lanes.iter().max(),
                    Ordering::Partition => partitions.iter().max(),
                    Ordering::None => None,
                };
                #[allow(clippy::cast_precision_loss, reason = "small counts")]
                let bound = even.max(heaviest.copied().unwrap_or(0)) as f64 * model.work_s;
                prop_assert!(point.elapsed_s >= bound - 1e-9, "{point:?} {bound}");
            }
            let recommended = model.recommend(ordering, None);
            let best = model.predict(ordering, model.max_workers(ordering).min(100)).elapsed_s;
            prop_assert!(recommended.elapsed_s <= best * GOOD_ENOUGH_RATIO);
        }
    }
}
