//! What a built-in handler is opened with.

use std::ops::Deref;

use kreplay_engine::handler::HandlerContext;

use crate::HandlerSettings;

/// A run's context and the settings of the handlers' tables.
#[derive(Clone)]
pub(crate) struct HandlerSetup {
    pub(crate) context: HandlerContext,
    #[cfg_attr(
        not(any(feature = "exec", feature = "files", feature = "http", feature = "projection", feature = "topic")),
        allow(dead_code, reason = "only handlers that are features have settings")
    )]
    pub(crate) settings: HandlerSettings,
}

impl Deref for HandlerSetup {
    type Target = HandlerContext;

    fn deref(&self) -> &HandlerContext {
        &self.context
    }
}

#[cfg(test)]
impl HandlerSetup {
    /// The given partitions, and defaults for everything else.
    pub(crate) fn testing(partitions: &[kreplay_model::domain::TopicPartition]) -> Self {
        Self { context: HandlerContext::testing(partitions), settings: HandlerSettings::default() }
    }
}
