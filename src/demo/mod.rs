//! The demos: deterministic datasets of events on the embedded broker, and a simulated cluster to watch.

mod dataset;
mod event;
mod schedule;
mod seed;
mod skew;
mod watch;

pub use dataset::Datasets;
pub use seed::{DemoError, SeedReport, seed};
pub use skew::{Exponent, Skew, SkewError};
pub use watch::{FASTER, MOST_VERDICTS_AFTER, WatchDemo, watched_groups};
