//! Messages as Kafka's own classes write them are decoded and encoded to the same bytes.
//! `tests/fixtures/MessageFixtures.java` has written them.

use std::collections::BTreeSet;

use super::round_trip_test::{Check, Direction, check};
use crate::api::Api;
use crate::codec::{Decoder, Encoder, Wire};

const FIXTURES: &str = include_str!("../../tests/fixtures/messages.txt");

struct SameBytes {
    bytes: Vec<u8>,
}

impl Check for SameBytes {
    fn run<T: Wire + PartialEq + std::fmt::Debug>(&mut self, version: i16, is_flexible: bool) {
        let mut input = Decoder::new(&self.bytes, version, is_flexible);
        let value = T::decode(&mut input).unwrap();
        assert_eq!(input.finish(), Ok(()));
        let mut out = Encoder::new(version, is_flexible);
        value.encode(&mut out);
        assert_eq!(out.finish().as_ref(), Ok(&self.bytes), "{value:?}");
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn messages_of_kafkas_own_classes_are_read_and_written_alike() {
    let mut seen = BTreeSet::new();
    for line in FIXTURES.lines().filter(|line| !line.starts_with('#') && !line.contains(" Embedded ")) {
        let mut words = line.split(' ');
        let [name, direction, version, hex] = std::array::from_fn(|_| words.next().unwrap_or_default());
        let api = *Api::ALL.iter().find(|api| api.to_string() == name).unwrap();
        let direction = if direction == "Request" { Direction::Request } else { Direction::Response };
        let version: i16 = version.parse().unwrap();
        check(api, direction, version, &mut SameBytes { bytes: bytes(hex) });
        seen.insert((api, version));
    }
    for api in Api::ALL {
        for version in api.versions().min..=api.versions().max {
            assert!(seen.contains(&(*api, version)), "{api} {version}");
        }
    }
}
