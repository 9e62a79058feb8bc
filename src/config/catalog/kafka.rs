//! `[kafka]` and `[decode]`: the cluster, and the formats of keys and values.

use kreplay_model::domain::SecretFormat;
use toml::Value;

use super::{Kind, millis, minutes, seconds, table::settings};
use crate::config::{
    decode::{AddressList, Credential, FormatName},
    value::{bootstrap, store},
};

const FORMATS: &[&str] = &["json", "text", "bytes", "avro", "protobuf", "json-schema", "registry"];
const TOPIC_FORMATS: &str = "a list of PATTERN=FORMAT, such as orders.*=avro";
const REGISTRY: Kind = Kind::TextOrList("a URL such as http://localhost:8081, or a list of URLs of one registry");
const SECRET: Kind = Kind::Text("a string, preferably a reference such as ${env:NAME}");
const PEM: &str = "the path of a PEM file";

settings! { KAFKA:
    /// Bootstrap servers of the cluster.
    "kafka.bootstrap_servers": TextOrList("comma-separated HOST:PORT") => {
        |c, i| store(&mut c.kafka.bootstrap_servers, bootstrap(i).map(Some)),
        |c| c.kafka.bootstrap_shown.clone().map(Value::from),
    };
    /// How long to wait for each response from the cluster while a command starts, before the command fails.
    "kafka.connect_timeout": Duration(seconds(1)..=minutes(10), "30s") => kafka.connect_timeout;
    /// Refuse commands that change consumer groups: `kreplay groups` with --execute.
    "kafka.read_only": Bool => kafka.read_only;
}

settings! { DECODE:
    /// Format of values.
    "decode.value": Word(FORMATS) => decoding.formats.value as FormatName;
    /// Format of keys.
    "decode.key": Word(FORMATS) => decoding.formats.key as FormatName;
    /// Formats of the values of some topics; the first matching pattern applies.
    "decode.topics": List(TOPIC_FORMATS) => decoding.topics;
    /// Formats of the keys of some topics; the first matching pattern applies.
    "decode.key_topics": List(TOPIC_FORMATS) => decoding.key_topics;
    /// The schema registry, which must support Confluent's protocol. Multiple addresses must be of the same registry.
    "decode.schema_registry": Secret(SecretFormat::Address, &REGISTRY) => decoding.registry as AddressList;
    /// User for the registry.
    "decode.username": Secret(SecretFormat::Secret, &Kind::Text("a string")) => decoding.username as Credential;
    /// Password for the registry.
    "decode.password": Secret(SecretFormat::Secret, &SECRET) => decoding.password as Credential;
    /// Token for the registry, instead of a user and a password.
    "decode.token": Secret(SecretFormat::Secret, &SECRET) => decoding.token as Credential;
    /// Certificate authorities of the registry to trust in addition to the system's.
    "decode.ca": Path(PEM) => decoding.ca;
    /// Client certificate for the registry.
    "decode.certificate": Path(PEM) => decoding.certificate;
    /// Private key of the client certificate.
    "decode.private_key": Path(PEM) => decoding.private_key;
    /// Timeout of one request to the registry.
    "decode.timeout": Duration(millis(100)..=minutes(5), "5s") => decoding.timeout;
    /// How long reading waits for a registry that does not answer, before the run fails.
    "decode.patience": Duration(seconds(0)..=minutes(4), "30s") => decoding.patience;
    /// Maximum number of schemas kept in memory.
    "decode.schemas": Integer(1..=1_000_000) => decoding.schemas;
}
