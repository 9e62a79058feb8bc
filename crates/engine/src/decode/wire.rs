//! How a record identifies its schema, as written by Confluent's serializers and compatible ones.
//!
//! A schema name is either a zero byte (the "magic" byte) and the schema's id as four bytes in big-endian order, or a
//! byte of one and the schema's GUID as sixteen bytes. Protocol Buffers append the message's indexes: their count, then
//! each index, from the outermost message inwards, all as zigzag-encoded variable-length integers. A count of 0 means
//! the single index 0, the first message of the file.
//!
//! The schema name is in the header `__value_schema_id` or `__key_schema_id`, and then the payload has no prefix;
//! without that header it precedes the payload. A payload without either names no schema and is never decoded with one.
//!
//! Source:
//! <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>

use std::fmt;

use kreplay_model::domain::number::counted;

use super::{Undecodable, uuid::uuid};

/// The header with the schema name of the value.
pub const VALUE_SCHEMA_HEADER: &str = "__value_schema_id";
/// The header with the schema name of the key.
pub const KEY_SCHEMA_HEADER: &str = "__key_schema_id";

const GUID_BYTES: usize = 16;
/// Maximum number of message indexes. No schema nests messages this deep.
const MAX_MESSAGE_INDEXES: i64 = 64;

/// A schema's identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum SchemaName {
    /// The id assigned by one registry.
    Id(u32),
    /// The identifier that is the same in all registries.
    Guid([u8; GUID_BYTES]),
}

impl fmt::Display for SchemaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Guid(guid) => f.write_str(&uuid(guid)),
        }
    }
}

/// A payload and its schema name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Framed<'h, 'b> {
    pub schema: SchemaName,
    /// The bytes after the schema name in a header: the message indexes of Protocol Buffers. `None` without a header:
    /// they then precede the payload.
    pub indexes: Option<&'h [u8]>,
    pub payload: &'b [u8],
}

