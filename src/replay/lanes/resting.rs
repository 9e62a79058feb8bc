//! Lanes that rest after a failure, and lanes that are made for it.

use std::{cmp::Reverse, time::Instant};

use super::{Lane, LaneState, Lanes};
use crate::domain::Record;

impl Lanes {
    /// An extra lane that has done its service is free for the next.
    pub(super) fn retire(&mut self, lane: u32) {
        let entry = &mut self.all[lane as usize];
        if !entry.spare || !entry.records.is_empty() {
            return;
        }
        entry.state = LaneState::Idle;
        entry.failures = 0;
        if let Some(trouble) = entry.apart.take() {
            self.aside.forget(trouble.hash);
        }
        self.spare.push(lane);
    }

    /// An extra lane, with nothing in it.
    pub(super) fn extra(&mut self) -> u32 {
        self.spare.pop().unwrap_or_else(|| {
            self.all.push(Lane { spare: true, ..Lane::default() });
            u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// Whether it is one of those.
    pub(super) fn is_extra(&self, lane: u32) -> bool {
        self.all[lane as usize].spare
    }

    /// Without an order to keep, a failed record waits in a lane of its own and the others go straight back.
    pub(super) fn return_shared(&mut self, lane: u32, left: Vec<Record>, until: Option<Instant>) {
        let mut left = left.into_iter();
        if let Some(at) = until
            && let Some(failed) = left.next()
        {
            let queue = self.all[lane as usize].queue;
            let spare = self.extra();
            self.note_waiting(&failed);
            let entry = &mut self.all[spare as usize];
            entry.queue = queue;
            entry.failures = 1;
            entry.state = LaneState::Parked;
            entry.records.push_back(failed);
            self.parked.push(Reverse((at, spare)));
        }
        for record in left {
            self.push(lane, record);
        }
    }

    /// How often the first record of a lane has failed so far.
    #[must_use]
    pub fn failures(&self, lane: u32) -> u32 {
        // A shared lane hands out records that have not failed: those that have wait in lanes of their own.
        self.all[lane as usize].failures
    }

    /// Lets the lanes go on whose rest is over at `now`, and returns how many.
    pub fn wake(&mut self, now: Instant) -> usize {
        let mut woken = 0;
        while let Some(&Reverse((at, lane))) = self.parked.peek() {
            if at > now {
                break;
            }
            self.parked.pop();
            self.all[lane as usize].state = LaneState::Idle;
            self.refresh(lane);
            woken += 1;
        }
        woken
    }

    /// When the next rest is over.
    #[must_use]
    pub fn next_wake(&self) -> Option<Instant> {
        self.parked.peek().map(|Reverse((at, _))| *at)
    }
}
