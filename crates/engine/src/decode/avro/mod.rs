//! Avro's binary encoding, decoded with the writer's schema.
//!
//! | Avro | JSON |
//! |---|---|
//! | null, boolean, int, long, string | the same; all 64 bits of a long are kept |
//! | float, double | a number; `"NaN"`, `"Infinity"`, `"-Infinity"` where JSON has none |
//! | bytes, fixed | base64 (RFC 4648, with padding) |
//! | enum | its symbol |
//! | array, map, record | a list, an object, an object |
//! | union | the value itself, without the name of its type |
//! | decimal, big-decimal | a string such as `"-12.30"`, exact |
//! | uuid | a string |
//! | date | `"2026-01-31"` |
//! | time-millis, time-micros | `"10:00:00.000"`, `"10:00:00.000000"` |
//! | timestamp-millis, -micros, -nanos | `"2026-01-31T10:00:00.000Z"`, with 3, 6 or 9 digits |
//! | local-timestamp-millis, -micros, -nanos | the same without the `Z` |
//! | duration | `{"months": …, "days": …, "millis": …}` |
//!
//! Dates and times out of the calendar's range remain numbers. A value whose whole schema is `bytes` has no length
//! prefix, as written by Confluent's serializer.
//!
//! A decimal with an invalid combination of precision and scale is treated as bytes.
//!
//! Reader and parser are implemented here for two reasons. Values are untrusted: common readers recurse as deep as a
//! recursive schema and a value allow. Schemas may be ones that only lenient parsers accept (see the module `parse`).
//! Source of the encoding: <https://avro.apache.org/docs/1.12.0/specification/>.

mod compile;
mod logical;
mod node;
mod parse;
mod read;

pub use compile::AvroSchema;

use kreplay_model::domain::number::counted_as;
use serde_json::Value;

use self::{node::Node, read::Reader};
use super::Undecodable;

impl AvroSchema {
    /// Decodes a value, without the schema id.
    ///
    /// # Errors
    /// The bytes are not a value of this schema: truncated, too long, too deep, or invalid.
    pub fn decode(&self, bytes: &[u8]) -> Result<Value, Undecodable> {
        if matches!(self.node(self.root()), Node::Bytes) {
            return Ok(read::base64(bytes));
        }
        let mut reader = Reader::new(self, bytes);
        let value = reader.value(self.root())?;
        match reader.left() {
            0 => Ok(value),
            left => Err(Undecodable::bad(format!(
                "{}: the value was not written with the schema it names",
                counted_as(left, "byte is left over", "bytes are left over")
            ))),
        }
    }
}

#[cfg(test)]
mod avro_test;
