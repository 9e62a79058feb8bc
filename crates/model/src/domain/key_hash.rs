//! Hash functions of partitioners: with them Kafka clients map keys to partitions.

use std::{fmt, str::FromStr};

/// A partitioner. Different partitioners map the same key to different partitions, so use the one that the topic's
/// other producers use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyHash {
    /// `MurmurHash2` with Kafka's seed and the sign bit cleared: Java's clients, and clients compatible with them.
    #[default]
    Murmur2,
    /// CRC-32 (as in Ethernet and zip): the default of librdkafka and of the clients based on it for C, C++, Python, Go
    /// (confluent), and .NET; also kafka-go's `CRC32Balancer`.
    Crc32,
    /// 32-bit FNV-1a, absolute value: Sarama's hash partitioner and kafka-go's `Hash`.
    Fnv1a,
}

impl KeyHash {
    /// The 32-bit hash of a key, before it is reduced to a partition.
    #[must_use]
    pub fn hash(self, key: &[u8]) -> u32 {
        match self {
            Self::Murmur2 => murmur2(key),
            Self::Crc32 => crc32fast::hash(key),
            Self::Fnv1a => fnv1a(key),
        }
    }

    /// The partition of a key among `count` partitions; 0 if `count` is 0.
    #[must_use]
    pub fn partition(self, key: &[u8], count: i32) -> i32 {
        let hash = match self {
            Self::Murmur2 => self.hash(key) & 0x7fff_ffff,
            Self::Crc32 => self.hash(key),
            Self::Fnv1a => self.hash(key).cast_signed().unsigned_abs(),
        };
        let count = count.unsigned_abs();
        hash.checked_rem(count).map_or(0, u32::cast_signed)
    }
}

/// `MurmurHash2` by Austin Appleby (public domain), 32 bits, with the seed of
/// `org.apache.kafka.common.utils.Utils.murmur2`.
fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let (words, tail) = bytes.as_chunks::<4>();
    let mut hash = SEED ^ length;
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        let rest = tail.iter().rev().fold(0, |rest, byte| rest << 8 | u32::from(*byte));
        hash = (hash ^ rest).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

/// FNV-1a by Fowler, Noll and Vo (public domain), 32 bits.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Murmur2 => "murmur2",
            Self::Crc32 => "crc32",
            Self::Fnv1a => "fnv1a",
        })
    }
}

impl FromStr for KeyHash {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "murmur2" => Ok(Self::Murmur2),
            "crc32" => Ok(Self::Crc32),
            "fnv1a" => Ok(Self::Fnv1a),
            other => Err(format!("`{other}` is not a partitioner; use murmur2, crc32 or fnv1a")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Test vectors from Kafka's own test (`UtilsTest.testMurmur2`).
    #[test]
    fn murmur2_matches_java() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    /// Test vectors from librdkafka; they cover each length modulo 4.
    #[test]
    fn murmur2_matches_librdkafka() {
        let unaligned = "PreAmbleWillBeRemoved,ThePrePartThatIs";
        for (key, hash) in [
            ("kafka", 0xd067_cf64_u32),
            ("giberish123456789", 0x8f55_2b0c),
            ("1234", 0x9fc9_7b14),
            ("234", 0xe7c0_09ca),
            ("34", 0x8739_30da),
            ("4", 0x5a4b_5ca1),
            (unaligned, 0x7842_4f1c),
            (&unaligned[1..], 0x4a62_b377),
            (&unaligned[2..], 0xe0e4_e09e),
            (&unaligned[3..], 0x62b8_b43f),
            ("", 0x106e_08d9),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
    }

    /// Absolute values of Go's `hash/fnv`, from librdkafka's tests of Sarama compatibility.
    #[test]
    fn fnv1a_matches_sarama() {
        let unaligned = "PreAmbleWillBeRemoved,ThePrePartThatIs";
        for (key, amount) in [
            ("kafka", 0x0d33_c4e1_u32),
            ("giberish123456789", 0x77a5_8295),
            ("1234", 0x023b_dd03),
            ("234", 0x2dea_3cd2),
            ("34", 0x740f_a83e),
            ("4", 0x310c_a263),
            (unaligned, 0x65cb_d69c),
            (&unaligned[3..], 0x6abc_c023),
            ("", 0x7ee3_623b),
        ] {
            assert_eq!(fnv1a(key.as_bytes()).cast_signed().unsigned_abs(), amount, "{key}");
        }
        // The published test vectors of the algorithm.
        assert_eq!((fnv1a(b"a"), fnv1a(b"foobar")), (0xe40c_292c, 0xbf9c_f968));
    }

    #[test]
    fn crc32_has_the_standard_check_value() {
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
        assert_eq!(KeyHash::Crc32.partition(b"123456789", 1000), 0xcbf4_3926_u32.rem_euclid(1000).cast_signed());
    }

    #[test]
    fn keys_map_to_all_partitions_and_no_others() {
        for hash in [KeyHash::Murmur2, KeyHash::Crc32, KeyHash::Fnv1a] {
            let mut seen = [false; 7];
            for key in 0..1000_u32 {
                seen[usize::try_from(hash.partition(key.to_string().as_bytes(), 7)).unwrap()] = true;
            }
            assert_eq!((seen, hash.partition(b"k", 1), hash.partition(b"k", 0)), ([true; 7], 0, 0), "{hash}");
            assert_eq!(hash.to_string().parse::<KeyHash>(), Ok(hash));
        }
    }
}
