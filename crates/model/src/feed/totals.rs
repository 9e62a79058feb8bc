//! The counts of a run, and the share of its plan that is settled.

use serde::{Deserialize, Serialize};

use crate::domain::Lag;

/// Counts over the whole run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Records handled.
    pub handled: u64,
    /// Their bytes (key and value).
    pub bytes: u64,
    /// The number of lanes with records: key groups, partitions, or records, depending on the ordering.
    pub lanes: u64,
    /// Records that the selection's filter left out.
    pub filtered: u64,
    /// Records for which the key template produced no key. They are handled in partition order.
    #[serde(default)]
    pub unkeyed: u64,
    /// Records that a filter rule could not judge, such as values that are not JSON, and that did not fail for it.
    #[serde(default)]
    pub unjudged: u64,
    /// The unjudged records that were dropped; the others were handled.
    #[serde(default)]
    pub unjudged_dropped: u64,
    /// The number of retries.
    pub retried: u64,
    /// Records written to a dead-letter topic.
    pub dead_lettered: u64,
    /// Records that failed for good and were skipped.
    pub skipped: u64,
    /// The sum of `already_handled` and `repeated`.
    pub duplicates: u64,
    /// Records that were read but not handled again, because this or another process had handled them.
    #[serde(default)]
    pub already_handled: u64,
    /// Records that were, or may have been, handled again: a process was killed after it had started handling them.
    #[serde(default)]
    pub repeated: u64,
    /// Barriers: records handled alone.
    #[serde(default)]
    pub barriers: u64,
    /// Offsets that retention deleted before they were read, and that were skipped.
    #[serde(default)]
    pub lost: u64,
    /// The offsets left up to the plan's ends, over all partitions with a known position.
    pub lag: Lag,
    /// The offsets above the positions that are already settled.
    #[serde(default)]
    pub ahead: u64,
}

/// The settled share of `planned` offsets, 0 to 1: those below the position, and those ahead of it.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "precise enough for a ratio")]
pub(super) fn progress_of(lag: Lag, ahead: u64, planned: u64) -> f64 {
    match lag {
        Lag::Unknown => 0.0,
        Lag::Known(0) => 1.0,
        Lag::Known(_) if planned == 0 => 1.0,
        // Below 1 until the position reaches the end, whatever the counts are.
        Lag::Known(lag) => {
            let dealt_with = planned.saturating_sub(lag.saturating_sub(ahead));
            (dealt_with as f64 / planned as f64).min(0.999)
        }
    }
}
