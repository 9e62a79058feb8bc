//! Rebalances, from what two looks at a group say, and from its history if there is one.
//!
//! Groups with epochs count exactly: each rebalance raises the group epoch, even one that began and ended between two
//! looks. Of classic groups, states and member sets show that there was at least one.

mod flapping;
mod moves;
mod tracker;
#[cfg(test)]
mod tracker_test;
mod unsettled;

pub use moves::moved;
pub use tracker::{DEFAULT_REBALANCE_TIMEOUT_MS, MAX_HISTORY, RebalanceEvent, Rebalances};
pub(crate) use tracker::{Past, RecordedRebalances};
pub use unsettled::{is_settled, waiting_for};
