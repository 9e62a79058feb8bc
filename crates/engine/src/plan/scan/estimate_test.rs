use kreplay_model::domain::{Offset, Route, TopicPartition, hash_key};
use proptest::prelude::*;

use super::*;

fn plan(spans: &[i64]) -> Plan {
    let partitions = (0..)
        .zip(spans)
        .map(|(number, span)| PlannedPartition {
            id: TopicPartition::new("t", number),
            first: Offset::ZERO,
            end: Offset::new(*span).unwrap(),
        })
        .collect();
    Plan { partitions, ..Plan::default() }
}

fn scanned(plan: &Plan, full: bool) -> ScanResult {
    let tally = Tally::new(&plan.partitions, full).unwrap();
    ScanResult { full, complete: true, slices: 1, elapsed_s: 0.1, fetch: FetchSpeed::default(), tally }
}

fn add(scanned: &mut ScanResult, partition: usize, offset: i64, key: Option<&str>) {
    let route = key.map_or_else(Route::default, |key| Route::keyed(hash_key(key.as_bytes())));
    scanned.tally.add(partition, offset, route, key.unwrap_or_default().as_bytes(), 100);
}

#[test]
fn the_wilson_interval_matches_published_values() {
    let near = |(low, high): (f64, f64), expected: (f64, f64)| {
        assert!((low - expected.0).abs() < 5e-4 && (high - expected.1).abs() < 5e-4, "{low} {high}");
    };
    // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    near(wilson_interval(81, 263), (0.2553, 0.3662));
    near(wilson_interval(15, 148), (0.0624, 0.1605));
    near(wilson_interval(0, 20), (0.0, 0.1611));
    near(wilson_interval(1, 29), (0.0061, 0.1718));
    near(wilson_interval(0, 0), (0.0, 1.0));
}

#[test]
fn a_full_scan_is_exact() {
    let plan = plan(&[10, 4, 0]);
    let mut scanned = scanned(&plan, true);
    for offset in 0..8 {
        add(&mut scanned, 0, offset, Some(if offset < 6 { "a" } else { "b" }));
    }
    add(&mut scanned, 1, 0, Some("a"));
    add(&mut scanned, 1, 1, None);
    let hidden = Route { filtered: true, ..Route::default() };
    scanned.tally.add(1, 2, hidden, b"x", 100);
    scanned.tally.cover(0, 10);
    scanned.tally.cover(1, 4);
    let known = scanned.estimate(&plan, 1 << 30);
    assert_eq!(known.handled, Estimate::exact(10));
    assert_eq!(known.filtered, Estimate::exact(1));
    let of = |records| Estimate::exact(records);
    assert_eq!(known.partitions, [(of(8), 800), (of(2), 300), (of(0), 0)]);
    assert_eq!(known.lanes, [(7, false), (2, false), (1, true)]);
    let keys: Vec<(&str, Estimate)> = known.heaviest.iter().map(|key| (key.key.as_str(), key.records)).collect();
    assert_eq!(keys, [("a", of(7)), ("b", of(2))]);
    assert!((known.heaviest[0].share - 0.7).abs() < 1e-9);
    assert_eq!(known.memory_windows, [], "all of it fits into memory");
    assert_eq!(scanned.estimate(&plan, 1).memory_windows.iter().map(|(records, _)| records).sum::<u64>(), 10);
}

#[test]
fn a_sample_is_extrapolated_with_bounds() {
    let plan = plan(&[100_000, 50_000]);
    let mut scanned = scanned(&plan, false);
    for offset in 0..1000 {
        // Half of the offsets have no record; a third of the records share one key.
        if offset % 2 == 0 {
            let key = if offset % 3 == 0 { "hot".to_owned() } else { format!("key-{offset}") };
            add(&mut scanned, 0, offset * 100, Some(&key));
            add(&mut scanned, 1, offset * 50, None);
        }
    }
    scanned.tally.cover(0, 1000);
    scanned.tally.cover(1, 500);
    let guess = scanned.estimate(&plan, 1 << 30);
    assert_eq!(guess.partitions[0].0.value, 50_000);
    assert!(guess.partitions[0].0.low < 50_000 && guess.partitions[0].0.high > 50_000);
    assert_eq!(guess.partitions[1].0.value, 50_000, "every offset seen of it held a record");
    assert_eq!((guess.lanes[0], guess.lanes[1].0), ((50_000, true), 16_700));
    let hot = &guess.heaviest[0];
    assert_eq!((hot.key.as_str(), hot.records.value), ("hot", 16_700));
    assert!(hot.records.low < 16_700 && hot.records.high > 16_700 && !hot.records.is_exact());
    let nothing = ScanResult { full: false, ..self::scanned(&plan, false) }.estimate(&plan, 1 << 30);
    assert_eq!(nothing.handled.value, 0);
    assert_eq!(nothing.partitions[0].0.high, 100_000);
}

proptest! {
    #[test]
    fn bounds_contain_the_estimate_and_the_observed_count(
        hits in 0_u64..5000, more in 0_u64..5000, rest in 0_u64..1_000_000,
    ) {
        let tries = hits + more;
        let one = extrapolate(hits, tries, tries + rest);
        prop_assert!(one.low <= one.value && one.value <= one.high, "{one:?}");
        prop_assert!(one.low >= hits && one.high <= tries + rest, "{one:?}");
        prop_assert_eq!(one.is_exact(), rest == 0);
    }
}
