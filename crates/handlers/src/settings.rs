//! The settings of all handlers: one table of the configuration for each.

#[cfg(feature = "exec")]
use super::exec::ExecSettings;
#[cfg(feature = "files")]
use super::files::ExportSettings;
#[cfg(feature = "http")]
use super::http::HttpSettings;
#[cfg(feature = "projection")]
use super::projection::ProjectionSettings;
#[cfg(feature = "topic")]
use super::topic::TopicSettings;

/// The settings of all handlers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HandlerSettings {
    /// `[projection]`
    #[cfg(feature = "projection")]
    pub projection: ProjectionSettings,
    /// `[topic]`
    #[cfg(feature = "topic")]
    pub topic: TopicSettings,
    /// `[exec]`
    #[cfg(feature = "exec")]
    pub exec: ExecSettings,
    /// `[http]`
    #[cfg(feature = "http")]
    pub http: HttpSettings,
    /// `[export]`
    #[cfg(feature = "files")]
    pub export: ExportSettings,
}
