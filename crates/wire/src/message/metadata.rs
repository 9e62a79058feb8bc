//! Brokers, topics and partition leaders.

use super::request;
use crate::codec::wire_structs;
use crate::topic_id::TopicId;

wire_structs! {
    struct MetadataRequest {
        /// All topics if null, none if empty.
        topics: Option<Vec<TopicRequest>>;
        allow_auto_topic_creation: bool;
        include_topic_authorized_operations: bool;
    }

    struct TopicRequest {
        /// Zero if the topic is asked for by its name.
        topic_id: TopicId;
        name: Option<String>;
    }

    struct MetadataResponse {
        throttle_time_ms: i32;
        brokers: Vec<Broker>;
        cluster_id: Option<String>;
        controller_id: i32;
        topics: Vec<Topic>;
        error_code: i16 => 13.. else 0;
    }

    struct Broker {
        node_id: i32;
        host: String;
        port: i32;
        rack: Option<String>;
    }

    struct Topic {
        error_code: i16;
        name: Option<String>;
        topic_id: TopicId;
        is_internal: bool;
        partitions: Vec<Partition>;
        topic_authorized_operations: i32;
    }

    struct Partition {
        error_code: i16;
        partition_index: i32;
        leader_id: i32;
        leader_epoch: i32;
        replica_nodes: Vec<i32>;
        isr_nodes: Vec<i32>;
        offline_replicas: Vec<i32>;
    }
}

request!(Metadata, MetadataRequest => MetadataResponse);
