//! The choice of a SASL mechanism, and its messages.

use super::{Request, Response};
use crate::api::Api;
use crate::codec::{SecretBytes, wire_structs};

wire_structs! {
    struct SaslHandshakeRequest {
        mechanism: String;
    }

    struct SaslHandshakeResponse {
        error_code: i16;
        /// The mechanisms that the broker has enabled.
        mechanisms: Vec<String>;
    }

    struct SaslAuthenticateRequest {
        auth_bytes: SecretBytes;
    }

    struct SaslAuthenticateResponse {
        error_code: i16;
        error_message: Option<String>;
        auth_bytes: SecretBytes;
        /// The broker closes a connection that is used after this time. Zero is no limit.
        session_lifetime_ms: i64;
    }
}

impl Request for SaslHandshakeRequest {
    const API: Api = Api::SaslHandshake;
    type Response = SaslHandshakeResponse;
}

impl Response for SaslHandshakeResponse {
    fn throttle_time_ms(&self) -> i32 {
        0
    }
}

impl Request for SaslAuthenticateRequest {
    const API: Api = Api::SaslAuthenticate;
    type Response = SaslAuthenticateResponse;
}

impl Response for SaslAuthenticateResponse {
    fn throttle_time_ms(&self) -> i32 {
        0
    }
}
