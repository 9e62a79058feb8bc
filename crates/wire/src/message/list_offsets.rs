//! Offsets by time, or at the ends of a log.

use super::request;
use crate::codec::wire_structs;

wire_structs! {
    struct ListOffsetsRequest {
        /// -1 for a client.
        replica_id: i32;
        /// 0 for read uncommitted, 1 for read committed.
        isolation_level: i8;
        topics: Vec<TopicRequest>;
        /// For how long the broker may wait for remote storage.
        timeout_ms: i32 => 10.. else 0;
    }

    struct TopicRequest {
        name: String;
        partitions: Vec<PartitionRequest>;
    }

    struct PartitionRequest {
        partition_index: i32;
        /// -1 if unknown.
        current_leader_epoch: i32;
        /// A time in milliseconds since 1970, or a negative number with a meaning of its own.
        timestamp: i64;
    }

    struct ListOffsetsResponse {
        throttle_time_ms: i32;
        topics: Vec<TopicResponse>;
    }

    struct TopicResponse {
        name: String;
        partitions: Vec<PartitionResponse>;
    }

    struct PartitionResponse {
        partition_index: i32;
        error_code: i16;
        /// -1 if the offset has none.
        timestamp: i64;
        /// -1 if there is none.
        offset: i64;
        leader_epoch: i32;
    }
}

/// The version that introduced a negative timestamp.
fn version_of(timestamp: i64) -> i16 {
    match timestamp {
        -4 => 8,
        -5 => 9,
        -6 => 11,
        _ => 7,
    }
}

request!(
    ListOffsets,
    ListOffsetsRequest => ListOffsetsResponse,
    min_version |request| {
        let partitions = request.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| version_of(partition.timestamp)).max().unwrap_or(7)
    }
);
