//! Finds the field at which decoding a message fails.

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor};

/// Maximum nesting depth to search; decoders accept no deeper messages.
const MAX_LEVELS: usize = 100;

/// The path to the field at which the bytes stop being a message of this type, and the reason; `None` if no field is
/// the cause.
pub(super) fn find(descriptor: &MessageDescriptor, bytes: &[u8]) -> Option<(String, String)> {
    find_within(descriptor, bytes, MAX_LEVELS)
}

fn find_within(descriptor: &MessageDescriptor, bytes: &[u8], levels: usize) -> Option<(String, String)> {
    let levels = levels.checked_sub(1)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let (tag, after) = varint(rest)?;
        let number = u32::try_from(tag >> 3).ok()?;
        let field = descriptor.get_field(number);
        let name = field.as_ref().map_or_else(|| number.to_string(), |field| field.name().to_owned());
        let Some((content, behind)) = skip(tag & 7, number, after, levels) else {
            return Some((name, "it is truncated".into()));
        };
        let whole = rest.get(..rest.len() - behind.len())?;
        if let Err(error) = DynamicMessage::decode(descriptor.clone(), whole) {
            let inner = match field.map(|field| field.kind()) {
                Some(Kind::Message(inner)) if tag & 7 == 2 => find_within(&inner, content, levels),
                _ => None,
            };
            return Some(match inner {
                Some((path, reason)) => (format!("{name}.{path}"), reason),
                None => (name, error.to_string()),
            });
        }
        rest = behind;
    }
    None
}

/// The content of a field, and the remaining bytes; `None` if it is truncated.
fn skip(wire_type: u64, number: u32, bytes: &[u8], levels: usize) -> Option<(&[u8], &[u8])> {
    match wire_type {
        0 => varint(bytes).map(|(_, rest)| (bytes, rest)),
        1 => bytes.split_at_checked(8),
        2 => {
            let (length, rest) = varint(bytes)?;
            rest.split_at_checked(usize::try_from(length).ok()?)
        }
        3 => group(number, bytes, levels),
        5 => bytes.split_at_checked(4),
        // Unknown wire type: the decoder reports it.
        _ => Some((&[], bytes)),
    }
}

/// The content of a group, up to its end, and the remaining bytes.
fn group(number: u32, bytes: &[u8], levels: usize) -> Option<(&[u8], &[u8])> {
    let levels = levels.checked_sub(1)?;
    let mut rest = bytes;
    loop {
        let (tag, after) = varint(rest)?;
        let inner = u32::try_from(tag >> 3).ok()?;
        if tag & 7 == 4 {
            let content = bytes.get(..bytes.len() - rest.len())?;
            return (inner == number).then_some((content, after));
        }
        (_, rest) = skip(tag & 7, inner, after, levels)?;
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return bytes.get(at + 1..).map(|rest| (number, rest));
        }
    }
    None
}
