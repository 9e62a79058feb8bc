//! Barriers: records that are handled alone.
//!
//! All records delivered before a barrier are settled before it is handed out. All records delivered after it wait
//! here, in the order of delivery, until the barrier is settled. A barrier therefore never depends on later records
//! arriving, and reaching the memory limit here cannot deadlock the run.
//!
//! A record is settled when it was handled, skipped, or dead-lettered; a record that waits for a retry is not. A record
//! whose partition was taken away does not count, unless it is in flight.
//!
//! Pure: the scheduler holds the lock, and tells it when the lanes are empty.

use std::collections::VecDeque;

use kreplay_model::domain::Record;

/// Records that wait in front of the lanes.
#[derive(Debug, Default)]
pub struct Barrier {
    waiting: VecDeque<(u32, Record)>,
    /// The memory used by waiting records, by partition, in bytes.
    bytes: Vec<u64>,
    /// A barrier is in the lanes or in flight.
    in_progress: bool,
}

impl Barrier {
    /// Whether ordinary records may go directly into their lanes.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.in_progress && self.waiting.is_empty()
    }

    /// Holds a record back.
    pub fn hold(&mut self, lane: u32, record: Record) {
        let partition = record.partition as usize;
        if self.bytes.len() <= partition {
            self.bytes.resize(partition + 1, 0);
        }
        self.bytes[partition] += record.footprint();
        self.waiting.push_back((lane, record));
    }

    /// The next record that may go into its lane. `lanes_are_empty`: all records in the lanes are settled. `is_stale`:
    /// the record's partition was taken away since it was read; such records are dropped.
    pub fn next(&mut self, lanes_are_empty: bool, is_stale: impl Fn(&Record) -> bool) -> Option<(u32, Record)> {
        if self.in_progress {
            if !lanes_are_empty {
                return None;
            }
            self.in_progress = false;
        }
        while let Some((_, record)) = self.waiting.front() {
            if is_stale(record) {
                self.pop();
                continue;
            }
            if record.route.barrier {
                if !lanes_are_empty {
                    return None;
                }
                self.in_progress = true;
            }
            return self.pop();
        }
        None
    }

    /// Drops the records whose partition was taken away.
    pub fn drop_stale(&mut self, is_stale: impl Fn(&Record) -> bool) {
        let bytes = &mut self.bytes;
        self.waiting.retain(|(_, record)| {
            let stale = is_stale(record);
            if stale {
                bytes[record.partition as usize] -= record.footprint();
            }
            !stale
        });
    }

    /// The memory used here by the records of a partition, in bytes.
    #[must_use]
    pub fn bytes_of(&self, partition: u32) -> u64 {
        self.bytes.get(partition as usize).copied().unwrap_or(0)
    }

    /// The memory used here by all records, in bytes.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.bytes.iter().sum()
    }

    fn pop(&mut self) -> Option<(u32, Record)> {
        let (lane, record) = self.waiting.pop_front()?;
        self.bytes[record.partition as usize] -= record.footprint();
        Some((lane, record))
    }
}
