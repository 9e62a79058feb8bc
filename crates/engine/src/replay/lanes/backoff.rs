//! Lanes that back off after a failure, and the extra lanes used for it.

use std::{cmp::Reverse, time::Instant};

use kreplay_model::domain::Record;

use super::{Lane, LaneState, Lanes};
use crate::handler::LaneRun;

impl Lanes {
    /// Frees an empty extra lane for reuse.
    pub(super) fn release_extra(&mut self, lane: u32) {
        let entry = &mut self.all[lane as usize];
        if !entry.is_extra || !entry.records.is_empty() {
            return;
        }
        entry.state = LaneState::Idle;
        entry.failures = 0;
        if let Some(reason) = entry.quarantine.take() {
            self.quarantined_keys.forget(reason.hash);
        }
        self.free_extra.push(lane);
    }

    /// Takes an empty extra lane.
    pub(super) fn take_extra(&mut self) -> u32 {
        self.free_extra.pop().unwrap_or_else(|| {
            self.all.push(Lane { is_extra: true, ..Lane::default() });
            u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// Whether a lane is an extra lane.
    pub(super) fn is_extra(&self, lane: u32) -> bool {
        self.all[lane as usize].is_extra
    }

    /// Returns a shared lane: the failed record waits in an extra lane, and the other records are ready again at once.
    pub(super) fn return_shared_lane(&mut self, lane: u32, left: Vec<Record>, until: Option<Instant>) {
        let mut left = left.into_iter();
        if let Some(at) = until
            && let Some(failed) = left.next()
        {
            let queue = self.all[lane as usize].queue;
            let extra = self.take_extra();
            self.count_waiting(&failed);
            let entry = &mut self.all[extra as usize];
            entry.queue = queue;
            entry.failures = 1;
            entry.state = LaneState::BackingOff;
            entry.records.push_back(failed);
            self.backoffs.push(Reverse((at, extra)));
        }
        for record in left {
            self.push(lane, record);
        }
    }

    /// Number of failed attempts of a lane's first record.
    #[must_use]
    pub fn failures(&self, lane: u32) -> u32 {
        // A shared lane only hands out records that have not failed. Failed ones wait in extra lanes.
        self.all[lane as usize].failures
    }

    /// Takes the first record of a lane that backs off, if it is this one. The lane belongs to the caller until
    /// [`Lanes::finish`]. `None` if no lane backs off because of this record, or its partition has been fenced.
    pub fn take_failed(&mut self, partition: u32, offset: i64) -> Option<LaneRun> {
        // A fenced copy of the same record may back off, too.
        let is_failed =
            |record: &Record| record.partition == partition && record.offset == offset && !self.is_stale(record);
        let mut lanes = self.backoffs.iter().map(|Reverse((_, lane))| *lane);
        let lane = lanes.find(|lane| self.all[*lane as usize].records.front().is_some_and(is_failed))?;
        self.backoffs.retain(|Reverse((_, other))| *other != lane);
        let entry = &mut self.all[lane as usize];
        let failed = entry.records.pop_front()?;
        entry.state = LaneState::Busy;
        self.busy += 1;
        self.in_flight += 1;
        self.partitions[partition as usize].in_flight += 1;
        self.uncount_waiting(&failed);
        Some(LaneRun { lane, records: vec![failed] })
    }

    /// Ends the backoffs that are over at `now`, and returns the number of lanes that became idle.
    pub fn end_backoffs(&mut self, now: Instant) -> usize {
        let mut ended = 0;
        while let Some(&Reverse((at, lane))) = self.backoffs.peek() {
            if at > now {
                break;
            }
            self.backoffs.pop();
            self.all[lane as usize].state = LaneState::Idle;
            self.refresh(lane);
            ended += 1;
        }
        ended
    }

    /// When the next backoff ends.
    #[must_use]
    pub fn next_backoff_end(&self) -> Option<Instant> {
        self.backoffs.peek().map(|Reverse((at, _))| *at)
    }
}
