//! The requests and responses of the protocol, field by field as in the schemas of kafka-clients 4.3.1
//! (`common/message/*.json`).
//!
//! These types are the wire format only. The client converts them to those of [`crate::types`].

pub(crate) mod api_versions;
pub(crate) mod consumer_group_describe;
pub(crate) mod consumer_protocol;
pub(crate) mod describe_configs;
pub(crate) mod describe_groups;
pub(crate) mod describe_producers;
pub(crate) mod describe_share_group_offsets;
pub(crate) mod describe_transactions;
pub(crate) mod find_coordinator;
#[cfg(test)]
mod fixture_test;
pub(crate) mod list_groups;
pub(crate) mod list_offsets;
pub(crate) mod list_transactions;
pub(crate) mod metadata;
pub(crate) mod offset_fetch;
#[cfg(test)]
mod round_trip_test;
pub(crate) mod sasl;
pub(crate) mod share_group_describe;
pub(crate) mod streams_group_describe;

use crate::api::Api;
use crate::codec::Wire;

/// A request and the type of its response.
pub(crate) trait Request: Wire {
    const API: Api;
    type Response: Response;

    /// The lowest version that expresses what this request asks for.
    fn min_version(&self) -> i16 {
        Self::API.versions().min
    }
}

/// A response.
pub(crate) trait Response: Wire {
    /// For how long the broker delays the client because of a quota, in milliseconds.
    fn throttle_time_ms(&self) -> i32;
}

/// Connects a request with its response.
macro_rules! request {
    ($api:ident, $request:ident => $response:ident $(, min_version $min_version:expr)?) => {
        impl $crate::message::Request for $request {
            const API: $crate::api::Api = $crate::api::Api::$api;
            type Response = $response;

            $(
                fn min_version(&self) -> i16 {
                    let min_version: fn(&Self) -> i16 = $min_version;
                    min_version(self)
                }
            )?
        }

        impl $crate::message::Response for $response {
            fn throttle_time_ms(&self) -> i32 {
                self.throttle_time_ms
            }
        }
    };
}

use request;
