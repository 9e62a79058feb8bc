//! The coordinators of groups or transactional ids.

use super::request;
use crate::codec::wire_structs;

wire_structs! {
    struct FindCoordinatorRequest {
        /// 0 for groups, 1 for transactional ids.
        key_type: i8;
        coordinator_keys: Vec<String>;
    }

    struct FindCoordinatorResponse {
        throttle_time_ms: i32;
        coordinators: Vec<Coordinator>;
    }

    struct Coordinator {
        key: String;
        node_id: i32;
        host: String;
        port: i32;
        error_code: i16;
        error_message: Option<String>;
    }
}

request!(FindCoordinator, FindCoordinatorRequest => FindCoordinatorResponse);
