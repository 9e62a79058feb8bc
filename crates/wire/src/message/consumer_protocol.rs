//! What the members of a classic group of the protocol type `consumer` tell each other. Brokers keep it as bytes.
//!
//! The bytes begin with a version. A reader treats a later version than it knows as the last one it knows, and ignores
//! what follows: later versions only append fields.

use crate::codec::{DecodeError, Decoder, Wire, wire_structs};

/// The last version of `ConsumerProtocolSubscription` and `ConsumerProtocolAssignment` in Kafka 4.3.1.
const LAST_VERSION: i16 = 3;

wire_structs! {
    /// What a member subscribes to.
    struct ConsumerProtocolSubscription {
        topics: Vec<String>;
        user_data: Option<Vec<u8>>;
        owned_partitions: Vec<OwnedTopic> => 1.. else Vec::new();
        generation_id: i32 => 2.. else -1;
        rack_id: Option<String> => 3.. else None;
    }

    /// What the leader has assigned to a member.
    struct ConsumerProtocolAssignment {
        assigned_partitions: Vec<OwnedTopic>;
        user_data: Option<Vec<u8>>;
    }

    struct OwnedTopic {
        topic: String;
        partitions: Vec<i32>;
    }
}

/// Reads a value after its version. No version of it is flexible.
pub(crate) fn decode_embedded<T: Wire>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut prefix = Decoder::new(bytes, 0, false);
    let version = i16::decode(&mut prefix)?;
    let mut input = Decoder::new(prefix.take(prefix.left())?, version.clamp(0, LAST_VERSION), false);
    T::decode(&mut input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Encoder;

    fn embedded(version: i16, value: &impl Wire) -> Vec<u8> {
        let mut out = Encoder::new(version.min(LAST_VERSION), false);
        version.encode(&mut out);
        value.encode(&mut out);
        out.finish().unwrap()
    }

    #[test]
    fn a_later_version_is_read_as_the_last_known_one() {
        let subscription = ConsumerProtocolSubscription {
            topics: vec!["orders".into()],
            rack_id: Some("r1".into()),
            generation_id: 7,
            ..Default::default()
        };
        let mut bytes = embedded(9, &subscription);
        bytes.extend_from_slice(b"a new field");
        assert_eq!(decode_embedded(&bytes), Ok(subscription));
    }

    /// The values without their versions, as `tests/fixtures/MessageFixtures.java` has written them.
    #[test]
    fn values_of_kafkas_own_classes_are_read_and_written_alike() {
        fn same<T: Wire>(version: i16, bytes: &[u8]) {
            let prefix = version.to_be_bytes();
            let value: T = decode_embedded(&[&prefix, bytes].concat()).unwrap();
            assert_eq!(embedded(version, &value), [&prefix, bytes].concat());
        }
        let mut count = 0;
        for line in include_str!("../../tests/fixtures/messages.txt").lines() {
            let words: Vec<_> = line.split(' ').collect();
            let [name, "Embedded", version, hex] = words[..] else { continue };
            let version = version.parse().unwrap();
            let bytes: Vec<u8> =
                (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
            match name {
                "ConsumerProtocolSubscription" => same::<ConsumerProtocolSubscription>(version, &bytes),
                _ => same::<ConsumerProtocolAssignment>(version, &bytes),
            }
            count += 1;
        }
        assert_eq!(count, 2 * 4 * 3);
    }

    #[test]
    fn an_early_version_has_no_later_fields() {
        let subscription = ConsumerProtocolSubscription { topics: vec!["orders".into()], ..Default::default() };
        let decoded: ConsumerProtocolSubscription = decode_embedded(&embedded(0, &subscription)).unwrap();
        assert_eq!((decoded.topics, decoded.generation_id), (subscription.topics, -1));
    }
}
