//! What the records of new partitions wait for, and for how long.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use kreplay_model::domain::{Record, RecordBufferBuilder, Route};

use super::new_partitions::NewPartitionBuffer;

fn record(partition: u32, offset: i64) -> Record {
    let mut builder = RecordBufferBuilder::default();
    builder.push(partition, 0, offset, -1, Route::default(), None, None);
    let mut out = Vec::new();
    builder.finish(&Arc::default(), &mut out);
    out.remove(0)
}

fn ends(of: impl IntoIterator<Item = (u32, i64)>) -> Arc<BTreeMap<u32, i64>> {
    Arc::new(of.into_iter().collect())
}

fn released(buffer: &mut NewPartitionBuffer) -> Vec<i64> {
    released_at(buffer, Instant::now())
}

fn released_at(buffer: &mut NewPartitionBuffer, now: Instant) -> Vec<i64> {
    let mut out = Vec::new();
    buffer.release(now, |record| out.push(record.offset));
    out
}

#[test]
fn records_of_a_new_partition_wait_until_the_older_ones_are_read_to_their_ends() {
    let now = Instant::now();
    let mut buffer = NewPartitionBuffer::default();
    buffer.join(2, [(0, Some(5)), (1, Some(9))], now);
    assert_eq!(buffer.end_offsets_requests(now), [], "nothing is buffered");
    assert!(buffer.put(record(0, 5)).is_some(), "records of older partitions pass");
    assert!(buffer.put(record(2, 0)).is_none() && buffer.put(record(2, 1)).is_none());
    let request = buffer.end_offsets_requests(now).remove(0);
    assert_eq!((request.partition, request.older.clone()), (2, vec![0, 1]));
    assert!(buffer.put(record(2, 2)).is_none());
    buffer.answer(&request, &ends([(0, 8), (1, 9)]));
    let later = buffer.end_offsets_requests(now).remove(0);
    buffer.note_read_to(0, 7);
    assert_eq!(released(&mut buffer), [0; 0]);
    buffer.note_read_to(0, 8);
    assert_eq!(released(&mut buffer), [0, 1], "but not the record that came after the request");
    assert!(buffer.is_starved());
    buffer.answer(&later, &ends([(0, 12), (1, 9)]));
    assert_eq!(buffer.end_offsets_requests(now), [], "all of its records have a lookup");
    buffer.finish(0);
    assert_eq!(released(&mut buffer), [2]);
    assert!(!buffer.is_starved() && !buffer.is_empty());
}

#[test]
fn a_partition_stops_being_new_when_it_catches_up_after_the_settling_time() {
    let now = Instant::now();
    let mut buffer = NewPartitionBuffer::default();
    buffer.join(1, [(0, Some(0))], now);
    let later = now + NewPartitionBuffer::SETTLING_TIME;
    let request = buffer.end_offsets_requests(later).remove(0);
    assert!(buffer.put(record(1, 0)).is_none());
    buffer.answer(&request, &ends([(0, 3)]));
    assert_eq!(released(&mut buffer), [0; 0]);
    buffer.note_read_to(0, 3);
    assert_eq!(released(&mut buffer), [0]);
    assert!(buffer.is_empty() && buffer.put(record(1, 1)).is_some());
}

#[test]
fn buffered_records_of_a_failed_partition_come_before_those_of_newer_ones() {
    let now = Instant::now();
    let mut buffer = NewPartitionBuffer::default();
    buffer.join(1, [(0, Some(0))], now);
    assert!(buffer.put(record(1, 0)).is_none());
    buffer.finish(1);
    buffer.join(2, [(0, Some(0)), (1, None)], now);
    assert!(buffer.put(record(2, 10)).is_none());
    for request in buffer.end_offsets_requests(now) {
        // The end of a failed partition is not looked up.
        buffer.answer(&request, &ends([(0, if request.partition == 1 { 5 } else { 3 })]));
    }
    buffer.note_read_to(0, 3);
    assert_eq!(released(&mut buffer), [0; 0], "the failed partition's record still waits");
    buffer.note_read_to(0, 5);
    assert_eq!(released(&mut buffer), [0, 10]);
}

#[test]
fn records_of_an_ended_assignment_are_dropped() {
    let now = Instant::now();
    let mut buffer = NewPartitionBuffer::default();
    buffer.join(1, [(0, Some(0))], now);
    assert!(buffer.put(record(1, 0)).is_none());
    let request = buffer.end_offsets_requests(now).remove(0);
    buffer.drop_below(1, 1);
    buffer.answer(&request, &ends([(0, 0)]));
    assert_eq!((released(&mut buffer), buffer.bytes_of(1)), (vec![], 0));
}

