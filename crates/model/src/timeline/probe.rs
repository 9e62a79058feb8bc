//! Which stretch of time a snapshot describes.

use super::{Moment, TimeRange};

/// What a snapshot describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe {
    /// It is the first one, or the first one after a gap: it describes its own moment only.
    First(Moment),
    /// It describes the time since the snapshot before.
    Next(TimeRange),
}

impl Probe {
    /// The time that a state seen in this snapshot is known for: a millisecond if there is no snapshot before.
    pub(super) fn range(self) -> TimeRange {
        match self {
            Self::First(at) => TimeRange::new(at.plus_ms(-1), at),
            Self::Next(range) => range,
        }
    }
}

/// The times of snapshots that follow one another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Probes {
    last: Option<Moment>,
}

impl Probes {
    /// What the next snapshot describes; `None` if it is no newer than the last one. Snapshots more than
    /// `longest_gap_ms` apart say nothing about the time between them.
    pub(super) fn next(&mut self, at: Moment, longest_gap_ms: i64) -> Option<Probe> {
        let last = self.last;
        if last.is_some_and(|last| at <= last) {
            return None;
        }
        self.last = Some(at);
        let since = last.map(|last| TimeRange::new(last, at)).filter(|range| range.ms() <= longest_gap_ms);
        Some(since.map_or(Probe::First(at), Probe::Next))
    }

    /// The time of the last snapshot.
    pub(super) fn last(&self) -> Option<Moment> {
        self.last
    }
}
