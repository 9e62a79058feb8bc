//! The HTTP server from which Prometheus reads the metrics of a run or of a watch.

mod access;
mod address;
mod respond;
mod server;
#[cfg(test)]
mod server_test;
mod settings;
mod sources;
mod tls;

pub use address::MetricsAddress;
pub use server::{MetricsError, MetricsServer, ServedMetrics};
pub use settings::MetricsSettings;
pub use sources::Sources;
