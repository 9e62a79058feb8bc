//! What librdkafka can do and rdkafka does not wrap, behind safe types. The only module with `unsafe` in it.

#![allow(unsafe_code, reason = "calls librdkafka's C functions; every block states why it is sound")]

mod batch;
pub(super) mod mock;
mod note;
pub(super) mod topics;

pub use batch::{Fetched, PartitionForwarder, RawRecord, RecordQueue};
pub use note::committed_note;
