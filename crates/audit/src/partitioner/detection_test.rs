//! Detection of partitioners and of growth, against records that were placed by a known rule.

use kreplay_model::{
    audit::{Bounds, Partitioner, PartitionerVerdict, TopicAudit},
    domain::hash_key,
};
use proptest::prelude::*;

use crate::{key_hashes::KeyHashes, record::ObservedRecord, rehearsal::RehearsalPlan, topic::TopicAuditor};

/// Places records one after another and audits them.
struct Topic {
    auditor: TopicAuditor,
    ends: Vec<i64>,
}

impl Topic {
    fn new(partitions: i32, key_sample: usize) -> Self {
        let auditor = TopicAuditor::new("t", partitions, key_sample, false, &RehearsalPlan::default());
        Self { auditor, ends: vec![0; usize::try_from(partitions).unwrap()] }
    }

    fn put(&mut self, key: &str, partition: i32) {
        let end = &mut self.ends[usize::try_from(partition).unwrap()];
        let record = ObservedRecord { partition, offset: *end, key: Some(key.as_bytes()), ..ObservedRecord::default() };
        *end += 1;
        self.auditor.observe(&record);
    }

    fn put_by(&mut self, partitioner: Partitioner, key: &str, count: i32) -> i32 {
        let partition = KeyHashes::of(key.as_bytes()).partition(partitioner, count).unwrap();
        self.put(key, partition);
        partition
    }

    fn result(&self) -> TopicAudit {
        self.auditor.result(false, true, None)
    }
}

/// Numbers, so that every partitioner applies.
fn key(number: u32) -> String {
    (number * 7919 + 13).to_string()
}

#[test]
fn every_partitioner_is_found() {
    for partitioner in Partitioner::OF_KEYS {
        for partitions in [3, 12, 25] {
            let mut topic = Topic::new(partitions, 10_000);
            for number in 0..900 {
                topic.put_by(partitioner, &key(number % 300), partitions);
            }
            let found = topic.result().partitioner;
            assert_eq!(found.verdict, PartitionerVerdict::Known, "{partitioner} {partitions}: {found:?}");
            let best = found.best.unwrap();
            assert_eq!((best.partitioner, best.partitions, best.keys), (partitioner, partitions, 1.0), "{found:?}");
            assert!(found.growth.is_none() && found.breakers.is_none(), "{found:?}");
        }
    }
}

#[test]
fn partitioners_that_cannot_be_distinguished_are_named() {
    let mut topic = Topic::new(8, 10_000);
    for number in 0..1000 {
        topic.put_by(Partitioner::Murmur2, &key(number), 8);
    }
    // The sign bit does not matter for a power of two.
    assert_eq!(topic.result().partitioner.equivalent, [Partitioner::Murmur2Unsigned]);
}

#[test]
fn random_partitions_have_no_partitioner() {
    for partitions in [2, 6, 50] {
        let mut topic = Topic::new(partitions, 10_000);
        for number in 0..2000_u32 {
            let random = hash_key(&number.to_le_bytes()) % u64::from(partitions.unsigned_abs());
            topic.put(&key(number), i32::try_from(random).unwrap());
        }
        let found = topic.result().partitioner;
        assert_eq!((found.verdict, &found.growth), (PartitionerVerdict::Other, &None), "{partitions}: {found:?}");
    }
}

#[test]
fn one_partition_for_all_keys_is_found() {
    let mut topic = Topic::new(6, 10_000);
    (0..500).for_each(|number| topic.put(&key(number), 4));
    let result = topic.result();
    let best = result.partitioner.best.unwrap();
    assert_eq!((result.partitioner.verdict, best.partitioner), (PartitionerVerdict::Known, Partitioner::Constant));
    assert_eq!(result.unused_partitions, [0, 1, 2, 3, 5]);
}

#[test]
fn few_keys_are_not_judged() {
    let mut topic = Topic::new(6, 10_000);
    for number in 0..50 {
        topic.put_by(Partitioner::Murmur2, &key(number % 3), 6);
    }
    assert_eq!(topic.result().partitioner.verdict, PartitionerVerdict::TooFewKeys);
    assert_eq!(Topic::new(1, 10).result().partitioner.verdict, PartitionerVerdict::OnePartition);
}

#[test]
fn partitions_that_no_producer_uses_are_found() {
    // Producers that have not noticed six more partitions.
    let mut topic = Topic::new(12, 10_000);
    for number in 0..1000 {
        topic.put_by(Partitioner::Crc32, &key(number), 6);
    }
    let result = topic.result();
    let best = result.partitioner.best.unwrap();
    assert_eq!((best.partitioner, best.partitions, best.keys), (Partitioner::Crc32, 6, 1.0));
    assert_eq!((result.unused_partitions, result.partitioner.growth), (vec![6, 7, 8, 9, 10, 11], None));
}

