//! The settings of all handlers: one table of the configuration for each.

use super::{
    exec::ExecSettings, files::ExportSettings, http::HttpSettings, projection::ProjectionSettings, topic::TopicSettings,
};

/// The settings of all handlers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HandlerSettings {
    /// `[projection]`
    pub projection: ProjectionSettings,
    /// `[topic]`
    pub topic: TopicSettings,
    /// `[exec]`
    pub exec: ExecSettings,
    /// `[http]`
    pub http: HttpSettings,
    /// `[export]`
    pub export: ExportSettings,
}
