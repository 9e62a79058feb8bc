//! Safe wrappers for librdkafka functions that rdkafka does not expose. The only module that contains `unsafe` code.

#![allow(unsafe_code, reason = "calls librdkafka's C functions; every block states why it is sound")]

mod admin_request;
mod arrival;
mod batch;
mod commit;
mod commit_metadata;
mod ends;
mod fetched;
pub(super) mod group_description;
pub(super) mod group_offsets;
pub(super) mod groups;
mod header;
pub(super) mod log_offsets;
pub(super) mod mock;
mod position;
mod queue_handle;
pub(super) mod topics;

pub use arrival::Arrival;
pub use batch::{PartitionForwarder, RecordQueue};
pub use commit::commit_async;
pub use commit_metadata::committed_note;
pub use fetched::{Fetched, RawRecord};
pub use group_offsets::committed_by;
pub use header::add_header;
pub use position::find_positions;
