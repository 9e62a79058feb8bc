//! An HTTP server for unit tests, shared with the integration tests.

pub(super) use kreplay_testkit::endpoint::{Endpoint, Reply, Request, Wrap, status};
