//! A read-only client for Kafka's describe and list requests.
//!
//! librdkafka knows neither share nor streams groups, and drops epochs, subscriptions and several states of the groups
//! that it knows. This client sends the requests that show them, and no request that changes anything.
//!
//! - [`WireClient`] finds brokers, coordinators and leaders, keeps one connection to each broker, and retries what can
//!   succeed later. Its calls return plain values ([`types`]). An error of one group or partition does not affect the
//!   others.
//! - Each connection negotiates the versions of requests with its broker. A request that the broker does not know is
//!   [`WireError::Unsupported`].
//! - [`WireConfig::from_properties`] reads librdkafka's properties. What only librdkafka supports is a typed error.
//! - [`offsets_topic`] decodes the records in which brokers store groups and their committed offsets.
//!
//! The layers, from the bottom: `codec` (the binary encoding), `message` (requests and responses), `auth` and `tls`,
//! `connection` (one broker), `client` (the cluster).

mod address;
mod api;
mod auth;
mod budget;
mod client;
mod codec;
mod config;
mod connection;
mod error;
mod error_code;
mod member_data;
mod message;
pub mod offsets_topic;
mod tls;
mod topic_id;
mod traffic;
pub mod types;

pub use address::BrokerAddress;
pub use api::{Api, VersionRange};
pub use client::WireClient;
pub use codec::{DecodeError, EncodeError};
pub use config::{
    ConfigError, DEFAULT_DEADLINE, DEFAULT_MAX_RESPONSE_BYTES, DEFAULT_REQUESTS_PER_SECOND, SaslConfig, SaslMechanism,
    SecurityConfig, TlsConfig, WireConfig,
};
pub use error::WireError;
pub use error_code::ErrorCode;
pub use member_data::read_subscription;
pub use traffic::{Traffic, TrafficByApi};
