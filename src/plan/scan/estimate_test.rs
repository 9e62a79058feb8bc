use proptest::prelude::*;

use super::*;
use crate::domain::{Offset, Route, TopicPartition, hash_key};

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

fn survey(plan: &Plan, full: bool) -> Survey {
    let tally = Tally::new(&plan.partitions, full).unwrap();
    Survey { full, complete: true, slices: 1, elapsed_s: 0.1, fetch: FetchSpeed::default(), tally }
}

fn add(survey: &mut Survey, partition: usize, offset: i64, key: Option<&str>) {
    let route = key.map_or_else(Route::default, |key| Route::keyed(hash_key(key.as_bytes())));
    survey.tally.add(partition, offset, route, key.unwrap_or_default().as_bytes(), 100);
}

#[test]
fn wilsons_interval_is_the_published_one() {
    let near = |(low, high): (f64, f64), expected: (f64, f64)| {
        assert!((low - expected.0).abs() < 5e-4 && (high - expected.1).abs() < 5e-4, "{low} {high}");
    };
    // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    near(interval(81, 263), (0.2553, 0.3662));
    near(interval(15, 148), (0.0624, 0.1605));
    near(interval(0, 20), (0.0, 0.1611));
    near(interval(1, 29), (0.0061, 0.1718));
    near(interval(0, 0), (0.0, 1.0));
}

#[test]
fn a_full_scan_knows() {
    let plan = plan(&[10, 4, 0]);
    let mut survey = survey(&plan, true);
    for offset in 0..8 {
        add(&mut survey, 0, offset, Some(if offset < 6 { "a" } else { "b" }));
    }
    add(&mut survey, 1, 0, Some("a"));
    add(&mut survey, 1, 1, None);
    let hidden = Route { filtered: true, ..Route::default() };
    survey.tally.add(1, 2, hidden, b"x", 100);
    survey.tally.cover(0, 10);
    survey.tally.cover(1, 4);
    let known = survey.estimate(&plan, 1 << 30);
    assert_eq!(known.handled, Estimate::exact(10));
    assert_eq!(known.filtered, Estimate::exact(1));
    let of = |records| Estimate::exact(records);
    assert_eq!(known.partitions, [(of(8), 800), (of(2), 300), (of(0), 0)]);
    assert_eq!(known.lanes, [(7, false), (2, false), (1, true)]);
    let keys: Vec<(&str, Estimate)> = known.heaviest.iter().map(|key| (key.key.as_str(), key.records)).collect();
    assert_eq!(keys, [("a", of(7)), ("b", of(2))]);
    assert!((known.heaviest[0].share - 0.7).abs() < 1e-9);
    assert_eq!(known.stretches, [], "all of it fits into memory");
    assert_eq!(survey.estimate(&plan, 1).stretches.iter().map(|(records, _)| records).sum::<u64>(), 10);
}

#[test]
fn a_sample_stands_for_the_whole_and_says_how_surely() {
    let plan = plan(&[100_000, 50_000]);
    let mut survey = survey(&plan, false);
    for offset in 0..1000 {
        // Half of the offsets are holes; a third of the records has one key.
        if offset % 2 == 0 {
            let key = if offset % 3 == 0 { "hot".to_owned() } else { format!("key-{offset}") };
            add(&mut survey, 0, offset * 100, Some(&key));
            add(&mut survey, 1, offset * 50, None);
        }
    }
    survey.tally.cover(0, 1000);
    survey.tally.cover(1, 500);
    let guess = survey.estimate(&plan, 1 << 30);
    assert_eq!(guess.partitions[0].0.value, 50_000);
    assert!(guess.partitions[0].0.low < 50_000 && guess.partitions[0].0.high > 50_000);
    assert_eq!(guess.partitions[1].0.value, 50_000, "every offset seen of it held a record");
    assert_eq!((guess.lanes[0], guess.lanes[1].0), ((50_000, true), 16_700));
    let hot = &guess.heaviest[0];
    assert_eq!((hot.key.as_str(), hot.records.value), ("hot", 16_700));
    assert!(hot.records.low < 16_700 && hot.records.high > 16_700 && !hot.records.is_exact());
    let nothing = Survey { full: false, ..self::survey(&plan, false) }.estimate(&plan, 1 << 30);
    assert_eq!(nothing.handled.value, 0);
    assert_eq!(nothing.partitions[0].0.high, 100_000);
}

proptest! {
    #[test]
    fn bounds_hold_the_estimate_and_what_was_seen(hits in 0_u64..5000, more in 0_u64..5000, rest in 0_u64..1_000_000) {
        let tries = hits + more;
        let one = scaled(hits, tries, tries + rest);
        prop_assert!(one.low <= one.value && one.value <= one.high, "{one:?}");
        prop_assert!(one.low >= hits && one.high <= tries + rest, "{one:?}");
        prop_assert_eq!(one.is_exact(), rest == 0);
    }
}
