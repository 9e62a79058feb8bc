//! Holds back the records of partitions that were added to a topic while it was being read.
//!
//! When a topic gets more partitions, keys move between partitions. A record in a new partition may therefore be newer
//! than unread records of the same key in an older partition. The records of a new partition wait until the older
//! partitions have been read up to their end offsets, looked up *after* the waiting records were read. A producer that
//! waits for acknowledgements had written all earlier records of the key by then. A new partition becomes an ordinary
//! one when it has existed long enough for every producer to have learned of it, and has caught up once more after
//! that.
//!
//! Pure: the caller passes the time, looks up the end offsets, and stops reading a partition whose share of the buffer
//! is full.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use kreplay_model::domain::Record;

/// End offsets of the older partitions, looked up after the first `count` buffered records had been read.
#[derive(Debug)]
struct EndOffsets {
    count: usize,
    ends: Vec<(u32, i64)>,
    /// Looked up after [`NewPartitionBuffer::SETTLING_TIME`]: the last lookup that the partition needs.
    is_last: bool,
}

#[derive(Debug)]
struct NewPartition {
    joined_at: Instant,
    older: Vec<u32>,
    records: VecDeque<Record>,
    bytes: u64,
    end_offsets: Option<EndOffsets>,
}

/// The buffered records of a run's new partitions.
#[derive(Debug, Default)]
pub struct NewPartitionBuffer {
    partitions: BTreeMap<u32, NewPartition>,
    /// For each older partition: all of its records below this offset have been read into the lanes.
    read_to: BTreeMap<u32, i64>,
}

/// A new partition that needs the current end offsets of the older partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndOffsetsRequest {
    /// The new partition.
    pub partition: u32,
    /// The older partitions of its topic.
    pub older: Vec<u32>,
    /// The number of its records that were buffered when the request was made.
    count: usize,
    is_last: bool,
}

impl NewPartitionBuffer {
    /// How long a partition counts as new. Producers refresh their metadata every five minutes (`metadata.max.age.ms`).
    pub const SETTLING_TIME: Duration = Duration::from_secs(600);

    /// Adds a new partition. `older` lists the older partitions of its topic, each with the offset below which all of
    /// its records are in the lanes.
    pub fn join(&mut self, partition: u32, older: impl IntoIterator<Item = (u32, i64)>, now: Instant) {
        let mut numbers = Vec::new();
        for (number, read_to) in older {
            self.note_read_to(number, read_to, true);
            numbers.push(number);
        }
        let new =
            NewPartition { joined_at: now, older: numbers, records: VecDeque::new(), bytes: 0, end_offsets: None };
        self.partitions.insert(partition, new);
    }

    /// Whether there are no new partitions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Buffers a record of a new partition; returns a record of any other partition.
    pub fn put(&mut self, record: Record) -> Option<Record> {
        let Some(new) = self.partitions.get_mut(&record.partition) else { return Some(record) };
        new.bytes += record.footprint();
        new.records.push_back(record);
        None
    }

    /// Notes that the lanes have all records of a partition below this offset. With `restart` the partition begins
    /// again there, and the offset may be lower than before.
    pub fn note_read_to(&mut self, number: u32, offset: i64, restart: bool) {
        let read_to = self.read_to.entry(number).or_insert(offset);
        *read_to = if restart { offset } else { offset.max(*read_to) };
    }

    /// Drops the records of assignments older than `epoch`.
    pub fn drop_below(&mut self, number: u32, epoch: u32) {
        if let Some(new) = self.partitions.get_mut(&number) {
            new.records.retain(|record| record.epoch >= epoch);
            new.bytes = new.records.iter().map(Record::footprint).sum();
            new.end_offsets = None;
        }
    }

    /// The new partitions that need a lookup of end offsets now.
    #[must_use]
    pub fn end_offsets_requests(&self, now: Instant) -> Vec<EndOffsetsRequest> {
        let needs_request = |new: &NewPartition| {
            let is_settled = now.saturating_duration_since(new.joined_at) >= Self::SETTLING_TIME;
            (new.end_offsets.is_none() && (is_settled || !new.records.is_empty())).then_some(is_settled)
        };
        self.partitions
            .iter()
            .filter_map(|(partition, new)| {
                let is_last = needs_request(new)?;
                let (older, count) = (new.older.clone(), new.records.len());
                Some(EndOffsetsRequest { partition: *partition, older, count, is_last })
            })
            .collect()
    }

    /// Takes in the end offsets for a request. An older partition without an end offset is not waited for: it was
    /// deleted, or another process reads it.
    pub fn answer(&mut self, request: &EndOffsetsRequest, ends: impl IntoIterator<Item = (u32, i64)>) {
        if let Some(new) = self.partitions.get_mut(&request.partition) {
            let count = request.count.min(new.records.len());
            new.end_offsets = Some(EndOffsets { count, ends: ends.into_iter().collect(), is_last: request.is_last });
        }
    }

