//! Classic groups with their members.

use super::request;
use crate::codec::wire_structs;

wire_structs! {
    struct DescribeGroupsRequest {
        groups: Vec<String>;
        include_authorized_operations: bool;
    }

    struct DescribeGroupsResponse {
        throttle_time_ms: i32;
        groups: Vec<DescribedGroup>;
    }

    struct DescribedGroup {
        error_code: i16;
        error_message: Option<String> => 6.. else None;
        group_id: String;
        group_state: String;
        protocol_type: String;
        /// The assignor; empty unless the group is stable.
        protocol_data: String;
        members: Vec<DescribedGroupMember>;
        authorized_operations: i32;
    }

    struct DescribedGroupMember {
        member_id: String;
        group_instance_id: Option<String>;
        client_id: String;
        client_host: String;
        /// In the format of the protocol type; empty unless the group is stable.
        member_metadata: Vec<u8>;
        /// In the format of the protocol type; empty unless the group is stable.
        member_assignment: Vec<u8>;
    }
}

request!(DescribeGroups, DescribeGroupsRequest => DescribeGroupsResponse);
