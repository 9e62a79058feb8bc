//! The settings of a client.

mod properties;
mod security;

use std::time::Duration;

pub use properties::ConfigError;
pub use security::{SaslConfig, SaslMechanism, SecurityConfig, TlsConfig};

use crate::address::BrokerAddress;

/// The number of requests per second to each broker, unless set otherwise.
pub const DEFAULT_REQUESTS_PER_SECOND: u32 = 20;
/// The largest response that is read, in bytes, unless set otherwise.
pub const DEFAULT_MAX_RESPONSE_BYTES: usize = 64 * 1024 * 1024;
/// How long a call may take with all its retries, unless set otherwise.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

/// The settings of a client.
#[derive(Clone, Debug)]
pub struct WireConfig {
    /// The brokers to ask for the others. Not empty.
    pub bootstrap: Vec<BrokerAddress>,
    /// The name of this client in the broker's logs and quotas.
    pub client_id: String,
    /// Encryption and authentication.
    pub security: SecurityConfig,
    /// How long one request may take. A connection on which a request takes longer is closed.
    pub request_timeout: Duration,
    /// How long a connection may take until it can be used, TLS and authentication included.
    pub connect_timeout: Duration,
    /// How long a call may take with all its retries.
    pub deadline: Duration,
    /// The largest number of requests per second to each broker. At least 1.
    pub requests_per_second: u32,
    /// The largest response that is read, in bytes.
    pub max_response_bytes: usize,
}
