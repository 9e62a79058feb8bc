//! What a run leaves on disk, so that another process can go on where it was interrupted.
//!
//! Each run has a file of its own: an `SQLite` database in the state directory, written by one process at a time. A
//! checkpoint is one transaction with everything a run needs to go on: for each partition the position, what is handled
//! above it, the counters and the key groups that changed. Beside it stand short-lived files that say which records were
//! handed to a handler since ([`BegunLog`]): after `kill -9` those may be handled a second time, and are counted.
//!
//! Every row carries a checksum, and the parts of a run are checked against each other, before anything is believed.

mod begun;
mod check;
mod code;
mod error;
mod figures;
mod files;
mod list;
mod lock;
mod open;
mod repeats;
mod store;
#[cfg(test)]
mod store_test;
pub(crate) mod varint;

pub use begun::{BegunLog, Settled, Ticket};
pub use check::{Change, TopicNow};
pub use error::JournalError;
pub use figures::{
    CondemnedKey, Counters, Figures, GroupEntry, GroupsChange, Head, PartitionChange, PartitionPlan, PartitionState,
    TopicPlan,
};
pub use files::Journals;
pub use list::{Entry, Status, Summary};
pub use open::{Journal, Stored, StoredPartition};
pub use repeats::Repeats;
