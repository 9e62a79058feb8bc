//! The topic `__consumer_offsets`, in which brokers store groups and their committed offsets.
//!
//! Each group is in one partition ([`partition_of`]). [`decode()`] reads one record: an offset, or a part of a group's
//! state. A record replaces the one before it with the same key, and the topic is compacted: of the records with one
//! key only the last is certain to be there. Types, versions and fields are those of the schemas in
//! kafka-group-coordinator 4.3.1 (`common/message/*Key.json` and `*Value.json`).

mod decode;
mod partition;
mod record;
mod value;

#[cfg(test)]
mod decode_test;

pub use decode::{RecordError, decode};
pub use partition::{OFFSETS_TOPIC, partition_of};
pub use record::{Change, Generation, GroupRecord, MemberAssignment, MemberMetadata, StoredCommit, StoredMember};
