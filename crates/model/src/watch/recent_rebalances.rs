//! When the last rebalances were seen, for their number within a time.

use std::collections::VecDeque;

/// Times that are kept. With a look every 2 s, they cover more than 5 h of a group that rebalances at each look.
const MAX_TIMES: usize = 10_000;

/// How long a time is kept, in milliseconds: 7 days. Rules may ask for a longer time, for which the number then becomes
/// unknown.
const MAX_AGE_MS: i64 = 7 * 86_400_000;

/// The rebalances that a look showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    at_ms: i64,
    epochs: u32,
}

/// The rebalances of one group by the time at which they were seen. The entries of the history have only the time at
/// which each began, and an entry covers all epochs until the group has settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecentRebalances {
    /// The oldest first.
    seen: VecDeque<Seen>,
    /// The time of the youngest rebalance that is not kept.
    forgotten_ms: Option<i64>,
}

impl RecentRebalances {
    /// Adds rebalances that were seen at a time, in milliseconds since 1970. They count as no earlier than those
    /// before.
    pub fn add(&mut self, at_ms: i64, epochs: u32) {
        if epochs == 0 {
            return;
        }
        match self.seen.back_mut() {
            Some(last) if last.at_ms >= at_ms => last.epochs = last.epochs.saturating_add(epochs),
            _ => self.seen.push_back(Seen { at_ms, epochs }),
        }
        let is_old = |first: &Seen| at_ms.saturating_sub(first.at_ms) > MAX_AGE_MS;
        while self.seen.len() > MAX_TIMES || self.seen.front().is_some_and(is_old) {
            self.forgotten_ms = self.forgotten_ms.max(self.seen.pop_front().map(|first| first.at_ms));
        }
    }

    /// Notes that there were rebalances until a time that were not added.
    pub fn forget_until(&mut self, at_ms: i64) {
        self.forgotten_ms = self.forgotten_ms.max(Some(at_ms));
    }

    /// Takes the time of a look. After the clock was set back, the rebalances that seem to be later count as of now:
    /// otherwise they would remain recent until the clock has caught up.
    pub fn limit_to(&mut self, now_ms: i64) {
        for seen in self.seen.iter_mut().rev().take_while(|seen| seen.at_ms > now_ms) {
            seen.at_ms = now_ms;
        }
        self.forgotten_ms = self.forgotten_ms.map(|forgotten| forgotten.min(now_ms));
    }

    /// When the last rebalance was seen, in milliseconds since 1970.
    #[must_use]
    pub fn last_ms(&self) -> Option<i64> {
        self.seen.back().map(|last| last.at_ms)
    }

    /// The number within the last `window_ms`; `None` if not all of them are kept.
    #[must_use]
    pub fn within(&self, now_ms: i64, window_ms: i64) -> Option<u64> {
        let from_ms = now_ms.saturating_sub(window_ms);
        let is_covered = self.forgotten_ms.is_none_or(|forgotten| forgotten < from_ms);
        is_covered.then(|| self.at_least_within(now_ms, window_ms))
    }

    /// The number of those within the last `window_ms` that are kept.
    #[must_use]
    pub fn at_least_within(&self, now_ms: i64, window_ms: i64) -> u64 {
        let from_ms = now_ms.saturating_sub(window_ms);
        let inside = self.seen.iter().rev().take_while(|seen| seen.at_ms >= from_ms);
        inside.map(|seen| u64::from(seen.epochs)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_times_than_are_kept_make_the_number_unknown() {
        let mut recent = RecentRebalances::default();
        let max = i64::try_from(MAX_TIMES).unwrap();
        for second in 1..=max {
            recent.add(second * 1_000, 2);
        }
        assert_eq!(recent.within(max * 1_000, max * 1_000), Some(20_000));
        recent.add((max + 1) * 1_000, 1);
        let now_ms = (max + 1) * 1_000;
        assert_eq!(recent.seen.len(), MAX_TIMES);
        assert_eq!(recent.within(now_ms, max * 1_000), None, "the first one is not kept");
        assert_eq!(recent.within(now_ms, max * 1_000 - 1), Some(19_999));
        assert_eq!(recent.at_least_within(now_ms, max * 1_000), 19_999);
    }

    #[test]
    fn old_times_are_not_kept() {
        let mut recent = RecentRebalances::default();
        recent.add(0, 1);
        recent.add(MAX_AGE_MS, 1);
        assert_eq!(recent.within(MAX_AGE_MS, i64::MAX), Some(2));
        recent.add(MAX_AGE_MS + 1, 1);
        assert_eq!((recent.seen.len(), recent.within(MAX_AGE_MS + 1, i64::MAX)), (2, None));
        assert_eq!(recent.within(MAX_AGE_MS + 1, MAX_AGE_MS), Some(2));
    }

    #[test]
    fn after_the_clock_was_set_back_rebalances_leave_the_window_in_time() {
        let mut recent = RecentRebalances::default();
        for second in [1, 3_600, 3_601] {
            recent.add(second * 1_000, 1);
        }
        recent.limit_to(10_000);
        recent.add(12_000, 1);
        assert_eq!(recent.within(12_000, 60_000), Some(4));
        assert_eq!(recent.within(72_000, 60_000), Some(1));
    }

    #[test]
    fn rebalances_that_were_not_added_make_the_number_unknown() {
        let mut recent = RecentRebalances::default();
        recent.forget_until(5_000);
        recent.add(5_000, 1);
        assert_eq!(recent.within(10_000, 5_000), None);
        assert_eq!(recent.within(10_001, 5_000), Some(0));
    }
}
