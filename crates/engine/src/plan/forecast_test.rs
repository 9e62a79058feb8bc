use std::sync::Arc;

use kreplay_model::{
    domain::{Concurrency, Offset, Route, TopicPartition, hash_key},
    feed::{Bottleneck, Estimate, FetchSpeed},
};

use super::*;
use crate::{
    handler::{HandlerChoice, HandlerContext, HandlerError, HandlerFactory, RunHandlers},
    plan::{PlannedPartition, scan::Tally},
    settings::PlanOptions,
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

/// A full scan: in each partition, half of the records have the same key, and the others have one key each.
fn scanned(plan: &Plan) -> ScanResult {
    let mut tally = Tally::new(&plan.partitions, true).unwrap();
    for (at, planned) in plan.partitions.iter().enumerate() {
        for offset in 0..planned.end.get() {
            let key = if offset % 2 == 0 { "hot".to_owned() } else { format!("key-{at}-{offset}") };
            tally.add(at, offset, Route::keyed(hash_key(key.as_bytes())), key.as_bytes(), 100);
        }
        tally.cover(at, planned.span());
    }
    let fetch = FetchSpeed { records_per_s: 1e6, bytes_per_s: 1e8 };
    ScanResult { full: true, complete: true, slices: 3, elapsed_s: 0.01, fetch, tally }
}

/// A handler of which only the work time is known.
struct KnownWork(Option<f64>);

impl HandlerFactory for KnownWork {
    fn facts(&self) -> HandlerFacts {
        HandlerFacts { work_s: self.0, ..HandlerFacts::default() }
    }

    fn open(&self, _context: &HandlerContext) -> Result<Arc<dyn RunHandlers>, HandlerError> {
        Err(HandlerError::NoPreview)
    }
}

fn settings(work_s: Option<f64>, workers: u64) -> Settings {
    Settings {
        handler: HandlerChoice::new(KnownWork(work_s)),
        concurrency: Concurrency::new(workers).unwrap(),
        ..Settings::default()
    }
}

#[test]
fn a_full_scan_is_exact_and_predicts_the_time() {
    let plan = plan();
    let made = forecast(&plan, &scanned(&plan), &settings(Some(0.001), 7), None);
    assert_eq!((made.records, made.bytes, made.coverage.read), (Estimate::exact(1000), 100_000, 1000));
    assert!(made.coverage.full && made.notes.is_empty(), "{:?}", made.notes);
    let order: Vec<(i32, u64)> = made.partitions.iter().map(|one| (one.id.partition.0, one.records.value)).collect();
    assert_eq!(order, [(0, 600), (1, 300), (2, 100), (3, 0)]);
    assert_eq!((made.keys.heaviest[0].key.as_str(), made.keys.heaviest[0].records.value), ("hot", 500));
    assert!((470..=530).contains(&made.keys.distinct), "{}", made.keys.distinct);
    let predicted = made.predicted.unwrap();
    assert_eq!(predicted.limit, Bottleneck::Key);
    assert!((0.5..0.52).contains(&predicted.elapsed_s), "{predicted:?}");
    let recommended = made.recommended.unwrap();
    assert!((2..=3).contains(&recommended.workers) && recommended.why.contains("`hot`"), "{recommended:?}");
    assert_eq!(made.curves.len(), 3);
    assert!(made.curves[0].points.iter().any(|point| point.workers == 7), "the configured number is included");
    let by_partition: Vec<u32> = made.curves[1].points.iter().map(|point| point.workers).collect();
    assert_eq!(by_partition, [1, 2, 3, 4], "no more workers than partitions");
}

#[test]
fn without_a_handling_time_a_note_replaces_the_prediction() {
    let plan = plan();
    let made = forecast(&plan, &scanned(&plan), &settings(None, 6), None);
    assert_eq!((made.predicted, made.recommended, made.curves.len()), (None, None, 0));
    assert!(made.notes.iter().any(|note| note.contains("--work TIME")), "{:?}", made.notes);
    let planning = PlanOptions { work: Some(Duration::from_millis(2)), ..PlanOptions::default() };
    let given = Settings { planning, ..settings(None, 1) };
    let made = forecast(&plan, &scanned(&plan), &given, None);
    assert_eq!(made.conditions.work_from.as_deref(), Some("given"));
    assert!((made.predicted.unwrap().elapsed_s - 2.0).abs() < 0.01);
}

#[test]
fn a_rate_limit_is_part_of_the_prediction() {
    let plan = plan();
    let limited = Settings { rate: Some("100/s".parse().unwrap()), ..settings(Some(0.001), 7) };
    let made = forecast(&plan, &scanned(&plan), &limited, None);
    let predicted = made.predicted.unwrap();
    assert!((predicted.elapsed_s - 10.0).abs() < 0.1, "{predicted:?}");
    assert!(made.notes.is_empty(), "{:?}", made.notes);
}

#[test]
fn sorted_keys_beyond_the_buffer_are_predicted_one_after_another() {
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
    let scanned =
        ScanResult { full: true, complete: true, slices: 1, elapsed_s: 0.1, fetch: FetchSpeed::default(), tally };
    let time = |buffer_bytes| {
        let settings = Settings { buffer_bytes, ..settings(Some(0.001), 8) };
        forecast(&plan, &scanned, &settings, None).predicted.unwrap().elapsed_s
    };
    assert!((10.0..10.5).contains(&time(1 << 30)), "{}: all eight keys at once", time(1 << 30));
    assert!((79.0..81.0).contains(&time(1 << 20)), "{}: one key after another", time(1 << 20));
}
