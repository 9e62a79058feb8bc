//! Holds back the records of partitions that were added to a topic while it was being read.
//!
//! When a topic gets more partitions, keys move between partitions. A record in a new partition may therefore be newer
//! than unread records of the same key in an older partition. The records of a new partition wait until the older
//! partitions have been read up to their end offsets, looked up *after* the waiting records were read. A producer that
//! waits for acknowledgements had written all earlier records of the key by then. A new partition becomes an ordinary
//! one when it has existed long enough for every producer to have learned of it, and has caught up once more after
//! that.
//!
//! An older partition may itself be new, after a second expansion: its buffered records count as unread. It may also be
//! revoked, and return in the same rebalance: records wait a while for its return.
//!
//! Pure: the caller passes the time, looks up the end offsets, and stops reading a partition whose share of the buffer
//! is full.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use kreplay_model::domain::Record;

/// End offsets of the older partitions, looked up after the records before `until` had been read.
#[derive(Debug)]
struct EndOffsets {
    /// The number of records that had arrived by then.
    until: u64,
    /// By partition; one lookup serves all requests of that time.
    ends: Arc<BTreeMap<u32, i64>>,
    /// Looked up after [`NewPartitionBuffer::SETTLING_TIME`]: the last lookup that the partition needs.
    is_last: bool,
}

#[derive(Debug)]
struct NewPartition {
    joined_at: Instant,
    older: Vec<u32>,
    records: VecDeque<Record>,
    bytes: u64,
    /// The number of records that were released or dropped.
    released: u64,
    /// Lookups whose records still wait, the oldest first. The next lookup does not wait for their release: otherwise
    /// each further new partition would double the time that its records wait.
    end_offsets: VecDeque<EndOffsets>,
    /// Incremented when buffered records are dropped, or an older partition begins again; earlier requests are then
    /// void.
    generation: u32,
}

impl NewPartition {
    /// The number of records that have arrived.
    fn arrived(&self) -> u64 {
        self.released + self.records.len() as u64
    }
}

/// How far an older partition has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadTo {
    /// No record below this offset can still enter a lane, except those buffered here.
    Offset(i64),
    /// Not assigned to this process since this time.
    Away(Instant),
    /// No more of it is read.
    Ended,
}

/// The buffered records of a run's new partitions.
#[derive(Debug, Default)]
pub struct NewPartitionBuffer {
    partitions: BTreeMap<u32, NewPartition>,
    /// The progress of each older partition.
    read_to: BTreeMap<u32, ReadTo>,
}

/// A new partition that needs the current end offsets of the older partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndOffsetsRequest {
    /// The new partition.
    pub partition: u32,
    /// The older partitions of its topic.
    pub older: Vec<u32>,
    /// The number of its records that had arrived when the request was made.
    until: u64,
    is_last: bool,
    generation: u32,
}

impl NewPartitionBuffer {
    /// How long a partition counts as new. Producers refresh their metadata every five minutes (`metadata.max.age.ms`).
    pub const SETTLING_TIME: Duration = Duration::from_secs(600);
    /// How long records wait for an older partition that was revoked, counted from the last assignment of partitions
    /// to this process. If it stays in the process, it is assigned again within seconds; otherwise another process
    /// reads it.
    pub const RETURN_TIME: Duration = Duration::from_secs(10);

