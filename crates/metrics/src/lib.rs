//! Runs and watched consumer groups as metrics, in the text format of Prometheus (0.0.4) and in OpenMetrics.
//!
//! [`encode()`] turns the latest snapshots into text. It has no state, no clock, no I/O and no threads: what a snapshot
//! does not have any more, such as a deleted group, is not in the text either. A figure that is not known is absent.
//!
//! [`families`] lists everything that can be exported.

mod catalogue;
mod encode;
#[cfg(test)]
mod encode_test;
mod exposition;
mod family;
mod figure;
mod label;
mod level;
mod names;
mod options;
mod plan;
mod position;
mod sample;

pub use catalogue::families;
pub use encode::{EncodeError, Format, Observed, encode};
pub use family::{Family, Kind};
pub use level::Level;
pub use names::KnownNames;
pub use options::{DEFAULT_MAX_SERIES, MetricsOptions, Prefix};
