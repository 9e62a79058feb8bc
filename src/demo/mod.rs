//! What the demo replays: datasets of events on the embedded broker, the same ones each time.

mod dataset;
mod event;
mod schedule;
mod seed;
mod skew;

pub use dataset::Datasets;
pub use seed::{DemoError, SeedReport, seed};
pub use skew::{Exponent, Skew, SkewError};