#[test]
fn records_of_another_partitioner_are_counted_exactly() {
    let mut topic = Topic::new(6, 10_000);
    let mut breakers = 0;
    for number in 0..20_000 {
        let name = key(number % 2000);
        let expected = KeyHashes::of(name.as_bytes()).partition(Partitioner::Murmur2, 6).unwrap();
        let other = if number % 100 == 7 { Partitioner::Crc32 } else { Partitioner::Murmur2 };
        breakers += u64::from(topic.put_by(other, &name, 6) != expected);
    }
    let found = topic.result().partitioner;
    let broken = found.breakers.unwrap();
    assert_eq!((found.verdict, broken.records), (PartitionerVerdict::Mixed, Bounds::exact(breakers)));
    let explained = broken.explained_by.unwrap();
    assert_eq!((explained.partitioner, explained.records), (Partitioner::Crc32, 1.0));
    let first = &broken.examples[0];
    assert_ne!(first.partition, first.expected);
    let chosen = |partitioner| KeyHashes::of(first.key.as_bytes()).partition(partitioner, 6);
    assert_eq!(
        (chosen(Partitioner::Murmur2), chosen(Partitioner::Crc32)),
        (Some(first.expected), Some(first.partition))
    );
}

/// Growth with one record of a hundred from another partitioner. Returns the audit, the true number of breakers, and
/// the ends of the partitions at the change.
fn grown(from: i32, to: i32, keys: u32, records: u32, key_sample: usize) -> (TopicAudit, u64, Vec<i64>) {
    let mut topic = Topic::new(to, key_sample);
    let (mut breakers, mut ends) = (0, Vec::new());
    for number in 0..records {
        if number == records / 2 {
            ends.clone_from(&topic.ends);
        }
        let count = if number < records / 2 { from } else { to };
        let random = hash_key(&number.to_le_bytes()) % u64::from(keys);
        let name = key(u32::try_from(random).unwrap());
        let expected = KeyHashes::of(name.as_bytes()).partition(Partitioner::Murmur2, count).unwrap();
        let other = if number % 100 == 7 { Partitioner::Crc32 } else { Partitioner::Murmur2 };
        breakers += u64::from(topic.put_by(other, &name, count) != expected);
    }
    (topic.result(), breakers, ends)
}

#[test]
fn growth_is_found_at_the_right_offsets() {
    for (from, to) in [(6, 12), (4, 6), (1, 3), (10, 16)] {
        let (result, breakers, ends) = grown(from, to, 2000, 60_000, 10_000);
        let found = &result.partitioner;
        let growth = found.growth.as_ref().unwrap_or_else(|| panic!("{from} to {to}: {found:?}"));
        assert_eq!((growth.from, growth.to, growth.changes.len()), (from, to, usize::try_from(from).unwrap()));
        for (change, end) in growth.changes.iter().zip(&ends) {
            // A record of the other partitioner next to the change can hide it by a few offsets.
            let after = change.after_offset.unwrap();
            assert!((end - 60..end + 20).contains(&after), "{end}: {change:?}");
            assert_eq!(change.before_offset.is_some(), to % from != 0);
            if let Some(before) = change.before_offset {
                assert!((end - 20..end + 60).contains(&before), "{end}: {change:?}");
            }
        }
        let broken = found.breakers.as_ref().unwrap();
        assert!(
            broken.certain && broken.records.low <= breakers + 5 && breakers <= broken.records.high + 5,
            "{breakers}: {broken:?}"
        );
        assert!(broken.records.high - broken.records.low <= 50, "{broken:?}");
        assert_eq!(broken.explained_by.unwrap().partitioner, Partitioner::Crc32);
        assert_eq!(found.best.unwrap().partitioner, Partitioner::Murmur2);
    }
}

#[test]
fn a_sample_of_keys_gives_bounds_that_contain_the_truth() {
    let (result, breakers, _) = grown(6, 12, 10_000, 60_000, 1500);
    let found = &result.partitioner;
    assert!(!result.keys.exact && found.growth.is_some(), "{found:?}");
    let broken = found.breakers.as_ref().unwrap();
    assert!(
        !broken.certain && (broken.records.low..=broken.records.high).contains(&breakers),
        "{breakers}: {broken:?}"
    );
    assert!(broken.records.high < breakers * 2, "{broken:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Without growth, the breakers are exactly the records in another partition, wherever they are.
    #[test]
    fn breakers_are_counted_like_records_one_by_one(
        wrong in prop::collection::btree_set(0_u32..600, 0..60), partitions in 3_i32..15,
    ) {
        let mut topic = Topic::new(partitions, 10_000);
        for number in 0..600 {
            let name = key(number % 200);
            let home = KeyHashes::of(name.as_bytes()).partition(Partitioner::Fnv1aAbsolute, partitions).unwrap();
            topic.put(&name, if wrong.contains(&number) { (home + 1) % partitions } else { home });
        }
        let found = topic.result().partitioner;
        prop_assert_eq!(found.best.unwrap().partitioner, Partitioner::Fnv1aAbsolute);
        let counted = found.breakers.map_or(Bounds::exact(0), |breakers| breakers.records);
        if found.growth.is_none() {
            prop_assert_eq!(counted, Bounds::exact(wrong.len() as u64));
        }
    }
}
