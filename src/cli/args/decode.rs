//! Flags for decoding keys and values.

use clap::Args;
use kreplay_model::domain::Format;

use super::{put, put_list};
use crate::config::Overrides;

/// Flags for decoding keys and values.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Decoding")]
pub struct DecodeArgs {
    /// Decode values as FORMAT; a record whose value is not in this format fails
    /// [default: treat values that are valid JSON as JSON]
    ///
    /// With registry, the schema in the registry determines the format: avro, protobuf or json-schema.
    #[arg(long, value_name = "FORMAT", value_parser = Format::ALL.map(Format::as_str))]
    #[allow(clippy::doc_markdown, reason = "the text of --help")]
    pub decode: Option<String>,
    /// Decode keys as FORMAT; filters, ordering and templates then use the decoded key [default: raw bytes]
    #[arg(long, value_name = "FORMAT", value_parser = Format::ALL.map(Format::as_str))]
    pub decode_key: Option<String>,
    /// Decode the values of matching topics as FORMAT: PATTERN=FORMAT, such as orders.*=avro; can be repeated
    #[arg(long, value_name = "TOPIC=FORMAT")]
    pub decode_topic: Vec<String>,
    /// Schema registry: comma-separated http://HOST:PORT or https://HOST:PORT addresses of one registry
    #[arg(long, value_name = "URL")]
    pub schema_registry: Option<String>,
}

impl DecodeArgs {
    /// The first given flag that requires a cluster.
    pub(in crate::cli) fn needs_a_cluster(&self) -> Option<&'static str> {
        [
            ("--decode", self.decode.is_some()),
            ("--decode-key", self.decode_key.is_some()),
            ("--decode-topic", !self.decode_topic.is_empty()),
            ("--schema-registry", self.schema_registry.is_some()),
        ]
        .into_iter()
        .find_map(|(flag, given)| given.then_some(flag))
    }

    pub(in crate::cli) fn put(&self, into: &mut Overrides) {
        put(into, "--decode", "decode.value", self.decode.as_ref());
        put(into, "--decode-key", "decode.key", self.decode_key.as_ref());
        put_list(into, "--decode-topic", "decode.topics", &self.decode_topic);
        put(into, "--schema-registry", "decode.schema_registry", self.schema_registry.as_ref());
    }
}
