//! The demos: deterministic datasets of events on the embedded broker, and a simulated cluster to watch.

mod dataset;
mod event;
mod event_times;
mod schedule;
mod seed;
mod skew;
mod time_range;
mod watch;

pub use dataset::Datasets;
pub use event_times::{EventTimes, events_before};
pub use seed::{DemoError, SeedReport, seed};
pub use skew::{Exponent, Skew, SkewError};
pub use time_range::with_offsets;
pub use watch::{FASTER, MOST_VERDICTS_AFTER, WatchDemo, watched_groups};
