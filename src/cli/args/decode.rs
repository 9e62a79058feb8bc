//! How keys and values are decoded.

use clap::Args;

use super::{put, put_list};
use crate::{config::Overrides, domain::Format};

/// How keys and values are decoded.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Decoding")]
pub struct DecodeArgs {
    /// What values are: json, text, bytes, avro, protobuf, json-schema, or registry, which is one of the last three by the
    /// schema; a value that is something else fails [default: JSON where it is JSON]
    #[arg(long, value_name = "FORMAT", value_parser = Format::ALL.map(Format::as_str))]
    #[allow(clippy::doc_markdown, reason = "the text of --help")]
    pub decode: Option<String>,
    /// What keys are, likewise; filters, order and templates then go by what they decode to [default: bytes as they are]
    #[arg(long, value_name = "FORMAT", value_parser = Format::ALL.map(Format::as_str))]
    pub decode_key: Option<String>,
    /// What the values of some topics are: PATTERN=FORMAT, such as orders.*=avro; can be given many times
    #[arg(long, value_name = "TOPIC=FORMAT")]
    pub decode_topic: Vec<String>,
    /// The schema registry: http://HOST:PORT or https://HOST:PORT, several of one registry with commas
    #[arg(long, value_name = "URL")]
    pub schema_registry: Option<String>,
}

impl DecodeArgs {
    /// The first flag here that means nothing without a cluster.
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
