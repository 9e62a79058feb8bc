//! Values written by reference encoders, and their expected JSON. Created by `tests/fixtures/schemas/make.py`.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::Value;

/// A test case: one encoded value.
#[derive(Deserialize)]
pub struct Case {
    pub what: String,
    pub schema: String,
    /// The referenced schemas (Avro).
    #[serde(default)]
    pub references: Vec<String>,
    /// The imported files (Protocol Buffers).
    #[serde(default)]
    pub imports: Vec<(String, String)>,
    bytes: String,
    pub expected: Value,
}

impl Case {
    pub fn bytes(&self) -> Vec<u8> {
        STANDARD.decode(&self.bytes).unwrap()
    }
}

pub fn avro() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../../tests/fixtures/schemas/avro.json")).unwrap()
}

pub fn protobuf() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../../tests/fixtures/schemas/protobuf.json")).unwrap()
}

/// A header as confluent-kafka writes it.
pub fn header(name: &str) -> Vec<u8> {
    let headers: Value = serde_json::from_str(include_str!("../../../../tests/fixtures/schemas/headers.json")).unwrap();
    STANDARD.decode(headers[name].as_str().unwrap()).unwrap()
}

/// The GUID in those headers.
pub const GUID: &str = "89791762-2336-4186-9674-299b90a802e2";
