//! Tests of the counts of keys.

use std::sync::Arc;

use kreplay_model::domain::{LaneKey, RecordBufferBuilder, Route, hash_key};
use proptest::prelude::*;

use super::*;

/// A run of a lane with these keys; `None` is a record without a key.
fn run(keys: &[Option<String>], partition: u32) -> LaneRun {
    let mut builder = RecordBufferBuilder::default();
    for (offset, key) in (0..).zip(keys) {
        let lane = key.as_ref().map_or(LaneKey::Keyless, |key| LaneKey::Keyed(hash_key(key.as_bytes())));
        let route = Route { lane, ..Route::default() };
        builder.push(partition, 0, offset, -1, route, key.as_ref().map(String::as_bytes), None);
    }
    let mut records = Vec::new();
    builder.finish(&Arc::default(), &mut records);
    LaneRun { lane: 0, records }
}

fn view(hot: &HotKeys) -> HotKeysView {
    hot.view(|index| TopicPartition::new("t", i32::try_from(index).unwrap()))
}

#[test]
fn heavy_keys_are_found_with_their_share_and_partition() {
    let hot = HotKeys::default();
    for batch in 0..200_u32 {
        let keys: Vec<Option<String>> = (0..100)
            .map(|at| match at % 10 {
                0..3 => Some("heavy".to_owned()),
                3 => None,
                _ => Some(format!("key-{}", batch * 100 + at)),
            })
            .collect();
        hot.note_batch(&[run(&keys, 7)]);
    }
    let found = view(&hot);
    assert_eq!(found.records, 20_000);
    assert!((1_000..1_600).contains(&found.counted), "one in sixteen: {}", found.counted);
    let first = &found.keys[0];
    assert_eq!((first.key.as_str(), first.partition.as_ref().unwrap().to_string()), ("heavy", "t-7".to_owned()));
    assert!(first.records.low <= 6_000 && 6_000 <= first.records.high, "{first:?}");
    assert!((first.share - 0.3).abs() < 0.05, "{first:?}");
    assert!(found.keys.len() <= MAX_SHOWN);
}

#[test]
fn memory_is_bounded_by_the_number_of_counters() {
    let hot = HotKeys::default();
    for batch in 0..100_u32 {
        let keys: Vec<Option<String>> = (0..1_000).map(|at| Some(format!("{batch}-{at}"))).collect();
        hot.note_batch(&[run(&keys, 0)]);
    }
    let sample = hot.0.lock();
    assert!(sample.places.len() <= MAX_PLACES && sample.heavy.top(usize::MAX).len() <= COUNTERS);
}

proptest! {
    /// However the records are divided into batches and lanes, each is passed over or counted once.
    #[test]
    fn the_number_of_records_is_exact(sizes in prop::collection::vec(prop::collection::vec(0_usize..70, 1..5), 1..30)) {
        let hot = HotKeys::default();
        for batch in &sizes {
            let lanes: Vec<LaneRun> =
                batch.iter().map(|size| run(&vec![Some("k".to_owned()); *size], 0)).collect();
            hot.note_batch(&lanes);
        }
        let found = view(&hot);
        let records: u64 = sizes.iter().flatten().map(|size| *size as u64).sum();
        prop_assert_eq!(found.records, records);
        prop_assert!(found.counted <= records && found.counted >= records / (2 * RECORDS_PER_SAMPLE));
        if let Some(key) = found.keys.first() {
            prop_assert!(key.records.low <= records && key.records.high <= records);
            prop_assert!((key.share - 1.0).abs() < 1e-9, "all records have one key");
        }
    }
}
