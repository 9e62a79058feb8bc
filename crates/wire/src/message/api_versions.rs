//! The versions that a broker supports.

use super::request;
use crate::codec::wire_structs;

wire_structs! {
    struct ApiVersionsRequest {
        client_software_name: String => 3.. else String::new();
        client_software_version: String => 3.. else String::new();
    }

    /// Supported and finalized features follow as tagged fields, which are skipped.
    struct ApiVersionsResponse {
        error_code: i16;
        api_keys: Vec<ApiVersion>;
        throttle_time_ms: i32 => 1.. else 0;
    }

    struct ApiVersion {
        api_key: i16;
        min_version: i16;
        max_version: i16;
    }
}

request!(ApiVersions, ApiVersionsRequest => ApiVersionsResponse);
