//! The settings of topics or brokers.

use super::request;
use crate::codec::wire_structs;

/// A topic, by its name.
pub(crate) const TOPIC_RESOURCE: i8 = 2;
/// A broker, by its id.
pub(crate) const BROKER_RESOURCE: i8 = 4;

wire_structs! {
    struct DescribeConfigsRequest {
        resources: Vec<ResourceRequest>;
        include_synonyms: bool;
        include_documentation: bool;
    }

    struct ResourceRequest {
        resource_type: i8;
        resource_name: String;
        /// All settings if null.
        configuration_keys: Option<Vec<String>>;
    }

    struct DescribeConfigsResponse {
        throttle_time_ms: i32;
        results: Vec<ResourceResponse>;
    }

    struct ResourceResponse {
        error_code: i16;
        error_message: Option<String>;
        resource_type: i8;
        resource_name: String;
        configs: Vec<ConfigEntry>;
    }

    struct ConfigEntry {
        name: String;
        /// Null if the value is sensitive.
        value: Option<String>;
        read_only: bool;
        config_source: i8;
        is_sensitive: bool;
        synonyms: Vec<ConfigSynonym>;
        config_type: i8;
        documentation: Option<String>;
    }

    struct ConfigSynonym {
        name: String;
        value: Option<String>;
        source: i8;
    }
}

request!(DescribeConfigs, DescribeConfigsRequest => DescribeConfigsResponse);