    /// Adds a new partition. `older` lists the older partitions of its topic, each with the offset below which none of
    /// its records can still enter a lane, or `None` if this process does not have it or cannot read it.
    pub fn join(&mut self, partition: u32, older: impl IntoIterator<Item = (u32, Option<i64>)>, now: Instant) {
        let mut numbers = Vec::new();
        for (number, read_to) in older {
            match read_to {
                Some(offset) => drop(self.read_to.insert(number, ReadTo::Offset(offset))),
                None => self.away(number, now),
            }
            numbers.push(number);
        }
        let new = NewPartition {
            joined_at: now,
            older: numbers,
            records: VecDeque::new(),
            bytes: 0,
            released: 0,
            end_offsets: VecDeque::new(),
            generation: 0,
        };
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

    /// Notes that no record of an older partition below this offset can still enter a lane, except those buffered here.
    /// This process has the partition.
    pub fn note_read_to(&mut self, number: u32, offset: i64) {
        if let Some(read_to) = self.read_to.get_mut(&number).filter(|read_to| **read_to != ReadTo::Ended) {
            *read_to = ReadTo::Offset(offset);
        }
    }

    /// A partition begins again at this offset, which may be lower than before.
    pub fn begin(&mut self, number: u32, offset: i64) {
        self.read_to.insert(number, ReadTo::Offset(offset));
        for new in self.partitions.values_mut().filter(|new| new.older.contains(&number)) {
            // While it could not be read, its end was not looked up.
            new.generation += 1;
            if new.end_offsets.iter().any(|lookup| !lookup.ends.contains_key(&number)) {
                new.end_offsets.clear();
            }
        }
    }

    /// This process does not have a partition at the moment.
    pub fn away(&mut self, number: u32, now: Instant) {
        let read_to = self.read_to.entry(number).or_insert(ReadTo::Away(now));
        if let ReadTo::Offset(_) = read_to {
            *read_to = ReadTo::Away(now);
        }
    }

    /// The group is assigning partitions at `now`, and those that are away may return in this round.
    pub fn extend_absences(&mut self, now: Instant) {
        for read_to in self.read_to.values_mut() {
            if let ReadTo::Away(since) = read_to {
                *since = now;
            }
        }
    }

    /// No more of a partition is read: records wait for it no longer.
    pub fn finish(&mut self, number: u32) {
        self.read_to.insert(number, ReadTo::Ended);
    }

    /// Drops the records of assignments older than `epoch`.
    pub fn drop_below(&mut self, number: u32, epoch: u32) {
        if let Some(new) = self.partitions.get_mut(&number) {
            let before = new.records.len();
            new.records.retain(|record| record.epoch >= epoch);
            new.released += (before - new.records.len()) as u64;
            new.bytes = new.records.iter().map(Record::footprint).sum();
            new.end_offsets.clear();
            new.generation += 1;
        }
    }

    /// The new partitions that need a lookup of end offsets now.
    #[must_use]
    pub fn end_offsets_requests(&self, now: Instant) -> Vec<EndOffsetsRequest> {
        let needs_request = |new: &NewPartition| {
            let is_settled = now.saturating_duration_since(new.joined_at) >= Self::SETTLING_TIME;
            let last = new.end_offsets.back();
            let has_more = is_settled || new.arrived() > last.map_or(new.released, |last| last.until);
            let has_room = new.end_offsets.len() <= new.older.len();
            (has_more && has_room && !last.is_some_and(|last| last.is_last)).then_some(is_settled)
        };
        self.partitions
            .iter()
            .filter_map(|(partition, new)| {
                let is_last = needs_request(new)?;
                let (older, until, generation) = (new.older.clone(), new.arrived(), new.generation);
                Some(EndOffsetsRequest { partition: *partition, older, until, is_last, generation })
            })
            .collect()
    }

    /// Takes in the end offsets for a request, by partition. An older partition without an end offset is read no
    /// further: only its buffered records are waited for.
    pub fn answer(&mut self, request: &EndOffsetsRequest, ends: &Arc<BTreeMap<u32, i64>>) {
        let asked = self.partitions.get_mut(&request.partition);
        // Records that were read again may have arrived after the lookup, and it may lack a partition that began again.
        if let Some(new) = asked.filter(|new| new.generation == request.generation) {
            let (until, ends) = (request.until, Arc::clone(ends));
            new.end_offsets.push_back(EndOffsets { until, ends, is_last: request.is_last });
        }
    }

    /// The older partitions that new ones wait for.
    #[must_use]
    pub fn awaited_partitions(&self) -> Vec<u32> {
        self.read_to.keys().copied().collect()
    }

    /// Passes the records that need not wait any longer at `now` to `out`, in order.
    pub fn release(&mut self, now: Instant, mut out: impl FnMut(Record)) {
        // An older partition has a lower number, so its own records are released first.
        let numbers: Vec<u32> = self.partitions.keys().copied().collect();
        for number in numbers {
            while self.may_release(number, now) {
                let Some(new) = self.partitions.get_mut(&number) else { break };
                let Some(EndOffsets { until, is_last, .. }) = new.end_offsets.pop_front() else { break };
                // Records that came after the last request are as safe as those of any other partition.
                let until = if is_last { new.arrived() } else { until };
                let count = usize::try_from(until - new.released).unwrap_or(usize::MAX).min(new.records.len());
                for record in new.records.drain(..count) {
                    new.bytes -= record.footprint();
                    out(record);
                }
                new.released += count as u64;
                if is_last {
                    self.partitions.remove(&number);
                }
            }
        }
        if self.partitions.is_empty() {
            self.read_to.clear();
        }
    }

    /// Whether the older partitions have reached the ends of a new partition's first lookup.
    fn may_release(&self, number: u32, now: Instant) -> bool {
        let Some(new) = self.partitions.get(&number) else { return false };
        let Some(first) = new.end_offsets.front() else { return false };
        new.older.iter().all(|older| match first.ends.get(older) {
            Some(end) => self.is_reached((*older, *end), now),
            None => !self.holds_records_of(*older),
        })
    }

    /// Whether records of this partition are buffered.
    fn holds_records_of(&self, number: u32) -> bool {
        self.partitions.get(&number).is_some_and(|new| !new.records.is_empty())
    }

    /// Whether records wait for an older partition: this process has it, or may get it back.
    #[must_use]
    pub fn is_awaited(&self, number: u32, now: Instant) -> bool {
        match self.read_to.get(&number) {
            Some(ReadTo::Offset(_)) => true,
            Some(ReadTo::Away(since)) => now.saturating_duration_since(*since) < Self::RETURN_TIME,
            Some(ReadTo::Ended) | None => false,
        }
    }

    /// Whether no record of an older partition below `end` can still enter a lane, or it is not waited for.
    fn is_reached(&self, (number, end): (u32, i64), now: Instant) -> bool {
        let buffered = self.partitions.get(&number).and_then(|new| new.records.front());
        if buffered.is_some_and(|first| first.offset < end) {
            return false;
        }
        match self.read_to.get(&number) {
            Some(ReadTo::Offset(read_to)) => *read_to >= end,
            Some(ReadTo::Away(since)) => now.saturating_duration_since(*since) >= Self::RETURN_TIME,
            Some(ReadTo::Ended) | None => true,
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
