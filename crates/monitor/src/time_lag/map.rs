//! The time map of one partition: which query comes next, and what the answers say.

use std::collections::BTreeMap;

use kreplay_model::domain::Offset;

use super::Bracket;
use super::age::age;
use super::anchors::Anchors;
use crate::look::{RecordAt, TopicId};

/// Anchors that a partition keeps, apart from those that its targets need.
const MAX_ANCHORS: usize = 64;

/// Queries whose answers may be outstanding.
const MAX_OUTSTANDING: usize = 4 * MAX_QUERIES_AT_ONCE;

/// Queries for a partition at the same time. Groups at different places of one log do not have to wait for each other.
const MAX_QUERIES_AT_ONCE: usize = 4;

/// A bracket this narrow is good enough, in milliseconds.
const GOOD_ENOUGH_MS: i64 = 50;

/// A bracket this narrow is good enough, as a fraction of the age: 1/100.
const GOOD_ENOUGH_FRACTION: i64 = 100;

/// The first unread offset of a group in the partition.
pub type Target = Offset;

/// The time map of one partition, shared by all groups on it.
///
/// The first query asks for time 0, the second for the present, and each further one for a time between the nearest
/// answers on both sides of the target: by interpolation, or the middle if the query before it has not halved the
/// range. A search therefore ends after at most two queries per bit of the time range.
#[derive(Clone, Debug, Default)]
pub struct TimeMap {
    anchors: Anchors,
    topic_id: Option<TopicId>,
    log_start: i64,
    end: i64,
    compacted: bool,
    /// The width of the range at the last query for each target.
    widths: BTreeMap<i64, i64>,
    /// The end of the log when a query was made, by its time.
    outstanding: BTreeMap<i64, i64>,
}

impl TimeMap {
    /// Takes over the present bounds of the log. Answers about deleted records, a former topic of the same name, or a
    /// truncated log are dropped. A log whose cleanup policy is not known counts as compacted, which only costs
    /// precision.
    pub fn renew(&mut self, topic_id: Option<TopicId>, log_start: Offset, end: Offset, compacted: bool) {
        let recreated = topic_id.is_some() && self.topic_id.is_some() && topic_id != self.topic_id;
        if recreated || end.get() < self.end {
            *self = Self::default();
        }
        self.topic_id = topic_id.or(self.topic_id);
        self.log_start = log_start.get();
        self.end = end.get();
        self.compacted = compacted;
        self.anchors.drop_below(self.log_start);
    }

    /// Whether timestamps are in order, as far as the answers show.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        self.anchors.is_in_order()
    }

    /// The number of answers that are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.anchors.len()
    }

    /// Whether there are no answers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bounds of the timestamp of the first record at or after `target`. Targets outside of the log have none.
    #[must_use]
    pub fn bracket(&self, target: Target) -> Bracket {
        if self.contains(target) { self.anchors.bracket(target.get(), self.compacted) } else { Bracket::OPEN }
    }

    /// The times to ask for next, in milliseconds since 1970: for the targets with the widest brackets. Empty if all
    /// brackets are good enough. Each answer is for all targets.
    pub fn next_queries(&mut self, targets: &[Target], now_ms: i64) -> Vec<i64> {
        let inside: Vec<i64> =
            targets.iter().filter(|target| self.contains(**target)).map(|target| target.get()).collect();
        self.widths.retain(|target, _| inside.contains(target));
        self.anchors.shrink(MAX_ANCHORS, &inside);
        let mut open: Vec<(i64, i64)> =
            inside.into_iter().filter_map(|target| Some((self.open_width(target, now_ms)?, target))).collect();
        open.sort_unstable();
        open.dedup();
        let mut queries = Vec::new();
        for (_, target) in open.into_iter().rev() {
            if queries.len() == MAX_QUERIES_AT_ONCE {
                break;
            }
            let query_ms = self.query_for(target, now_ms);
            if queries.contains(&query_ms) {
                continue;
            }
            queries.push(query_ms);
            if self.outstanding.len() >= MAX_OUTSTANDING {
                self.outstanding.pop_first();
            }
            self.outstanding.insert(query_ms, self.end);
        }
        queries
    }

    /// Takes an answer: the first record with a timestamp of at least `query_ms`, or that there is none.
    pub fn answer(&mut self, query_ms: i64, first: Option<RecordAt>) {
        let end_then = self.outstanding.remove(&query_ms);
        match (first, end_then) {
            // A negative timestamp means that the record has none.
            (Some(record), _) if record.timestamp_ms >= query_ms.max(0) => {
                self.anchors.add_record(record.offset.get(), record.timestamp_ms, query_ms);
            }
            (None, Some(end)) => self.anchors.add_ceiling(end, query_ms),
            _ => {}
        }
    }

    /// Takes the record with the largest timestamp of the log.
    pub fn newest(&mut self, record: RecordAt) {
        if record.timestamp_ms < 0 {
            return;
        }
        let above_all = record.timestamp_ms.saturating_add(1);
        self.anchors.add_record(record.offset.get(), record.timestamp_ms, above_all);
        if record.offset.get() < self.end {
            self.anchors.add_ceiling(self.end, above_all);
        }
    }

    /// Whether the age of the first record at or after one of these targets is not known yet.
    #[must_use]
    pub fn lacks_age(&self, targets: &[Target], now_ms: i64) -> bool {
        let mut inside = targets.iter().filter(|target| self.contains(**target));
        inside.any(|target| age(self.bracket(*target), self.is_in_order(), now_ms).is_none())
    }

    fn contains(&self, target: Target) -> bool {
        (self.log_start..self.end).contains(&target.get())
    }

    /// The width of the range to search; `None` if nothing is left to ask.
    fn open_width(&self, target: i64, now_ms: i64) -> Option<i64> {
        let bracket = self.anchors.bracket(target, self.compacted);
        let Some(width) = bracket.width_ms() else { return Some(i64::MAX) };
        let age = now_ms.saturating_sub(bracket.low_ms?);
        let is_searched = self.width(target) == Some(0);
        let is_good = width <= GOOD_ENOUGH_MS.max(age / GOOD_ENOUGH_FRACTION);
        (!is_searched && !is_good).then_some(width)
    }

    /// The number of times for which the answer is not known; `None` if a side is open.
    fn width(&self, target: i64) -> Option<i64> {
        let range = self.anchors.search_range(target);
        Some(range.right?.1.saturating_sub(range.left?.1).max(0))
    }

    fn query_for(&mut self, target: i64, now_ms: i64) -> i64 {
        let range = self.anchors.search_range(target);
        match (range.left, range.right) {
            (None, _) => 0,
            (Some((_, low)), None) => {
                // Timestamps in the future: the distance doubles until a query finds nothing.
                let beyond = low.saturating_add(low.saturating_sub(now_ms).max(1).saturating_mul(2));
                if low < now_ms { now_ms } else { beyond }
            }
            (Some((left, low)), Some((right, high))) => {
                let width = high.saturating_sub(low);
                let slow = self.widths.insert(target, width).is_some_and(|before| width > before / 2);
                let step = if slow {
                    width - width / 2
                } else {
                    let part = i128::from(width) * i128::from(target - left) / i128::from((right - left).max(1));
                    i64::try_from(part).unwrap_or(width)
                };
                low.saturating_add(step.clamp(1, width.max(1)))
            }
        }
    }
}
