//! Which partitions a fetcher holds back, so that one with a slow lane does not fill the memory that all share.

use std::{
    collections::HashMap,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use crate::{domain::TopicPartition, kafka::Consumer, replay::engine::Engine};

/// Above this many records between the position and the newest one read, a partition is held back.
const MOST_SPAN_RECORDS: usize = 262_144;
/// Records of this size are few in a share of the memory, so their partitions are held back and let go many times a second. A pause
/// throws away what has arrived of a partition, and it is fetched again: instead it waits inside the library at first.
const LARGE_RECORD_BYTES: u64 = 16 << 10;
/// A partition that is held back for so long is paused all the same, which frees the memory inside the library.
const SHORT_HOLD: Duration = Duration::from_secs(1);

/// How a partition is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hold {
    /// What arrives waits inside the library, since then.
    Short(Instant),
    /// Nothing is fetched.
    Paused,
}

/// The partitions that a fetcher holds back.
///
/// What waits in memory decides what is handled next (the fullest lanes come first). So each partition gets a share of the
/// memory by what is left of it: then the fullest lanes are those with the most work left, and none is starved because others
/// happened to be read first.
#[derive(Debug, Default)]
pub struct HoldBack {
    held: HashMap<u32, Hold>,
}

/// What changes for partitions.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HoldChanges {
    /// What arrives of them is to wait inside the library.
    pub hold: Vec<u32>,
    /// What has arrived of them is to come, and goes on.
    pub release: Vec<u32>,
    /// They are to be paused.
    pub pause: Vec<u32>,
    /// They are to be fetched again.
    pub resume: Vec<u32>,
}

impl HoldChanges {
    /// Carries them out.
    pub fn apply(&self, engine: &Engine, consumer: &dyn Consumer) {
        let each = |partitions: &[u32], change: &dyn Fn(&[TopicPartition])| {
            if !partitions.is_empty() {
                let ids: Vec<TopicPartition> = partitions.iter().map(|index| engine.id(*index).clone()).collect();
                change(&ids);
            }
        };
        each(&self.hold, &|ids| consumer.set_held(ids, true));
        each(&self.pause, &|ids| consumer.set_paused(ids, true));
        each(&self.resume, &|ids| consumer.set_paused(ids, false));
        each(&self.release, &|ids| consumer.set_held(ids, false));
    }
}

impl HoldBack {
    /// Looks at a fetcher's partitions, whose records take `record_bytes` each at present.
    pub fn decide(&mut self, engine: &Engine, partitions: &[u32], record_bytes: u64, now: Instant) -> HoldChanges {
        let bytes = engine.board.waiting_bytes(partitions);
        let staged = engine.staging.bytes_of(partitions).unwrap_or_else(|| vec![0; partitions.len()]);
        let staging_share = engine.staging_share();
        let limit = engine.settings.buffer_bytes;
        let crowded = engine.held.load(Relaxed) > limit / 2;
        let mut changes = HoldChanges::default();
        for ((&partition, bytes), staged) in partitions.iter().zip(bytes).zip(staged) {
            let (span, read_to_end, left) = {
                let state = engine.partitions[partition as usize].lock();
                let left = state.lag().known().unwrap_or(0);
                let to_end = !state.follows && state.reached().is_some_and(|reached| reached >= state.end);
                (state.span(), to_end, left)
            };
            let share = engine.share_of(left);
            let full = read_to_end || span > MOST_SPAN_RECORDS || (crowded && bytes > share) || staged > staging_share;
            let low = !read_to_end && span < MOST_SPAN_RECORDS / 2 && bytes <= share / 2 && staged <= staging_share / 2;
            match self.held.get(&partition) {
                None if full && !read_to_end && record_bytes >= LARGE_RECORD_BYTES => {
                    self.held.insert(partition, Hold::Short(now));
                    changes.hold.push(partition);
                }
                None if full => {
                    self.held.insert(partition, Hold::Paused);
                    changes.pause.push(partition);
                }
                Some(Hold::Short(_)) if low => {
                    self.held.remove(&partition);
                    changes.release.push(partition);
                }
                Some(Hold::Short(since)) if now.saturating_duration_since(*since) >= SHORT_HOLD => {
                    self.held.insert(partition, Hold::Paused);
                    // What has arrived is void by then.
                    changes.pause.push(partition);
                    changes.release.push(partition);
                }
                Some(Hold::Paused) if low => {
                    self.held.remove(&partition);
                    changes.resume.push(partition);
                }
                _ => {}
            }
        }
        changes
    }

    /// Forgets a partition that is no longer the fetcher's; returns whether it was held back inside the library.
    pub fn forget(&mut self, partition: u32) -> bool {
        matches!(self.held.remove(&partition), Some(Hold::Short(_)))
    }

    /// Whether a partition is held back.
    #[must_use]
    pub fn holds(&self, partition: u32) -> bool {
        self.held.contains_key(&partition)
    }

    /// Whether a partition is held back that has more to read.
    #[must_use]
    pub fn is_holding(&self, engine: &Engine) -> bool {
        self.held.keys().any(|&partition| {
            let partition = engine.partitions[partition as usize].lock();
            partition.reached().is_some_and(|reached| reached < partition.end)
        })
    }
}
