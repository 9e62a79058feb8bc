use super::*;
use crate::{
    domain::{Concurrency, Offset, Route, TopicPartition, hash_key},
    feed::{Bound, Estimate, FetchSpeed},
    plan::{PlannedPartition, scan::Tally},
};

fn plan() -> Plan {
    let partitions = [600, 300, 100, 0]
        .into_iter()
        .zip(0..)
        .map(|(span, number)| PlannedPartition {
            id: TopicPartition::new("orders", number),
            first: Offset::ZERO,
            end: Offset::new(span).unwrap(),
        })
        .collect();
    Plan { topics: vec!["orders".into()], partitions, ..Plan::default() }
}

/// Everything was read: half of the records of each partition are those of one key, the others have one each.
fn survey(plan: &Plan) -> Survey {
    let mut tally = Tally::new(&plan.partitions, true).unwrap();
    for (at, planned) in plan.partitions.iter().enumerate() {
        for offset in 0..planned.end.get() {
            let key = if offset % 2 == 0 { "hot".to_owned() } else { format!("key-{at}-{offset}") };
            tally.add(at, offset, Route::keyed(hash_key(key.as_bytes())), key.as_bytes(), 100);
        }
        tally.cover(at, planned.span());
    }
    let fetch = FetchSpeed { records_per_s: 1e6, bytes_per_s: 1e8 };
    Survey { full: true, complete: true, slices: 3, elapsed_s: 0.01, fetch, tally }
}

fn settings(handler: &str, workers: u64) -> Settings {
    Settings {
        handler: handler.parse().unwrap(),
        concurrency: Concurrency::new(workers).unwrap(),
        ..Settings::default()
    }
}

#[test]
fn a_full_scan_says_what_there_is_and_how_long_it_takes() {
    let plan = plan();
    let said = forecast(&plan, &survey(&plan), &settings("simulate:1ms", 7), None);
    assert_eq!((said.records, said.bytes, said.coverage.read), (Estimate::exact(1000), 100_000, 1000));
    assert!(said.coverage.full && said.notes.is_empty(), "{:?}", said.notes);
    let order: Vec<(i32, u64)> = said.partitions.iter().map(|one| (one.id.partition.0, one.records.value)).collect();
    assert_eq!(order, [(0, 600), (1, 300), (2, 100), (3, 0)]);
    assert_eq!((said.keys.heaviest[0].key.as_str(), said.keys.heaviest[0].records.value), ("hot", 500));
    assert!((470..=530).contains(&said.keys.distinct), "{}", said.keys.distinct);
    let predicted = said.predicted.unwrap();
    assert_eq!(predicted.limit, Bound::Key);
    assert!((0.5..0.52).contains(&predicted.elapsed_s), "{predicted:?}");
    let recommended = said.recommended.unwrap();
    assert!((2..=3).contains(&recommended.workers) && recommended.why.contains("`hot`"), "{recommended:?}");
    assert_eq!(said.curves.len(), 3);
    assert!(said.curves[0].points.iter().any(|point| point.workers == 7), "the present number is among them");
    let by_partition: Vec<u32> = said.curves[1].points.iter().map(|point| point.workers).collect();
    assert_eq!(by_partition, [1, 2, 3, 4], "no more workers than partitions");
}

#[test]
fn without_a_handling_time_nothing_is_predicted_and_it_says_so() {
    let plan = plan();
    let said = forecast(&plan, &survey(&plan), &settings("ndjson", 6), None);
    assert_eq!((said.predicted, said.recommended, said.curves.len()), (None, None, 0));
    assert!(said.notes.iter().any(|note| note.contains("--work TIME")), "{:?}", said.notes);
    let planning = PlanOptions { work: Some(Duration::from_millis(2)), ..PlanOptions::default() };
    let given = Settings { planning, ..settings("ndjson", 1) };
    let said = forecast(&plan, &survey(&plan), &given, None);
    assert_eq!(said.conditions.work_from.as_deref(), Some("given"));
    assert!((said.predicted.unwrap().elapsed_s - 2.0).abs() < 0.01);
}

#[test]
fn what_comes_key_by_key_and_does_not_fit_into_memory_is_handled_key_by_key() {
    let partitions = vec![PlannedPartition {
        id: TopicPartition::new("sorted", 0),
        first: Offset::ZERO,
        end: Offset::new(80_000).unwrap(),
    }];
    let plan = Plan { topics: vec!["sorted".into()], partitions, ..Plan::default() };
    let mut tally = Tally::new(&plan.partitions, true).unwrap();
    for offset in 0..80_000 {
        tally.add(0, offset, Route::keyed(hash_key(&[u8::try_from(offset / 10_000).unwrap()])), b"k", 872);
    }
    tally.cover(0, 80_000);
    let survey = Survey { full: true, complete: true, slices: 1, elapsed_s: 0.1, fetch: FetchSpeed::default(), tally };
    let time = |buffer_bytes| {
        let settings = Settings { buffer_bytes, ..settings("simulate:1ms", 8) };
        forecast(&plan, &survey, &settings, None).predicted.unwrap().elapsed_s
    };
    assert!((10.0..10.5).contains(&time(1 << 30)), "{}: all eight keys at once", time(1 << 30));
    assert!((79.0..81.0).contains(&time(1 << 20)), "{}: one after the other", time(1 << 20));
}
