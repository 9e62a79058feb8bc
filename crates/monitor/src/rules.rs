//! The rules that a user can change.

use crate::rebalance::{FLAPPING_COUNT, FLAPPING_WINDOW_MS};

/// The rules of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Rebalances within the window from which on a group is flapping.
    pub flapping_count: u32,
    /// The time in which rebalances are counted, in milliseconds.
    pub flapping_window_ms: i64,
    /// Whether partitions that a group has left count in neither totals nor verdicts.
    pub leaves_out_abandoned: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { flapping_count: FLAPPING_COUNT, flapping_window_ms: FLAPPING_WINDOW_MS, leaves_out_abandoned: true }
    }
}
