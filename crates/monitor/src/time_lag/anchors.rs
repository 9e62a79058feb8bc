//! What answers say about the timestamps of one partition.

use std::collections::BTreeMap;

use super::Bracket;

/// What is known at one offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Anchor {
    /// The timestamp of the record at this offset; `None` if no record was named here.
    at_ms: Option<i64>,
    /// All records below this offset have timestamps below this one.
    before_ms: i64,
}

/// The anchors of one partition, by offset.
#[derive(Clone, Debug, Default)]
pub(super) struct Anchors {
    by_offset: BTreeMap<i64, Anchor>,
    /// The record with the largest timestamp among the anchors that were dropped below the log start.
    dropped: Option<(i64, i64)>,
    /// The offset of a record with a smaller timestamp than an earlier one.
    disorder: Option<i64>,
}

/// The timestamps for which the answer to a query is not known in advance: from `low + 1` to `high`. The offsets of the
/// anchors next to the target allow an interpolation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SearchRange {
    pub left: Option<(i64, i64)>,
    pub right: Option<(i64, i64)>,
}

impl Anchors {
    /// The number of anchors.
    pub(super) fn len(&self) -> usize {
        self.by_offset.len()
    }

    /// Whether no record contradicts the order of timestamps.
    pub(super) fn is_in_order(&self) -> bool {
        self.disorder.is_none()
    }

    /// Adds the record at `offset`. All records below it have timestamps below `before_ms`.
    pub(super) fn add_record(&mut self, offset: i64, at_ms: i64, before_ms: i64) {
        let below = self.by_offset.range(..offset).filter_map(|(_, anchor)| anchor.at_ms).max();
        let dropped = self.dropped.filter(|(at, _)| *at < offset).map(|(_, ms)| ms);
        let above = self.by_offset.range(offset + 1..).find_map(|(at, anchor)| (anchor.at_ms? < at_ms).then_some(*at));
        if below.max(dropped).is_some_and(|earlier| earlier > at_ms) {
            self.disorder = self.disorder.max(Some(offset));
        }
        if above.is_some() {
            self.disorder = self.disorder.max(above);
        }
        self.add(offset, Anchor { at_ms: Some(at_ms), before_ms });
    }

    /// Adds that all records below `end` have timestamps below `before_ms`.
    pub(super) fn add_ceiling(&mut self, end: i64, before_ms: i64) {
        self.add(end, Anchor { at_ms: None, before_ms });
    }

    fn add(&mut self, offset: i64, new: Anchor) {
        self.by_offset
            .entry(offset)
            .and_modify(|old| {
                old.at_ms = new.at_ms.or(old.at_ms);
                old.before_ms = old.before_ms.min(new.before_ms);
            })
            .or_insert(new);
    }

    /// Drops what lies below the log start: those records do not exist any more.
    pub(super) fn drop_below(&mut self, log_start: i64) {
        let kept = self.by_offset.split_off(&log_start);
        let gone = std::mem::replace(&mut self.by_offset, kept);
        let largest = gone.iter().filter_map(|(at, anchor)| Some((*at, anchor.at_ms?))).max_by_key(|(_, ms)| *ms);
        if largest.map(|(_, ms)| ms) > self.dropped.map(|(_, ms)| ms) {
            self.dropped = largest;
        }
        self.disorder = self.disorder.filter(|offset| *offset >= log_start);
    }

    /// The bounds for the first record at or after `target`, which must be below the end of the log. Offsets of a
    /// compacted log may have no record, so that an anchor after the target may itself be that first record.
    pub(super) fn bracket(&self, target: i64, compacted: bool) -> Bracket {
        if let Some(at_ms) = self.by_offset.get(&target).and_then(|anchor| anchor.at_ms) {
            return Bracket { low_ms: Some(at_ms), high_ms: Some(at_ms), named: true };
        }
        // The answer to time 0 is the first record of the log: below it there is none.
        let is_first = |(_, anchor): &(&i64, &Anchor)| anchor.before_ms <= 0;
        if let Some(at_ms) = self.by_offset.range(target..).find(is_first).and_then(|(_, anchor)| anchor.at_ms) {
            return Bracket { low_ms: Some(at_ms), high_ms: Some(at_ms), named: true };
        }
        let range = self.search_range(target);
        let after = self.by_offset.range(target + 1..).map(|(_, anchor)| match anchor.at_ms {
            Some(at_ms) if compacted => at_ms.max(anchor.before_ms - 1),
            _ => anchor.before_ms - 1,
        });
        let high_ms = after.min();
        // With timestamps out of order the lower bound can exceed the upper one, which holds in any case.
        let low_ms = range.left.map(|(_, ms)| high_ms.map_or(ms, |high| ms.min(high)));
        Bracket { low_ms, high_ms, named: false }
    }

    /// The nearest known places on both sides of `target`, as (offset, timestamp).
    pub(super) fn search_range(&self, target: i64) -> SearchRange {
        let left = self.by_offset.range(..target).rev().find_map(|(at, anchor)| Some((*at, anchor.at_ms?)));
        let right = self.by_offset.range(target + 1..).map(|(at, anchor)| (*at, anchor.before_ms - 1));
        SearchRange { left, right: right.min_by_key(|(at, ms)| (*ms, *at)) }
    }

    /// Drops anchors until at most `max` are left, if those next to the targets allow it: the ones that divide the
    /// smallest spans first.
    pub(super) fn shrink(&mut self, max: usize, targets: &[i64]) {
        while self.by_offset.len() > max {
            let offsets: Vec<i64> = self.by_offset.keys().copied().collect();
            let needed = |offset: i64| {
                targets.iter().any(|target| {
                    let range = self.search_range(*target);
                    let sides = [range.left, range.right].into_iter().flatten();
                    offset == *target || sides.map(|(at, _)| at).any(|at| at == offset)
                })
            };
            let span = |window: &&[i64]| window[2] - window[0];
            let Some(window) = offsets.windows(3).filter(|window| !needed(window[1])).min_by_key(span) else { return };
            self.by_offset.remove(&window[1]);
        }
    }
}
