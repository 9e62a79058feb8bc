//! The groups of one coordinator.

use super::request;
use crate::codec::wire_structs;

wire_structs! {
    struct ListGroupsRequest {
        /// All states if empty.
        states_filter: Vec<String>;
        /// All types if empty.
        types_filter: Vec<String> => 5.. else Vec::new();
    }

    struct ListGroupsResponse {
        throttle_time_ms: i32;
        error_code: i16;
        groups: Vec<ListedGroup>;
    }

    struct ListedGroup {
        group_id: String;
        protocol_type: String;
        group_state: String;
        group_type: String => 5.. else String::new();
    }
}

request!(
    ListGroups,
    ListGroupsRequest => ListGroupsResponse,
    min_version |request| if request.types_filter.is_empty() { 4 } else { 5 }
);
