//! Records left where offsets may be transaction markers.
//!
//! A transaction ends with a marker that takes one offset. A group that has read everything can therefore keep a lag of
//! 1 for ever. A read of committed records from its committed offset shows whether records are left.

use kreplay_model::domain::Offset;
use kreplay_model::watch::RecordsLeft;

use super::LagParts;
use crate::look::MarkerProbe;

/// The largest number of readable offsets that is probed for records.
pub const MAX_OFFSETS_TO_PROBE: u64 = 16;

/// Looks without a change of the end before a partition is probed.
const LOOKS_UNMOVED: u32 = 2;

/// The records left, if a statement is possible: a probe from this committed offset to this last stable offset counts
/// them; without one, a small number of offsets is an upper bound.
#[must_use]
pub fn records_left(
    parts: &LagParts,
    committed: Offset,
    stable_end: Offset,
    probe: Option<&MarkerProbe>,
) -> Option<RecordsLeft> {
    // What will be read next after a committed offset beyond the end is not known.
    if parts.ahead > 0 {
        return None;
    }
    if parts.backlog() == 0 {
        return Some(RecordsLeft::Exactly(0));
    }
    if parts.held_back > 0 {
        return None;
    }
    match probe {
        Some(probe) if probe.from == committed && probe.reached == stable_end => {
            Some(RecordsLeft::Exactly(probe.records))
        }
        _ => (parts.readable <= MAX_OFFSETS_TO_PROBE).then_some(RecordsLeft::AtMost(parts.readable)),
    }
}

/// Whether a partition is worth a probe: few offsets are left, and its end has not moved for two looks.
#[must_use]
pub fn worth_a_probe(parts: &LagParts, looks_unmoved: u32, left: Option<RecordsLeft>) -> bool {
    (1..=MAX_OFFSETS_TO_PROBE).contains(&parts.readable)
        && looks_unmoved >= LOOKS_UNMOVED
        && !matches!(left, Some(RecordsLeft::Exactly(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(raw: i64) -> Offset {
        Offset::new(raw).unwrap()
    }

    #[test]
    fn a_probe_that_finds_nothing_means_caught_up() {
        let parts = LagParts::split(at(9), at(0), at(10), at(10));
        assert_eq!(records_left(&parts, at(9), at(10), None), Some(RecordsLeft::AtMost(1)));
        let probe = MarkerProbe { from: at(9), reached: at(10), records: 0 };
        let left = records_left(&parts, at(9), at(10), Some(&probe));
        assert_eq!(left, Some(RecordsLeft::Exactly(0)));
        assert!(!worth_a_probe(&parts, 5, left));
    }

    #[test]
    fn a_committed_offset_beyond_the_end_does_not_mean_caught_up() {
        let parts = LagParts::split(at(12), at(0), at(10), at(10));
        assert_eq!(records_left(&parts, at(12), at(10), None), None);
    }

    #[test]
    fn a_probe_of_another_place_says_nothing() {
        let parts = LagParts::split(at(9), at(0), at(12), at(12));
        let probe = MarkerProbe { from: at(9), reached: at(10), records: 0 };
        assert_eq!(records_left(&parts, at(9), at(12), Some(&probe)), Some(RecordsLeft::AtMost(3)));
    }

    #[test]
    fn only_small_backlogs_behind_an_end_at_rest_are_probed() {
        let small = LagParts::split(at(9), at(0), at(12), at(12));
        assert!(!worth_a_probe(&small, 1, None));
        assert!(worth_a_probe(&small, 2, None));
        let large = LagParts::split(at(9), at(0), at(29), at(29));
        assert!(!worth_a_probe(&large, 2, None));
        let open = LagParts::split(at(9), at(0), at(9), at(12));
        assert!(!worth_a_probe(&open, 2, None));
        assert_eq!(records_left(&open, at(9), at(9), None), None);
    }
}
