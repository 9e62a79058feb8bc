//! The committed offsets of groups.
//!
//! Version 10 replaces topic names by topic ids. It is not used: a committed offset of a topic that was deleted has a
//! name, but no id.

use super::request;
use crate::codec::wire_structs;

wire_structs! {
    struct OffsetFetchRequest {
        groups: Vec<GroupRequest>;
        /// Fails offsets with an open transactional commit, instead of returning those before it.
        require_stable: bool;
    }

    struct GroupRequest {
        group_id: String;
        member_id: Option<String> => 9.. else None;
        member_epoch: i32 => 9.. else -1;
        /// All topics if null.
        topics: Option<Vec<TopicRequest>>;
    }

    struct TopicRequest {
        name: String;
        partition_indexes: Vec<i32>;
    }

    struct OffsetFetchResponse {
        throttle_time_ms: i32;
        groups: Vec<GroupResponse>;
    }

    struct GroupResponse {
        group_id: String;
        topics: Vec<TopicResponse>;
        error_code: i16;
    }

    struct TopicResponse {
        name: String;
        partitions: Vec<PartitionResponse>;
    }

    struct PartitionResponse {
        partition_index: i32;
        /// -1 if none is committed.
        committed_offset: i64;
        committed_leader_epoch: i32;
        metadata: Option<String>;
        error_code: i16;
    }
}

request!(OffsetFetch, OffsetFetchRequest => OffsetFetchResponse);