/// Splits bytes into schema name and payload; `header` is the header that may contain the schema name: its name and its
/// value.
pub(super) fn split<'h, 'b>(header: Option<(&str, &'h [u8])>, bytes: &'b [u8]) -> Result<Framed<'h, 'b>, Undecodable> {
    if let Some((name, header)) = header {
        let (schema, indexes) = schema_name(header).ok_or_else(|| bad_header(name, header))?;
        return Ok(Framed { schema, indexes: Some(indexes), payload: bytes });
    }
    let (schema, payload) = schema_name(bytes).ok_or_else(|| bad_prefix(bytes))?;
    Ok(Framed { schema, indexes: None, payload })
}

/// Reads a schema name; returns it with the remaining bytes.
fn schema_name(bytes: &[u8]) -> Option<(SchemaName, &[u8])> {
    match bytes {
        [0, a, b, c, d, rest @ ..] => Some((SchemaName::Id(u32::from_be_bytes([*a, *b, *c, *d])), rest)),
        [1, rest @ ..] => rest.split_first_chunk().map(|(guid, rest)| (SchemaName::Guid(*guid), rest)),
        _ => None,
    }
}

fn bad_header(name: &str, header: &[u8]) -> Undecodable {
    let what = match header {
        [] => "is empty".to_owned(),
        [0 | 1, ..] => format!("has only {}", counted(header.len(), "byte")),
        [first, ..] => format!("begins with the byte 0x{first:02x}"),
    };
    Undecodable::bad(format!(
        "its header {name} {what}; expected a byte 0x00 and the schema id, or a byte 0x01 and the schema GUID"
    ))
}

fn bad_prefix(bytes: &[u8]) -> Undecodable {
    let what = match bytes {
        [] => "it is empty".to_owned(),
        [0 | 1, ..] => format!("it has only {}", counted(bytes.len(), "byte")),
        [first, ..] => format!("it begins with the byte 0x{first:02x}"),
    };
    Undecodable::bad(format!(
        "{what} and no header names its schema; a value with a schema starts with a zero byte and the schema id"
    ))
}

/// Reads message indexes; returns them with the remaining bytes.
pub(super) fn message_indexes(bytes: &[u8]) -> Result<(Vec<usize>, &[u8]), Undecodable> {
    let wrong = || Undecodable::bad("its message indexes are truncated or out of range");
    let (count, mut rest) = zigzag(bytes).ok_or_else(wrong)?;
    if count == 0 {
        return Ok((vec![0], rest));
    }
    if !(1..=MAX_MESSAGE_INDEXES).contains(&count) {
        return Err(wrong());
    }
    let mut indexes = Vec::new();
    for _ in 0..count {
        let (index, after) = zigzag(rest).ok_or_else(wrong)?;
        indexes.push(usize::try_from(index).map_err(|_| wrong())?);
        rest = after;
    }
    Ok((indexes, rest))
}

/// Reads a zigzag-encoded integer of at most ten bytes; returns it with the remaining bytes. Avro encodes `int` and
/// `long` this way, too.
pub(super) fn zigzag(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        let part = u64::from(byte & 0x7f);
        // The tenth byte holds only one bit.
        if at == 9 && part > 1 {
            return None;
        }
        number |= part << (7 * at);
        if byte & 0x80 == 0 {
            let value = (number >> 1).cast_signed() ^ -((number & 1).cast_signed());
            return Some((value, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
pub(super) mod testing {
    /// Appends a zigzag-encoded integer.
    pub fn put_zigzag(out: &mut Vec<u8>, value: i64) {
        let mut number = (value << 1).cast_unsigned() ^ (value >> 63).cast_unsigned();
        while number >= 0x80 {
            out.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
            number >>= 7;
        }
        out.push(u8::try_from(number).unwrap());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{testing::put_zigzag, *};

    const GUID: [u8; 16] =
        [0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f, 0x70];

    fn framed(header: Option<&'static [u8]>, bytes: &'static [u8]) -> Result<Framed<'static, 'static>, String> {
        split(header.map(|header| (VALUE_SCHEMA_HEADER, header)), bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn schema_name_precedes_the_payload() {
        let schema = SchemaName::Id(258);
        assert_eq!(framed(None, &[0, 0, 0, 1, 2, 9]), Ok(Framed { schema, indexes: None, payload: &[9] }));
        let schema = SchemaName::Guid(GUID);
        assert_eq!(framed(None, b"\x01abcdefghijklmnop\x09"), Ok(Framed { schema, indexes: None, payload: &[9] }));
        assert_eq!(schema.to_string(), "61626364-6566-6768-696a-6b6c6d6e6f70");
    }

    #[test]
    fn schema_name_in_header_leaves_the_payload_unprefixed() {
        let bare = Framed { schema: SchemaName::Guid(GUID), indexes: Some(&[2, 0]), payload: &[0, 0, 0, 0, 7, 9] };
        assert_eq!(framed(Some(b"\x01abcdefghijklmnop\x02\0"), &[0, 0, 0, 0, 7, 9]), Ok(bare));
        let bare = Framed { schema: SchemaName::Id(7), indexes: Some(&[]), payload: &[14] };
        assert_eq!(framed(Some(&[0, 0, 0, 0, 7]), &[14]), Ok(bare));
    }

    #[test]
    fn payload_or_header_without_schema_name_is_rejected() {
        for (bytes, part) in
            [(&b""[..], "is empty"), (b"\0\0\0\0", "4 bytes"), (b"{\"a\":1}", "0x7b"), (b"\x01abc", "4 bytes")]
        {
            let error = framed(None, bytes).unwrap_err();
            assert!(error.contains(part) && error.contains("no header names its schema"), "{error}");
        }
        for (header, part) in [(&b""[..], "is empty"), (b"\0\0", "2 bytes"), (b"1abcdefghijklmnop", "0x31")] {
            let error = framed(Some(header), b"\0\0\0\0\x07\x0e").unwrap_err();
            assert!(error.contains(part) && error.contains("__value_schema_id"), "{error}");
        }
    }

    #[test]
    fn zero_count_means_the_first_message() {
        assert_eq!(message_indexes(&[0, 7]), Ok((vec![0], &[7][..])));
        assert_eq!(message_indexes(&[2, 0, 7]), Ok((vec![0], &[7][..])));
        assert_eq!(message_indexes(&[4, 2, 4]), Ok((vec![1, 2], &[][..])));
        for wrong in [&[][..], &[1], &[4, 2], &[2, 1], &[0xff; 11], &[0x82, 0x01]] {
            assert!(message_indexes(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn integers_round_trip(value in any::<i64>(), rest in any::<u8>()) {
            let mut bytes = Vec::new();
            put_zigzag(&mut bytes, value);
            bytes.push(rest);
            prop_assert_eq!(zigzag(&bytes), Some((value, &[rest][..])));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            drop(split(None, &bytes));
            drop(split(Some((KEY_SCHEMA_HEADER, &bytes)), &bytes));
            drop(message_indexes(&bytes));
        }
    }
}