    /// Stops waiting for an older partition.
    pub fn stop_waiting_for(&mut self, number: u32) {
        self.note_read_to(number, i64::MAX, false);
    }

    /// Passes the records that need not wait any longer to `out`, in order.
    pub fn release(&mut self, mut out: impl FnMut(Record)) {
        let read_to = &self.read_to;
        self.partitions.retain(|_, new| {
            let is_reached = |&(number, end): &(u32, i64)| read_to.get(&number).is_none_or(|read_to| *read_to >= end);
            let Some(end_offsets) = new.end_offsets.take_if(|offsets| offsets.ends.iter().all(is_reached)) else {
                return true;
            };
            for record in new.records.drain(..end_offsets.count) {
                new.bytes -= record.footprint();
                out(record);
            }
            if !end_offsets.is_last {
                return true;
            }
            // Records that came after the request are as safe as those of any other partition.
            new.records.drain(..).for_each(&mut out);
            false
        });
        if self.partitions.is_empty() {
            self.read_to.clear();
        }
    }

    /// The memory used by the buffered records of a partition, in bytes.
    #[must_use]
    pub fn bytes_of(&self, number: u32) -> u64 {
        self.partitions.get(&number).map_or(0, |new| new.bytes)
    }

    /// Whether any records are buffered.
    #[must_use]
    pub fn is_starved(&self) -> bool {
        self.partitions.values().any(|new| !new.records.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kreplay_model::domain::{RecordBufferBuilder, Route};

    use super::*;

    fn record(partition: u32, offset: i64) -> Record {
        let mut builder = RecordBufferBuilder::default();
        builder.push(partition, 0, offset, -1, Route::default(), None, None);
        let mut out = Vec::new();
        builder.finish(&Arc::default(), &mut out);
        out.remove(0)
    }

    fn released(buffer: &mut NewPartitionBuffer) -> Vec<i64> {
        let mut out = Vec::new();
        buffer.release(|record| out.push(record.offset));
        out
    }

    #[test]
    fn records_of_a_new_partition_wait_until_the_older_ones_are_read_to_their_ends() {
        let now = Instant::now();
        let mut buffer = NewPartitionBuffer::default();
        buffer.join(2, [(0, 5), (1, 9)], now);
        assert_eq!(buffer.end_offsets_requests(now), [], "nothing is buffered");
        assert!(buffer.put(record(0, 5)).is_some(), "records of older partitions pass");
        assert!(buffer.put(record(2, 0)).is_none() && buffer.put(record(2, 1)).is_none());
        let request = buffer.end_offsets_requests(now).remove(0);
        assert_eq!((request.partition, request.older.clone()), (2, vec![0, 1]));
        assert!(buffer.put(record(2, 2)).is_none());
        buffer.answer(&request, [(0, 8), (1, 9)]);
        assert_eq!(buffer.end_offsets_requests(now), [], "one request at a time");
        buffer.note_read_to(0, 7, false);
        assert_eq!(released(&mut buffer), [0; 0]);
        buffer.note_read_to(0, 8, false);
        assert_eq!(released(&mut buffer), [0, 1], "but not the record that came after the request");
        assert!(buffer.is_starved());
        let request = buffer.end_offsets_requests(now).remove(0);
        buffer.answer(&request, [(0, 12), (1, 9)]);
        buffer.stop_waiting_for(0);
        assert_eq!(released(&mut buffer), [2]);
        assert!(!buffer.is_starved() && !buffer.is_empty());
    }

    #[test]
    fn a_partition_stops_being_new_when_it_catches_up_after_the_settling_time() {
        let now = Instant::now();
        let mut buffer = NewPartitionBuffer::default();
        buffer.join(1, [(0, 0)], now);
        let later = now + NewPartitionBuffer::SETTLING_TIME;
        let request = buffer.end_offsets_requests(later).remove(0);
        assert!(buffer.put(record(1, 0)).is_none());
        buffer.answer(&request, [(0, 3)]);
        assert_eq!(released(&mut buffer), [0; 0]);
        buffer.note_read_to(0, 3, false);
        assert_eq!(released(&mut buffer), [0]);
        assert!(buffer.is_empty() && buffer.put(record(1, 1)).is_some());
    }

    #[test]
    fn records_of_an_ended_assignment_are_dropped() {
        let now = Instant::now();
        let mut buffer = NewPartitionBuffer::default();
        buffer.join(1, [(0, 0)], now);
        assert!(buffer.put(record(1, 0)).is_none());
        let request = buffer.end_offsets_requests(now).remove(0);
        buffer.drop_below(1, 1);
        buffer.answer(&request, [(0, 0)]);
        assert_eq!((released(&mut buffer), buffer.bytes_of(1)), (vec![], 0));
    }
}
