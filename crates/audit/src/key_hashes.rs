//! The hashes of a key under all partitioners, and the partition that each of them chooses.

use kreplay_model::{audit::Partitioner, domain::KeyHash};

/// The hashes of a key, before they are reduced to a number of partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHashes {
    murmur2: u32,
    crc32: u32,
    fnv1a: u32,
    java: Option<u32>,
    number: Option<u64>,
}

impl KeyHashes {
    /// Hashes a key.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        let text = std::str::from_utf8(key).ok();
        Self {
            murmur2: KeyHash::Murmur2.hash(key),
            crc32: KeyHash::Crc32.hash(key),
            fnv1a: KeyHash::Fnv1a.hash(key),
            java: text.map(java_hash),
            number: text
                .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|text| text.parse().ok()),
        }
    }

    /// The partition that a partitioner chooses among `count` partitions. `None` if it does not apply to this key, if
    /// `count` is not positive, and for [`Partitioner::Constant`], which does not depend on the key.
    #[must_use]
    pub fn partition(&self, partitioner: Partitioner, count: i32) -> Option<i32> {
        let unsigned = match partitioner {
            Partitioner::Murmur2 => self.murmur2 & 0x7fff_ffff,
            Partitioner::Murmur2Unsigned => self.murmur2,
            Partitioner::Crc32 => self.crc32,
            Partitioner::Fnv1aAbsolute => self.fnv1a.cast_signed().unsigned_abs(),
            Partitioner::Fnv1aMasked => self.fnv1a & 0x7fff_ffff,
            Partitioner::Fnv1aUnsigned => self.fnv1a,
            Partitioner::JavaHashMasked => self.java? & 0x7fff_ffff,
            Partitioner::JavaHashAbsolute => self.java?.cast_signed().unsigned_abs(),
            Partitioner::Number => {
                let count = u64::try_from(count).ok()?;
                return i32::try_from(self.number?.checked_rem(count)?).ok();
            }
            Partitioner::Constant => return None,
        };
        let count = u32::try_from(count).ok()?;
        Some(unsigned.checked_rem(count)?.cast_signed())
    }
}

/// `java.lang.String.hashCode`: 31-fold sum over the UTF-16 code units, modulo 2³².
fn java_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values of `String.hashCode` from JDK 17.
    #[test]
    fn string_hashes_match_java() {
        for (text, hash) in [
            ("", 0),
            ("a", 97),
            ("hello", 99_162_322),
            ("polygenelubricants", i32::MIN),
            ("käse", 3_410_411),
            ("\u{1f600}", 1_772_899),
        ] {
            assert_eq!(java_hash(text).cast_signed(), hash, "{text}");
        }
    }

    /// Partitions that Kafka's `BuiltInPartitioner.partitionForKey` (kafka-clients 4.3.1) chooses.
    #[test]
    fn murmur2_matches_kafkas_producer() {
        for (key, of_6, of_100) in [
            ("a", 4, 24),
            ("user-17", 0, 80),
            ("order-4711", 1, 11),
            ("Käse", 4, 66),
            ("team:42", 1, 11),
            ("0", 2, 96),
            ("a-somewhat-longer-key-with-39-characters", 5, 23),
            ("\u{1f600}", 3, 17),
        ] {
            let hashes = KeyHashes::of(key.as_bytes());
            assert_eq!(hashes.partition(Partitioner::Murmur2, 6), Some(of_6), "{key}");
            assert_eq!(hashes.partition(Partitioner::Murmur2, 100), Some(of_100), "{key}");
        }
    }

    #[test]
    fn variants_differ_where_the_sign_bit_matters() {
        // FNV-1a of "a" is 0xe40c292c.
        let hashes = KeyHashes::of(b"a");
        let of = |partitioner| hashes.partition(partitioner, 1000).unwrap();
        assert_eq!(of(Partitioner::Fnv1aUnsigned), (0xe40c_292c_u32 % 1000).cast_signed());
        assert_eq!(of(Partitioner::Fnv1aMasked), (0x640c_292c_u32 % 1000).cast_signed());
        assert_eq!(of(Partitioner::Fnv1aAbsolute), (0x1bf3_d6d4_u32 % 1000).cast_signed());
        assert_eq!(KeyHashes::of(b"polygenelubricants").partition(Partitioner::JavaHashMasked, 7), Some(0));
    }

    #[test]
    fn partitioners_that_do_not_apply_choose_no_partition() {
        let text = KeyHashes::of(b"12a");
        assert_eq!(
            (text.partition(Partitioner::Number, 6), KeyHashes::of(b"").partition(Partitioner::Number, 6)),
            (None, None)
        );
        assert_eq!(KeyHashes::of(b"17").partition(Partitioner::Number, 6), Some(5));
        assert_eq!(KeyHashes::of(b"\xff").partition(Partitioner::JavaHashMasked, 6), None);
        assert_eq!((text.partition(Partitioner::Murmur2, 0), text.partition(Partitioner::Constant, 6)), (None, None));
    }

    proptest! {
        #[test]
        fn partitions_are_within_their_number(key in any::<Vec<u8>>(), count in 1_i32..10_000) {
            let hashes = KeyHashes::of(&key);
            for partitioner in Partitioner::OF_KEYS {
                if let Some(partition) = hashes.partition(partitioner, count) {
                    prop_assert!((0..count).contains(&partition), "{partitioner}");
                }
            }
            for (partitioner, hash) in [
                (Partitioner::Murmur2, KeyHash::Murmur2),
                (Partitioner::Crc32, KeyHash::Crc32),
                (Partitioner::Fnv1aAbsolute, KeyHash::Fnv1a),
            ] {
                prop_assert_eq!(hashes.partition(partitioner, count), Some(hash.partition(&key, count)));
            }
        }
    }
}
