//! Verifies that a rebuild has applied each record of the log once. The log is read again by other code than that of
//! the run, and its records are counted and their fingerprints summed up by partition. A fingerprint is a hash of
//! offset and contents. If a record is lost, repeated or wrong, the sums differ, except with the collision probability
//! of a 64-bit hash. The order of the records has no effect.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_engine::rules::Rules;
use kreplay_kafka::{ClientHealth, Consumer as _, Fetched, KafkaConfig, Reader, is_final};
use kreplay_model::domain::{
    Offset, Tier, TopicPartition,
    number::{by_count, counted, counted_as},
};

use super::super::{bind::fingerprint_of, store::PartitionSum};

const READ_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_READ_RECORDS: usize = 1000;
/// The time without any records after which reading fails.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// The part of a partition that a run has read: from `first` to `end` (exclusive).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartitionRange {
    pub(super) id: TopicPartition,
    pub(super) first: i64,
    pub(super) end: i64,
}

/// Reads ranges of the log and sums up their records, except those that the filter excludes.
///
/// # Errors
/// A range cannot be read to its end.
pub(super) fn read_log(
    config: &KafkaConfig,
    rules: &Rules,
    ranges: &[PartitionRange],
) -> Result<Vec<PartitionSum>, String> {
    let health: Arc<ClientHealth> = Arc::default();
    let topics: Vec<String> = ranges.iter().map(|range| range.id.topic.to_string()).collect();
    let mut reader = Reader::connect(config, &health, Tier::default(), &topics).map_err(|error| error.to_string())?;
    let result = sum_log(&mut reader, rules, ranges);
    reader.close();
    result
}

fn sum_log(reader: &mut Reader, rules: &Rules, ranges: &[PartitionRange]) -> Result<Vec<PartitionSum>, String> {
    let mut sums: Vec<PartitionSum> =
        ranges.iter().map(|range| PartitionSum { id: range.id.clone(), records: 0, digest: 0 }).collect();
    let mut open: HashMap<(String, i32), usize> = HashMap::new();
    for (at, range) in ranges.iter().enumerate().filter(|(_, range)| range.first < range.end) {
        let first = Offset::new(range.first).unwrap_or_default();
        reader.start(&range.id, first).map_err(|error| format!("cannot read {}: {error}", range.id))?;
        open.insert((range.id.topic.to_string(), range.id.partition.0), at);
    }
    let mut last_record_at = Instant::now();
    while !open.is_empty() {
        let (mut ended, mut failed) = (Vec::new(), None);
        let count = reader.read(READ_TIMEOUT, MAX_READ_RECORDS, &mut |fetched| match fetched {
            Fetched::Record(record) => {
                let key = (record.topic().to_owned(), record.partition());
                let Some(&at) = open.get(&key) else { return };
                let end = ranges[at].end;
                let route = match rules.route(&record) {
                    Ok(route) => route,
                    Err(error) => {
                        failed.get_or_insert(format!("cannot read the log again: {error}"));
                        return;
                    }
                };
                if record.offset() < end && !route.filtered {
                    sums[at].records += 1;
                    let fingerprint = fingerprint_of(record.offset(), record.key(), record.value());
                    sums[at].digest = sums[at].digest.wrapping_add(fingerprint);
                }
                if record.offset() + 1 >= end {
                    ended.push(key);
                }
            }
            Fetched::End { topic, partition, offset } => {
                let key = (topic.to_owned(), partition);
                if open.get(&key).is_some_and(|at| offset >= ranges[*at].end) {
                    ended.push(key);
                }
            }
            Fetched::Error { topic, partition, code, text } => {
                if is_final(code) {
                    let text = if text.is_empty() { code.to_string() } else { text.to_owned() };
                    failed.get_or_insert(format!("cannot read {topic}-{partition} again: {text}"));
                }
            }
        });
        if let Some(text) = failed {
            return Err(text);
        }
        for key in ended {
            if let Some(at) = open.remove(&key) {
                reader.stop(&ranges[at].id);
            }
        }
        if count > 0 {
            last_record_at = Instant::now();
        } else if last_record_at.elapsed() >= STALL_TIMEOUT {
            let waiting = open.values().next().map(|at| ranges[*at].id.to_string()).unwrap_or_default();
            return Err(format!(
                "no records of {waiting} arrived for {} s while reading the log again",
                STALL_TIMEOUT.as_secs()
            ));
        }
    }
    Ok(sums)
}

/// Compares the applied records with those of the log.
///
/// # Errors
/// The first difference, as one sentence.
pub(super) fn compare(ranges: &[PartitionRange], log: &[PartitionSum], applied: &[PartitionSum]) -> Result<(), String> {
    let applied: BTreeMap<&TopicPartition, &PartitionSum> = applied.iter().map(|sum| (&sum.id, sum)).collect();
    for (range, sum) in ranges.iter().zip(log) {
        let found = applied.get(&sum.id).map_or((0, 0), |found| (found.records, found.digest));
        let place = format!("{} from {} to before {}", sum.id, range.first, range.end);
        if found.0 != sum.records {
            return Err(format!(
                "{place}: the log has {}, {} applied",
                counted(sum.records, "record"),
                counted_as(found.0, "is", "are")
            ));
        }
        if found.1 != sum.digest {
            return Err(format!(
                "{place}: {}, as many as the log has, but not {}",
                counted_as(sum.records, "record is applied", "records are applied"),
                by_count(sum.records, "the same one", "the same ones")
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sum(partition: i32, records: &[(i64, Vec<u8>)]) -> PartitionSum {
        let digest = records
            .iter()
            .fold(0_u64, |sum, (offset, value)| sum.wrapping_add(fingerprint_of(*offset, None, Some(value))));
        PartitionSum { id: TopicPartition::new("t", partition), records: records.len() as u64, digest }
    }

    proptest! {
        /// The same records in any order are equal. A lost, a repeated and a wrong record make a difference.
        #[test]
        fn lost_repeated_and_wrong_records_are_found(
            values in prop::collection::vec(prop::collection::vec(0_u8..2, 0..3), 2..20), at in any::<prop::sample::Index>(),
            other in any::<prop::sample::Index>(),
        ) {
            let records: Vec<(i64, Vec<u8>)> = (0..).zip(values).collect();
            let end = i64::try_from(records.len()).unwrap();
            let ranges = [PartitionRange { id: TopicPartition::new("t", 0), first: 0, end }];
            let log = [sum(0, &records)];
            let mut applied = records.clone();
            applied.reverse();
            prop_assert_eq!(compare(&ranges, &log, &[sum(0, &applied)]), Ok(()));
            let (at, other) = (at.index(records.len()), other.index(records.len()));
            applied.push(applied[at].clone());
            prop_assert!(compare(&ranges, &log, &[sum(0, &applied)]).is_err());
            applied.remove(other);
            let same = applied.iter().collect::<std::collections::BTreeSet<_>>().len() == records.len();
            prop_assert_eq!(compare(&ranges, &log, &[sum(0, &applied)]).is_ok(), same);
            applied.remove(0);
            prop_assert!(compare(&ranges, &log, &[sum(0, &applied)]).is_err());
        }
    }

    #[test]
    fn a_partition_without_applied_records_is_found() {
        let ranges = [PartitionRange { id: TopicPartition::new("t", 4), first: 3, end: 9 }];
        let error = compare(&ranges, &[sum(4, &[(3, vec![1])])], &[]).unwrap_err();
        assert_eq!(error, "t-4 from 3 to before 9: the log has 1 record, 0 are applied");
        assert_eq!(compare(&ranges, &[sum(4, &[])], &[]), Ok(()));
    }
}
