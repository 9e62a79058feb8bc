//! Positions stored in the target together with its effects: claiming partitions, and where reading starts.
//!
//! Before the first record of a partition, the handler claims it. From then on the target rejects writes of earlier
//! owners, and it returns its position. That position takes precedence over journal and group, unless it belongs to
//! another log.

mod claim;
mod logs;
mod reading;
mod start_position;
mod view;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Instant,
};

use parking_lot::Mutex;

use crate::handler::Logs;

pub use self::{
    claim::{CLAIM_TIMEOUT, claim},
    reading::{spawn_claiming_readers, take_over},
    start_position::{StartEvents, StartPosition},
    view::PositionsView,
};

/// The claims of a run.
#[derive(Debug, Default)]
pub struct Claims {
    /// The number of pending claims. Callers may have stopped waiting for some of them.
    pending: Arc<AtomicUsize>,
    last: Mutex<Option<Instant>>,
    /// The identity of the run's logs, as far as it was looked up.
    logs: Mutex<Logs>,
    /// The cluster is recreated for each run, so its ids and topic ids say nothing about its records.
    pub is_ephemeral_cluster: bool,
}

impl Claims {
    /// Whether a handler is still claiming partitions.
    #[must_use]
    pub fn are_pending(&self) -> bool {
        self.pending.load(Relaxed) > 0
    }

    /// When partitions were last claimed.
    #[must_use]
    pub fn last(&self) -> Option<Instant> {
        *self.last.lock()
    }
}