#[test]
fn an_answer_from_before_a_new_assignment_does_not_count() {
    let now = Instant::now();
    let mut buffer = NewPartitionBuffer::default();
    buffer.join(1, [(0, Some(3))], now);
    assert!(buffer.put(record(1, 0)).is_none());
    let request = buffer.end_offsets_requests(now).remove(0);
    buffer.drop_below(1, 1);
    // Read again, after another record of its key had been written to the older partition.
    assert!(buffer.put(record(1, 0)).is_none());
    buffer.answer(&request, &ends([(0, 3)]));
    assert_eq!(released(&mut buffer), [0; 0]);
    let request = buffer.end_offsets_requests(now).remove(0);
    buffer.answer(&request, &ends([(0, 4)]));
    assert_eq!(released(&mut buffer), [0; 0]);
    buffer.note_read_to(0, 4);
    assert_eq!(released(&mut buffer), [0]);
}

#[test]
fn after_a_second_expansion_the_buffered_records_of_the_first_come_first() {
    let now = Instant::now();
    let mut buffer = NewPartitionBuffer::default();
    buffer.join(1, [(0, Some(0))], now);
    buffer.join(2, [(0, Some(0)), (1, Some(0))], now);
    assert!(buffer.put(record(1, 10)).is_none() && buffer.put(record(2, 20)).is_none());
    buffer.note_read_to(1, 11);
    let requests = buffer.end_offsets_requests(now);
    buffer.answer(&requests[0], &ends([(0, 5)]));
    buffer.note_read_to(0, 4);
    // The older partition was read to its end, but its record is still here.
    buffer.answer(&requests[1], &ends([(0, 4), (1, 11)]));
    assert_eq!(released(&mut buffer), [0; 0]);
    buffer.note_read_to(0, 5);
    assert_eq!(released(&mut buffer), [10, 20]);
}

/// Their records arrive all the time. A record waits for one lookup, and for the records of lower partitions.
#[test]
fn many_new_partitions_do_not_hold_each_other_back() {
    const PARTITIONS: u32 = 12;
    let now = Instant::now();
    let mut buffer = NewPartitionBuffer::default();
    for number in 1..=PARTITIONS {
        buffer.join(number, (0..number).map(|older| (older, Some(0))), now);
    }
    let mut first_release = BTreeMap::new();
    for round in 0..100_i64 {
        for number in 1..=PARTITIONS {
            assert!(buffer.put(record(number, round)).is_none());
            buffer.note_read_to(number, round + 1);
        }
        buffer.note_read_to(0, round + 1);
        let requests = buffer.end_offsets_requests(now);
        // The next records are written before the lookup.
        for request in requests {
            buffer.answer(&request, &ends(request.older.iter().map(|number| (*number, round + 2))));
        }
        buffer.release(now, |record| {
            first_release.entry(record.partition).or_insert(round);
        });
    }
    let last = first_release.get(&PARTITIONS).copied();
    assert!(last.is_some_and(|round| round <= 2 * i64::from(PARTITIONS)), "{first_release:?}");
}

#[test]
fn a_revoked_older_partition_is_waited_for_until_it_returns_or_its_time_is_over() {
    let now = Instant::now();
    let mut buffer = NewPartitionBuffer::default();
    buffer.join(1, [(0, Some(8))], now);
    assert!(buffer.put(record(1, 0)).is_none());
    let request = buffer.end_offsets_requests(now).remove(0);
    buffer.answer(&request, &ends([(0, 8)]));
    buffer.away(0, now);
    let away = now + NewPartitionBuffer::RETURN_TIME;
    assert_eq!(released_at(&mut buffer, now + NewPartitionBuffer::RETURN_TIME / 2), [0; 0]);
    // It returns at the group's committed offset.
    buffer.begin(0, 5);
    buffer.note_read_to(0, 7);
    assert_eq!(released_at(&mut buffer, away), [0; 0]);
    buffer.away(0, now);
    buffer.away(0, away);
    assert_eq!(released_at(&mut buffer, away), [0], "counted from when it was revoked");
    assert!(buffer.put(record(1, 1)).is_none());
    let request = buffer.end_offsets_requests(now).remove(0);
    buffer.answer(&request, &ends([(0, 8)]));
    buffer.extend_absences(away);
    assert_eq!(released_at(&mut buffer, away), [0; 0], "it may return in this round");
}
