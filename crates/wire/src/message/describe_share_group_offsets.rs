//! Start offsets and lag of share groups.

use super::request;
use crate::codec::wire_structs;
use crate::topic_id::TopicId;

wire_structs! {
    struct DescribeShareGroupOffsetsRequest {
        groups: Vec<GroupRequest>;
    }

    struct GroupRequest {
        group_id: String;
        /// All partitions if null.
        topics: Option<Vec<TopicRequest>>;
    }

    struct TopicRequest {
        topic_name: String;
        partitions: Vec<i32>;
    }

    struct DescribeShareGroupOffsetsResponse {
        throttle_time_ms: i32;
        groups: Vec<GroupResponse>;
    }

    struct GroupResponse {
        group_id: String;
        topics: Vec<TopicResponse>;
        error_code: i16;
        error_message: Option<String>;
    }

    struct TopicResponse {
        topic_name: String;
        topic_id: TopicId;
        partitions: Vec<PartitionResponse>;
    }

    struct PartitionResponse {
        partition_index: i32;
        /// -1 if the group has no start offset yet.
        start_offset: i64;
        leader_epoch: i32;
        /// -1 if unknown (KIP-1226).
        lag: i64 => 1.. else -1;
        error_code: i16;
        error_message: Option<String>;
    }
}

request!(DescribeShareGroupOffsets, DescribeShareGroupOffsetsRequest => DescribeShareGroupOffsetsResponse);
