//! Shared by the integration tests: a real broker, records on it, Kafka's own tools, and the real `kreplay` binary as a
//! plain process or in a terminal. A test binary includes it with `mod support;`.
//!
//! All functions block. In an async test call them through `spawn_blocking`.
#![allow(dead_code, reason = "each test binary compiles this module and uses only the part that it needs")]
#![allow(unreachable_pub, reason = "a test binary has no outside; `pub` marks what tests may use")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "this is test code: a panic with a clear sentence is how it fails a test"
)]

pub mod broker;
pub mod consume;
pub mod container;
pub mod endpoint;
pub mod guardian;
pub mod local;
pub mod outage;
pub mod pooler;
pub mod postgres;
pub mod process;
pub mod produce;
pub mod pty;
pub mod random;
pub mod registry;
pub mod server;
pub mod wait;
