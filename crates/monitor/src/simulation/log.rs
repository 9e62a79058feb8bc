//! A log whose records are planned: when each of them is written follows from its offset.

use std::collections::VecDeque;

use crate::look::RecordAt;
use kreplay_model::domain::Offset;

/// Stretches that a log keeps. Older ones are deleted, as by `retention.bytes`, so that memory is bounded.
const MAX_STRETCHES: usize = 10_000;

/// A time in which records are written at even distances.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    start_ms: i64,
    length_ms: i64,
    /// The offset of its first record.
    first: i64,
    /// Its number of records.
    records: i64,
}

impl Stretch {
    fn end_ms(&self) -> i64 {
        self.start_ms + self.length_ms
    }

    /// The first offset whose record is written at or after a time within the stretch.
    fn first_at_or_after(&self, at_ms: i64) -> i64 {
        let passed = i128::from((at_ms - self.start_ms).max(0));
        let length = i128::from(self.length_ms.max(1));
        let before = (passed * i128::from(self.records) + length - 1) / length;
        self.first + i64::try_from(before).unwrap_or(self.records).min(self.records)
    }

    fn time_of(&self, offset: i64) -> i64 {
        let passed = i128::from(offset - self.first) * i128::from(self.length_ms) / i128::from(self.records.max(1));
        self.start_ms + i64::try_from(passed).unwrap_or(self.length_ms)
    }
}

/// The log of one partition. It may be planned beyond the present.
#[derive(Clone, Debug)]
pub(super) struct Log {
    stretches: VecDeque<Stretch>,
    planned_until_ms: i64,
    planned_end: i64,
    start: i64,
    /// The offset at which an open transaction begins.
    pub open_transaction: Option<OpenTransaction>,
    pub has_leader: bool,
    pub leader_epoch: i32,
}

/// An open transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenTransaction {
    /// The offset of its first record.
    pub first: i64,
    /// When it began, in milliseconds since 1970.
    pub since_ms: i64,
}

impl Log {
    /// An empty log that begins at a time.
    pub(super) fn beginning(at_ms: i64, first: i64) -> Self {
        Self {
            stretches: VecDeque::new(),
            planned_until_ms: at_ms,
            planned_end: first,
            start: first,
            open_transaction: None,
            has_leader: true,
            leader_epoch: 1,
        }
    }

    /// Plans records for a time that follows what is planned.
    pub(super) fn plan(&mut self, length_ms: i64, records: i64) {
        let stretch = Stretch { start_ms: self.planned_until_ms, length_ms, first: self.planned_end, records };
        self.planned_until_ms = stretch.end_ms();
        self.planned_end += records;
        self.stretches.push_back(stretch);
        if self.stretches.len() > MAX_STRETCHES
            && let Some(oldest) = self.stretches.pop_front()
        {
            self.start = self.start.max(oldest.first + oldest.records);
        }
    }

    pub(super) fn planned_until_ms(&self) -> i64 {
        self.planned_until_ms
    }

    /// The first offset whose record is written at or after a time.
    pub(super) fn first_at_or_after(&self, at_ms: i64) -> i64 {
        let next = self.stretches.partition_point(|stretch| stretch.end_ms() <= at_ms);
        let found = self.stretches.get(next).map_or(self.planned_end, |stretch| stretch.first_at_or_after(at_ms));
        found.max(self.start)
    }

    pub(super) fn log_start(&self) -> i64 {
        self.start
    }

    pub(super) fn end(&self, now_ms: i64) -> i64 {
        self.first_at_or_after(now_ms + 1)
    }

    pub(super) fn stable_end(&self, now_ms: i64) -> i64 {
        let end = self.end(now_ms);
        self.open_transaction.map_or(end, |open| open.first.clamp(self.start, end))
    }

    /// The record at an offset; `None` outside of the log.
    pub(super) fn record(&self, offset: i64, now_ms: i64) -> Option<RecordAt> {
        if !(self.start..self.end(now_ms)).contains(&offset) {
            return None;
        }
        let next = self.stretches.partition_point(|stretch| stretch.first + stretch.records <= offset);
        let timestamp_ms = self.stretches.get(next)?.time_of(offset);
        Some(RecordAt { offset: Offset::new(offset)?, timestamp_ms })
    }

    /// The answer to a time query: the first record whose timestamp is at least that.
    pub(super) fn first_record(&self, query_ms: i64, now_ms: i64) -> Option<RecordAt> {
        self.record(self.first_at_or_after(query_ms), now_ms)
    }

    /// Deletes the records that were written before a time.
    pub(super) fn delete_before(&mut self, at_ms: i64) {
        self.start = self.first_at_or_after(at_ms);
        while self.stretches.front().is_some_and(|stretch| stretch.end_ms() <= at_ms) {
            self.stretches.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_query_finds_the_first_record(stretches in prop::collection::vec((1..20_i64, 0..30_i64), 1..8), query in -5..180_i64, now in 0..180_i64) {
            let mut log = Log::beginning(0, 7);
            for (length, records) in &stretches {
                log.plan(*length, *records);
            }
            let all: Vec<RecordAt> = (7..log.end(now)).map(|offset| log.record(offset, now).unwrap()).collect();
            prop_assert!(all.is_sorted_by_key(|record| record.timestamp_ms));
            prop_assert!(all.iter().all(|record| record.timestamp_ms <= now));
            let expected = all.iter().find(|record| record.timestamp_ms >= query).copied();
            prop_assert_eq!(log.first_record(query, now), expected);
        }

        #[test]
        fn retention_deletes_exactly_the_older_records(stretches in prop::collection::vec((1..20_i64, 0..30_i64), 1..8), before in 0..180_i64) {
            let mut log = Log::beginning(0, 0);
            for (length, records) in &stretches {
                log.plan(*length, *records);
            }
            let now = log.planned_until_ms();
            let kept = (0..log.end(now)).filter(|offset| log.record(*offset, now).unwrap().timestamp_ms >= before).count();
            log.delete_before(before);
            prop_assert_eq!(log.end(now) - log.log_start(), i64::try_from(kept).unwrap());
        }
    }

    #[test]
    fn the_memory_of_a_log_is_bounded() {
        let mut log = Log::beginning(0, 0);
        (0..MAX_STRETCHES + 10).for_each(|_| log.plan(10, 2));
        assert_eq!((log.stretches.len(), log.log_start()), (MAX_STRETCHES, 20));
    }
}
