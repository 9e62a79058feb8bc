//! The export of metrics, for all commands that have it.

use super::CliError;
use crate::{
    config::Config,
    metrics::{MetricsError, MetricsServer, ServedMetrics, Sources},
};

/// Begins to listen, if an address is configured. To be called before anything is contacted.
///
/// # Errors
/// [`CliError::Usage`] if the settings or the address cannot be used.
pub(super) fn bind(config: &Config) -> Result<Option<MetricsServer>, CliError> {
    MetricsServer::bind(&config.metrics).map_err(|error| match error {
        MetricsError::Settings(_) | MetricsError::Bind { .. } => CliError::Usage(error.to_string()),
        MetricsError::Start(_) => CliError::Failed(error.to_string()),
    })
}

/// Answers requests until the result is dropped.
///
/// # Errors
/// [`CliError::Failed`] if the thread cannot be started.
pub(super) fn serve(server: Option<MetricsServer>, sources: Sources) -> Result<Option<ServedMetrics>, CliError> {
    let started = server.map(|server| server.serve(sources)).transpose();
    started.map_err(|error| CliError::Failed(error.to_string()))
}
