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
mod testing {
    use std::sync::Arc;

    use kreplay_engine::{decode::DecodeSettings, rules::Rules};
    use kreplay_model::domain::{Format, Formats, Record, TopicPartition};

    use super::*;

    impl HandlerSetup {
        /// The given partitions, and defaults for everything else.
        pub(crate) fn testing(partitions: &[TopicPartition]) -> Self {
            Self { context: HandlerContext::testing(partitions), settings: HandlerSettings::default() }
        }

        /// The given partitions, and keys and values in these formats.
        pub(crate) fn decoding(partitions: &[TopicPartition], formats: Formats) -> Self {
            let decoding = DecodeSettings { formats, ..DecodeSettings::default() };
            let mut setup = Self::testing(partitions);
            setup.context.rules = Arc::new(Rules { decoding: decoding.into(), ..Rules::default() });
            setup
        }

        /// The given partitions, and a record of the first one whose value needs a schema. No registry answers.
        pub(crate) fn without_registry(partitions: &[TopicPartition]) -> (Self, Record) {
            let formats = Formats { value: Format::Avro, ..Formats::default() };
            let mut record = crate::testing::record(0, 0, Some(b"k"), Some(b"\0\0\0\0\x01"), &[]);
            record.route.formats = formats;
            (Self::decoding(partitions, formats), record)
        }
    }
}
