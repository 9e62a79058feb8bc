//! The rules that a user can change.

/// Rebalances within [`FLAPPING_WINDOW_MS`] from which on a group is flapping, unless set otherwise.
pub const FLAPPING_COUNT: u32 = 3;

/// The time in which rebalances are counted, in milliseconds, unless set otherwise: 10 minutes.
pub const FLAPPING_WINDOW_MS: i64 = 600_000;

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
