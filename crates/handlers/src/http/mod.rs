//! `http`: sends records to a URL, one or several per request. Requests and the meaning of answers are described in
//! docs/http.md.
//!
//! A worker sends one request after another, so the records of a lane arrive in order. Workers send in parallel.

mod answer;
#[cfg(test)]
mod answer_test;
mod backoff_gate;
mod client;
mod endpoint;
mod handlers;
mod parcel;
mod request;
mod retry_after;
mod settings;
mod shared;
mod size;
#[cfg(test)]
mod testing;
mod tls;
#[cfg(test)]
mod tls_test;
mod worker;
#[cfg(test)]
mod worker_test;

pub(super) use handlers::HttpHandlers;
pub use settings::{Body, HttpSettings, Method, OnDenied};
