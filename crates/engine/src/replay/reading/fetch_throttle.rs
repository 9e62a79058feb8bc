//! Throttles fetching per partition, so that a partition with a slow lane does not fill the memory that all partitions
//! share.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use kreplay_kafka::Consumer;
use kreplay_model::domain::TopicPartition;

use crate::replay::engine::Engine;

/// A partition is throttled above this number of records between its position and the newest record read.
const MAX_SPAN_RECORDS: usize = 262_144;
/// Average record size from which a partition is first held inside the library instead of paused. Few such records fit
/// into a partition's share of the memory, so it is throttled and released many times a second, and a pause discards
/// what has arrived, which is then fetched again.
const LARGE_RECORD_BYTES: u64 = 16 << 10;
/// A partition that is held this long is paused after all, which frees the memory inside the library.
const MAX_HOLD: Duration = Duration::from_secs(1);

/// How a partition is throttled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Throttled {
    /// Arriving records wait inside the library since this time.
    Held(Instant),
    /// Nothing is fetched.
    Paused,
}

/// The throttled partitions of one fetcher.
///
/// The records in memory decide what is handled next (the fullest lanes come first). Each partition therefore gets a
/// share of the memory in proportion to what is left of it. Then the fullest lanes are those with the most work left,
/// and no partition starves because others happened to be read first.
#[derive(Debug, Default)]
pub struct FetchThrottle {
    throttled: HashMap<u32, Throttled>,
}

/// What changes for a fetcher's partitions.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ThrottleChanges {
    /// Partitions whose arriving records wait inside the library from now on.
    pub hold: Vec<u32>,
    /// Partitions whose waiting records are delivered again.
    pub release: Vec<u32>,
    /// Partitions to pause.
    pub pause: Vec<u32>,
    /// Partitions to fetch again.
    pub resume: Vec<u32>,
}

impl ThrottleChanges {
    /// Applies the changes to a consumer.
    pub fn apply(&self, engine: &Engine, consumer: &dyn Consumer) {
        let each = |partitions: &[u32], change: &dyn Fn(&[TopicPartition])| {
            if !partitions.is_empty() {
                let ids = engine.partitions.ids(partitions);
                change(&ids);
            }
        };
        each(&self.hold, &|ids| consumer.set_held(ids, true));
        each(&self.pause, &|ids| consumer.set_paused(ids, true));
        each(&self.resume, &|ids| consumer.set_paused(ids, false));
        each(&self.release, &|ids| consumer.set_held(ids, false));
    }
}

impl FetchThrottle {
    /// Decides which of a fetcher's partitions to throttle or release. `record_bytes` is the current average record
    /// size.
    pub fn decide(&mut self, engine: &Engine, partitions: &[u32], record_bytes: u64, now: Instant) -> ThrottleChanges {
        let bytes = engine.scheduler.waiting_bytes(partitions);
        let staged = engine.ingress.reorder_buffer.bytes_of(partitions).unwrap_or_else(|| vec![0; partitions.len()]);
        let reorder_share = engine.memory.reorder_share();
        let is_half_full = engine.memory.is_half_full();
        let mut changes = ThrottleChanges::default();
        for ((&partition, bytes), staged) in partitions.iter().zip(bytes).zip(staged) {
            let (span, read_to_end, left) = {
                let state = engine.partitions.lock(partition);
                let left = state.lag().known().unwrap_or(0);
                let to_end = !state.follows && state.reached().is_some_and(|reached| reached >= state.end);
                (state.span(), to_end, left)
            };
            let share = engine.memory.share_of(left);
            let full =
                read_to_end || span > MAX_SPAN_RECORDS || (is_half_full && bytes > share) || staged > reorder_share;
            let low = !read_to_end && span < MAX_SPAN_RECORDS / 2 && bytes <= share / 2 && staged <= reorder_share / 2;
            match self.throttled.get(&partition) {
                None if full && !read_to_end && record_bytes >= LARGE_RECORD_BYTES => {
                    self.throttled.insert(partition, Throttled::Held(now));
                    changes.hold.push(partition);
                }
                None if full => {
                    self.throttled.insert(partition, Throttled::Paused);
                    changes.pause.push(partition);
                }
                Some(Throttled::Held(_)) if low => {
                    self.throttled.remove(&partition);
                    changes.release.push(partition);
                }
                Some(Throttled::Held(since)) if now.saturating_duration_since(*since) >= MAX_HOLD => {
                    self.throttled.insert(partition, Throttled::Paused);
                    // The pause has discarded what was held.
                    changes.pause.push(partition);
                    changes.release.push(partition);
                }
                Some(Throttled::Paused) if low => {
                    self.throttled.remove(&partition);
                    changes.resume.push(partition);
                }
                _ => {}
            }
        }
        changes
    }

    /// Forgets a partition that the fetcher no longer reads. Returns whether it was held inside the library.
    pub fn forget(&mut self, partition: u32) -> bool {
        matches!(self.throttled.remove(&partition), Some(Throttled::Held(_)))
    }

    /// Whether a partition is throttled.
    #[must_use]
    pub fn is_throttled(&self, partition: u32) -> bool {
        self.throttled.contains_key(&partition)
    }

    /// Whether a throttled partition has more to read.
    #[must_use]
    pub fn has_unread_throttled(&self, engine: &Engine) -> bool {
        self.throttled.keys().any(|&partition| {
            let partition = engine.partitions.lock(partition);
            partition.reached().is_some_and(|reached| reached < partition.end)
        })
    }
}
