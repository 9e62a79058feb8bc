//! Share groups (KIP-932) with their members.

use super::consumer_group_describe::Assignment;
use super::request;
use crate::codec::wire_structs;

wire_structs! {
    struct ShareGroupDescribeRequest {
        group_ids: Vec<String>;
        include_authorized_operations: bool;
    }

    struct ShareGroupDescribeResponse {
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
        rack_id: Option<String>;
        member_epoch: i32;
        client_id: String;
        client_host: String;
        subscribed_topic_names: Vec<String>;
        assignment: Assignment;
    }
}

request!(ShareGroupDescribe, ShareGroupDescribeRequest => ShareGroupDescribeResponse);
