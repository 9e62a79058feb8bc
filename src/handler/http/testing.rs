//! An HTTP server for unit tests, shared with the integration tests.

#[path = "../../../tests/support/endpoint.rs"]
mod endpoint;

pub(super) use endpoint::{Endpoint, Reply, Request, Wrap, status};
