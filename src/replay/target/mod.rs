//! Positions that the target keeps, together with its effects: taking partitions over, and where they begin then.
//!
//! Before the first record of a partition the handler claims it: from there on the target refuses what an earlier owner still
//! wants to write, and says where it stands. That wins over journal and group, unless it was another log.

mod beginning;
mod claim;
mod logs;
mod reading;
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
    beginning::{Beginning, Differences},
    claim::{CLAIM_WAIT, claim},
    reading::{spawn_claiming_readers, take_over},
    view::PositionsView,
};

/// The claims of a run.
#[derive(Debug, Default)]
pub struct Claims {
    /// How many are under way; some of them may have been given up by those who asked.
    under_way: Arc<AtomicUsize>,
    last: Mutex<Option<Instant>>,
    /// What tells the logs of the run from others of the same names, as far as it was looked up.
    logs: Mutex<Logs>,
    /// The cluster is made anew for each run: what it calls itself and its topics says nothing of what is in them.
    pub unnamed: bool,
}

impl Claims {
    /// Whether a handler is still taking partitions over.
    #[must_use]
    pub fn are_under_way(&self) -> bool {
        self.under_way.load(Relaxed) > 0
    }

    /// When partitions were taken over last.
    #[must_use]
    pub fn last(&self) -> Option<Instant> {
        *self.last.lock()
    }
}
