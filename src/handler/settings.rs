//! The settings of all handlers: tables of their own in the configuration, since a handler's name holds little.

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
