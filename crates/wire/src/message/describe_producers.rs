//! The producers that have written to partitions.

use super::request;
use crate::codec::wire_structs;

wire_structs! {
    struct DescribeProducersRequest {
        topics: Vec<TopicRequest>;
    }

    struct TopicRequest {
        name: String;
        partition_indexes: Vec<i32>;
    }

    struct DescribeProducersResponse {
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
        error_message: Option<String>;
        active_producers: Vec<ProducerState>;
    }

    struct ProducerState {
        producer_id: i64;
        producer_epoch: i32;
        last_sequence: i32;
        last_timestamp: i64;
        coordinator_epoch: i32;
        /// -1 if no transaction is open.
        current_txn_start_offset: i64;
    }
}

request!(DescribeProducers, DescribeProducersRequest => DescribeProducersResponse);
