//! Narrows down when the first and the last record were written.

/// The most lookups of a search.
pub(super) const MAX_PROBES: usize = 100;
/// A search ends once the borders are known to this part of the time between them.
const PRECISION: i64 = 50;
/// The first step away from the present, in milliseconds.
const FIRST_STEP_MS: i64 = 1_000;
/// How much longer each step is than the one before.
const STEP_FACTOR: i64 = 16;
/// The latest time that is looked up: the year 9999.
const MAX_MS: i64 = 253_402_300_799_999;

/// A search for the times of the first and of the last record, whose numbers before any time can be asked for.
#[derive(Debug)]
pub(super) struct SpanSearch {
    total: u64,
    now_ms: i64,
    probes: usize,
    /// The latest time that has no record before it. The first record is not before it.
    first_from: i64,
    /// The earliest time that is known to have a record before it; `None` before there is one.
    first_until: Option<i64>,
    /// The latest time that has a record which is not before it. The last record is not before it.
    last_from: i64,
    /// The earliest time that is known to have all records before it; `None` before there is one.
    last_until: Option<i64>,
    step_ms: i64,
}

impl SpanSearch {
    /// A search among `total` records, of which there is at least one. It begins at the present.
    pub(super) fn new(now_ms: i64, total: u64) -> Self {
        let now_ms = now_ms.clamp(0, MAX_MS);
        Self {
            total,
            now_ms,
            probes: 0,
            first_from: 0,
            first_until: None,
            last_from: 0,
            last_until: None,
            step_ms: FIRST_STEP_MS,
        }
    }

    /// The next time to look up; `None` once the search has ended.
    pub(super) fn next_probe(&self) -> Option<i64> {
        if self.probes >= MAX_PROBES {
            return None;
        }
        if self.probes == 0 {
            return Some(self.now_ms);
        }
        let Some(last_until) = self.last_until else {
            // There are later records.
            return Some(self.last_from.saturating_add(self.step_ms).min(MAX_MS));
        };
        // Where all records are before, there is one before.
        let first_until = self.first_until.unwrap_or(last_until);
        // Gallops back until no record is before.
        if self.first_from == 0 && first_until > 1 {
            return Some(first_until.saturating_sub(self.step_ms).max(1));
        }
        let (first, last) = (first_until - self.first_from, last_until - self.last_from);
        let between = (self.last_from - first_until).max(0);
        let wanted = (between / PRECISION).max(1);
        if first <= wanted && last <= wanted {
            return None;
        }
        let (from, width) = if first >= last { (self.first_from, first) } else { (self.last_from, last) };
        Some(from + width / 2)
    }

    /// Takes the number of records before a time.
    pub(super) fn learn(&mut self, at: i64, before: u64) {
        self.probes += 1;
        let before = if at >= MAX_MS { self.total } else { before };
        self.step_ms = self.step_ms.saturating_mul(STEP_FACTOR);
        if before == 0 {
            self.first_from = self.first_from.max(at);
        } else {
            self.first_until = Some(self.first_until.map_or(at, |until| until.min(at)));
        }
        if before < self.total {
            self.last_from = self.last_from.max(at);
        } else {
            self.last_until = Some(self.last_until.map_or(at, |until| until.min(at)));
        }
        // The log may change during the search; then the later answer counts.
        if self.first_until.is_some_and(|until| until <= self.first_from) {
            self.first_until = Some(self.first_from + 1);
        }
        if self.last_until.is_some_and(|until| until <= self.last_from) {
            self.last_until = Some(self.last_from + 1);
        }
    }

    /// A time that is not after the first record, and one that is not before the last, as close as they are known.
    pub(super) fn span(&self) -> (i64, i64) {
        let last = self.last_until.map_or(MAX_MS, |until| until - 1);
        (self.first_from.min(last), last)
    }
}
