//! `http`: each record, or many at once, in a request to an address; docs/http.md says what is sent and what answers mean.
//!
//! A worker sends one request after the other, so that the records of a lane arrive in their order; side by side go the
//! workers.

mod answer;
#[cfg(test)]
mod answer_test;
mod client;
mod endpoint;
mod gate;
mod parcel;
mod request;
mod retry_after;
mod settings;
mod size;
mod source;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tls_test;
mod worker;
#[cfg(test)]
mod worker_test;

pub use settings::{Body, HttpSettings, Method, OnDenied};
pub(super) use source::HttpSource;
