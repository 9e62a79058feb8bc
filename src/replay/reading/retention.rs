//! Partitions whose next records are not there any more: retention was faster than the run.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::{
    domain::{Offset, TopicPartition},
    feed::{EventKind, Expiry},
    kafka::LogEnds,
    replay::{engine::Engine, settings::OnRetention},
};

/// How often a partition is looked at whose log nobody tells of.
const EVERY: Duration = Duration::from_millis(500);

/// A fetcher's partitions that cannot be read on where they stand.
#[derive(Debug, Default)]
pub struct Expired {
    waiting: BTreeMap<u32, Wait>,
    looked: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// For an answer of the brokers.
    Answer,
    /// For the user to resume the run.
    Resume,
}

impl Expired {
    /// Takes note of partitions that are to be looked at.
    pub fn found(&mut self, partitions: Vec<u32>) {
        for partition in partitions {
            self.waiting.insert(partition, Wait::Answer);
            self.looked = None;
        }
    }

    /// Decides what becomes of them; returns those to be read anew, each with its offset. `ends` looks up where a log begins
    /// and ends now, `None` where nobody answers.
    pub fn look(
        &mut self,
        engine: &Engine,
        now: Instant,
        epoch_of: impl Fn(u32) -> u32,
        ends: impl Fn(&TopicPartition) -> Option<LogEnds>,
    ) -> Vec<(u32, Offset)> {
        if self.waiting.is_empty() || self.looked.is_some_and(|at| now.saturating_duration_since(at) < EVERY) {
            return Vec::new();
        }
        self.looked = Some(now);
        let mut again = Vec::new();
        self.waiting.retain(|&index, wait| {
            if *wait == Wait::Resume && (engine.board.is_paused() || engine.pause_wanted()) {
                return true;
            }
            // Without a position it is not ours any more.
            let Some(reached) = engine.partitions[index as usize].lock().reached() else { return false };
            let Some(ends) = ends(engine.id(index)) else { return true };
            if engine.partitions[index as usize].lock().has_failed() {
                // The look has shown that the log is another one.
                return false;
            }
            match judge(engine, index, epoch_of(index), reached, &ends) {
                Verdict::Read(offset) => again.push((index, offset)),
                Verdict::Over => {}
                Verdict::Wait => {
                    *wait = Wait::Resume;
                    return true;
                }
            }
            false
        });
        again
    }

    /// A partition is no longer the fetcher's.
    pub fn forget(&mut self, partition: u32) {
        self.waiting.remove(&partition);
    }
}

enum Verdict {
    Read(Offset),
    Wait,
    Over,
}

fn judge(engine: &Engine, index: u32, epoch: u32, reached: i64, ends: &LogEnds) -> Verdict {
    let (low, end) = (ends.low.get(), ends.end.get());
    if reached > end {
        let text = format!(
            "offset {reached} lies beyond the end of its log, {end}: the log was cut off, or the topic was deleted and \
             created again"
        );
        engine.give_up(index, &text);
        return Verdict::Over;
    }
    if reached >= low {
        return Offset::new(reached).map_or(Verdict::Over, Verdict::Read);
    }
    let missing = |outcome| EventKind::Expired {
        partition: engine.id(index).clone(),
        first: Offset::new(reached).unwrap_or_default(),
        end: ends.low,
        outcome,
    };
    match engine.settings.on_retention {
        OnRetention::Fail => {
            let text = format!(
                "offsets {reached}..{low} were deleted by retention before they were read; --on-retention earliest goes \
                 on behind the gap"
            );
            engine.give_up(index, &text);
            Verdict::Over
        }
        OnRetention::Earliest => {
            engine.pass_over(index, epoch, low);
            engine.events.push(missing(Expiry::PassedOver));
            Verdict::Read(ends.low)
        }
        OnRetention::Pause => {
            engine.events.push(missing(Expiry::Paused));
            engine.want_pause();
            Verdict::Wait
        }
    }
}
