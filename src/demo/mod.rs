//! The demo's data: deterministic datasets of events on the embedded broker.

mod dataset;
mod event;
mod schedule;
mod seed;
mod skew;

pub use dataset::Datasets;
pub use seed::{DemoError, SeedReport, seed};
pub use skew::{Exponent, Skew, SkewError};
