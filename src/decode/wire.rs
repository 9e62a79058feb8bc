//! What stands in front of a value that has a schema, as Confluent's serializers write it and as compatible ones do.
//!
//! A zero byte (the "magic" byte), the schema's id as four bytes, the highest first, and for Protocol Buffers the place of
//! the message in its file: how many numbers there are, then the numbers, from the outermost message inwards, all of them
//! zigzag-encoded as variable-length integers. A count of 0 is short for the single place 0, the first message of the file.
//!
//! Source: <https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format>

use super::Undecodable;

/// How many bytes magic and id take.
const HEAD: usize = 5;

/// Messages within messages within messages: nobody writes that many levels.
const LONGEST_PLACE: i64 = 64;

/// Splits a value into its schema's id and what follows.
pub(super) fn split(bytes: &[u8]) -> Result<(u32, &[u8]), Undecodable> {
    match bytes {
        [0, a, b, c, d, rest @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), rest)),
        [0, ..] => Err(Undecodable::bad(format!(
            "it has {} bytes and would need at least {HEAD} for a schema's id",
            bytes.len()
        ))),
        [] => Err(Undecodable::bad("it is empty; a value with a schema begins with a zero byte and the schema's id")),
        [first, ..] => Err(Undecodable::bad(format!(
            "it begins with the byte 0x{first:02x}; a value with a schema begins with a zero byte and the schema's id"
        ))),
    }
}

/// Reads the place of a message in its file; returns it with what follows.
pub(super) fn message_place(bytes: &[u8]) -> Result<(Vec<usize>, &[u8]), Undecodable> {
    let wrong = || Undecodable::bad("the place of its message in the schema's file is cut off or makes no sense");
    let (count, mut rest) = zigzag(bytes).ok_or_else(wrong)?;
    if count == 0 {
        return Ok((vec![0], rest));
    }
    if !(1..=LONGEST_PLACE).contains(&count) {
        return Err(wrong());
    }
    let mut place = Vec::new();
    for _ in 0..count {
        let (number, after) = zigzag(rest).ok_or_else(wrong)?;
        place.push(usize::try_from(number).map_err(|_| wrong())?);
        rest = after;
    }
    Ok((place, rest))
}

/// A zigzag-encoded integer of at most ten bytes, and what follows; Avro's `int` and `long` are written so, too.
pub(super) fn zigzag(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        let part = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit only.
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

    #[test]
    fn the_head_is_split_off() {
        assert_eq!(split(&[0, 0, 0, 1, 2, 9]), Ok((258, &[9][..])));
        for (bytes, part) in [(&b""[..], "empty"), (b"\0\0\0\0", "4 bytes"), (b"{\"a\":1}", "0x7b")] {
            assert!(split(bytes).unwrap_err().to_string().contains(part), "{bytes:?}");
        }
    }

    #[test]
    fn a_single_zero_is_short_for_the_first_message() {
        assert_eq!(message_place(&[0, 7]), Ok((vec![0], &[7][..])));
        assert_eq!(message_place(&[2, 0, 7]), Ok((vec![0], &[7][..])));
        assert_eq!(message_place(&[4, 2, 4]), Ok((vec![1, 2], &[][..])));
        for wrong in [&[][..], &[1], &[4, 2], &[2, 1], &[0xff; 11], &[0x82, 0x01]] {
            assert!(message_place(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn integers_come_back(value in any::<i64>(), rest in any::<u8>()) {
            let mut bytes = Vec::new();
            put_zigzag(&mut bytes, value);
            bytes.push(rest);
            prop_assert_eq!(zigzag(&bytes), Some((value, &[rest][..])));
        }

        #[test]
        fn no_bytes_upset_it(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
            drop(split(&bytes));
            drop(message_place(&bytes));
        }
    }
}
