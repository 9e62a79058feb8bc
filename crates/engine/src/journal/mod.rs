//! The journal of a run: what it stores on disk so that another process can resume it.
//!
//! Each run has its own file: an `SQLite` database in the state directory, written by one process at a time. A
//! checkpoint is one transaction with everything needed to resume: for each partition its position, the settled offsets
//! above it, the counters, and the key groups that changed. Next to it are short-lived files that log which records
//! were passed to a handler since the last checkpoint ([`BegunLog`]). After `kill -9` those records may be handled
//! again, and are counted.
//!
//! Every row has a checksum, and the rows of a run are checked against each other before they are used.

mod begun;
mod check;
mod contents;
mod encoding;
mod error;
mod files;
mod list;
mod lock;
mod open;
mod repeats;
mod store;
#[cfg(test)]
mod store_test;

pub use begun::{BegunLog, Settled, Ticket};
pub use check::{ClusterChange, TopicNow};
pub use contents::{
    Counters, DiscardedKey, GroupEntry, GroupsChange, Head, JournalTotals, PartitionChange, PartitionPlan,
    PartitionState, TopicPlan,
};
pub use error::JournalError;
pub use files::Journals;
pub use list::{Entry, Status, Summary};
pub use open::{Journal, Stored, StoredPartition};
pub use repeats::Repeats;
