//! What the tests of all crates share: a real broker, records on it, Kafka's own tools, databases, a schema registry,
//! waits with a deadline, sessions of the engine, and the real `kreplay` binary as a plain process or in a terminal.
//!
//! All functions block. In an async test call them through `spawn_blocking`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "this is test code: a panic with a clear sentence is how it fails a test"
)]
#![allow(missing_docs, reason = "fields and methods of test helpers say what they are by their names")]

pub mod admin_requests;
pub mod broker;
pub mod build;
pub mod cluster;
pub mod consume;
pub mod container;
pub mod endpoint;
pub mod groups;
pub mod guardian;
pub mod jvm;
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
pub mod sessions;
pub mod timeouts;
pub mod tool_limits;
mod topics;
pub mod wait;
