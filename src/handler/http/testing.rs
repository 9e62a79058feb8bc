//! A server of HTTP for tests, the same as those on a real broker have.

#[path = "../../../tests/support/endpoint.rs"]
mod endpoint;

pub(super) use endpoint::{Endpoint, Reply, Request, Wrap, status};
