//! Barriers: records that are handled alone.
//!
//! What was delivered before a barrier is settled before it is handed out, and what is delivered after it waits here, in the
//! order of delivery, until it is settled itself. So nothing has to arrive for a barrier to come to its turn, and records that
//! wait here can fill the memory without anything standing still.
//!
//! A record is settled when it was handled, passed over or put aside for good; one that waits for its next attempt is not. A
//! record whose partition was taken away counts no longer, unless a worker has it in hand.
//!
//! Pure: the board holds the lock, and says when the lanes are empty.

use std::collections::VecDeque;

use crate::domain::Record;

/// What waits in front of the lanes.
#[derive(Debug, Default)]
pub struct Barrier {
    staged: VecDeque<(u32, Record)>,
    /// The memory that staged records take, by partition.
    bytes: Vec<u64>,
    /// A barrier is in the lanes, or in a worker's hand.
    alone: bool,
}

impl Barrier {
    /// Whether records without a barrier may go straight to their lanes.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.alone && self.staged.is_empty()
    }

    /// Lets a record wait for its turn.
    pub fn stage(&mut self, lane: u32, record: Record) {
        let partition = record.partition as usize;
        if self.bytes.len() <= partition {
            self.bytes.resize(partition + 1, 0);
        }
        self.bytes[partition] += record.footprint();
        self.staged.push_back((lane, record));
    }

    /// The record that goes into its lane next, if any may. `lanes_are_empty` says that everything in the lanes is settled;
    /// `is_stale` that a record's partition was taken away since it was read: such a record is dropped.
    pub fn next(&mut self, lanes_are_empty: bool, is_stale: impl Fn(&Record) -> bool) -> Option<(u32, Record)> {
        if self.alone {
            if !lanes_are_empty {
                return None;
            }
            self.alone = false;
        }
        while let Some((_, record)) = self.staged.front() {
            if is_stale(record) {
                self.pop();
                continue;
            }
            if record.route.barrier {
                if !lanes_are_empty {
                    return None;
                }
                self.alone = true;
            }
            return self.pop();
        }
        None
    }

    /// Drops what was taken away, wherever it waits.
    pub fn drop_stale(&mut self, is_stale: impl Fn(&Record) -> bool) {
        let bytes = &mut self.bytes;
        self.staged.retain(|(_, record)| {
            let stale = is_stale(record);
            if stale {
                bytes[record.partition as usize] -= record.footprint();
            }
            !stale
        });
    }

    /// The memory that the records of a partition take here.
    #[must_use]
    pub fn bytes_of(&self, partition: u32) -> u64 {
        self.bytes.get(partition as usize).copied().unwrap_or(0)
    }

    /// The memory that all take here.
    #[must_use]
    pub fn bytes_of_all(&self) -> u64 {
        self.bytes.iter().sum()
    }

    fn pop(&mut self) -> Option<(u32, Record)> {
        let (lane, record) = self.staged.pop_front()?;
        self.bytes[record.partition as usize] -= record.footprint();
        Some((lane, record))
    }
}
