//! Groups of the consumer protocol (KIP-848) with their members.

use super::request;
use crate::codec::wire_structs;
use crate::topic_id::TopicId;

wire_structs! {
    struct ConsumerGroupDescribeRequest {
        group_ids: Vec<String>;
        include_authorized_operations: bool;
    }

    struct ConsumerGroupDescribeResponse {
        throttle_time_ms: i32;
        groups: Vec<DescribedGroup>;
    }

    struct DescribedGroup {
        error_code: i16;
        error_message: Option<String>;
        group_id: String;
        group_state: String;
        group_epoch: i32;
        assignment_epoch: i32;
        assignor_name: String;
        members: Vec<Member>;
        authorized_operations: i32;
    }

    struct Member {
        member_id: String;
        instance_id: Option<String>;
        rack_id: Option<String>;
        member_epoch: i32;
        client_id: String;
        client_host: String;
        subscribed_topic_names: Vec<String>;
        subscribed_topic_regex: Option<String>;
        assignment: Assignment;
        target_assignment: Assignment;
        /// -1 unknown, 0 classic, 1 consumer.
        member_type: i8 => 1.. else -1;
    }

    struct Assignment {
        topic_partitions: Vec<TopicPartitions>;
    }

    struct TopicPartitions {
        topic_id: TopicId;
        topic_name: String;
        partitions: Vec<i32>;
    }
}

request!(ConsumerGroupDescribe, ConsumerGroupDescribeRequest => ConsumerGroupDescribeResponse);
