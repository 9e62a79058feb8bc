//! Records of each type, as Kafka's own classes write them, and bytes that nothing wrote.

use proptest::prelude::*;

use super::*;
use crate::codec::{DecodeError, Encoder, Wire};
use crate::types::MemberData;

/// `TYPE VERSION KEY VALUE` in hexadecimal digits, as `tests/fixtures/GroupRecordFixtures.java` has written them.
const FIXTURES: &str = include_str!("../../tests/fixtures/group_records.txt");

struct Fixture {
    record_type: i16,
    version: i16,
    key: Vec<u8>,
    value: Vec<u8>,
    /// The value's fields in the words of Kafka's `toString`.
    text: &'static str,
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn fixtures() -> Vec<Fixture> {
    let lines = FIXTURES.lines().filter(|line| !line.starts_with('#'));
    let fixture = |line: &'static str| {
        let words: Vec<&str> = line.splitn(5, ' ').collect();
        Fixture {
            record_type: words[0].parse().unwrap(),
            version: words[1].parse().unwrap(),
            key: bytes(words[2]),
            value: bytes(words[3]),
            text: words[4],
        }
    };
    lines.map(fixture).collect()
}

/// The number after `name=` in a text of Kafka.
fn number(text: &str, name: &str) -> i64 {
    let rest = text.split_once(&format!("{name}=")).unwrap_or_else(|| panic!("{name} in {text}")).1;
    let digits: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '-').collect();
    digits.parse().unwrap()
}

#[test]
fn records_of_kafkas_own_classes_are_read() {
    let mut seen = std::collections::BTreeSet::new();
    for Fixture { record_type, version, key, value, text } in fixtures() {
        let record = decode(Some(&key), Some(&value)).unwrap_or_else(|error| panic!("{record_type}: {error}: {text}"));
        assert_eq!(record.group, "group-é", "{text}");
        match record.change {
            Change::Offset { partition, commit } => {
                assert_eq!(partition.to_string(), "topic-7");
                let negative = number(text, "offset") < 0;
                assert_eq!(commit.is_none(), negative, "{text}");
                seen.insert((record_type, version));
                let Some(commit) = commit else { continue };
                assert_eq!(commit.offset.get(), number(text, "offset"));
                assert_eq!(commit.committed_ms, number(text, "commitTimestamp"));
                assert!(text.contains(&format!("metadata='{}'", commit.metadata)), "{text}");
                // Kafka's text has fields that the version cannot express.
                let epoch = if version >= 3 { number(text, "leaderEpoch").max(-1) } else { -1 };
                assert_eq!(commit.leader_epoch.map_or(-1, |epoch| i64::from(epoch.0)), epoch);
                let is_named = commit.topic_id.is_some_and(|id| text.contains(&format!("topicId={id}")));
                assert_eq!(is_named, version >= 4, "{text}");
            }
            Change::Generation(Some(generation)) => {
                assert_eq!(i64::from(generation.number), number(text, "generation"));
                assert!(text.contains(&format!("protocolType='{}'", generation.protocol_type)));
                let since = if version >= 2 { number(text, "currentStateTimestamp").max(-1) } else { -1 };
                assert_eq!(generation.state_since_ms.unwrap_or(-1), since, "{text}");
                for (id, member) in &generation.members {
                    assert!(text.contains(&format!("memberId='{id}'")), "{text}");
                    assert!(text.contains(&format!("clientHost='{}'", member.client_host)), "{text}");
                }
            }
            Change::Epoch(Some(epoch)) => assert_eq!(i64::from(epoch.0), number(text, "epoch")),
            Change::TargetEpoch(Some(epoch)) => assert_eq!(i64::from(epoch.0), number(text, "assignmentEpoch")),
            Change::Member { member_id, metadata: Some(member) } => {
                assert_eq!(member_id, "member");
                assert!(text.contains(&format!("clientId='{}'", member.client_id)), "{text}");
            }
            Change::Target { member_id, target: Some(_) } => assert_eq!(member_id, "member"),
            Change::Current { member_id, member: Some(member) } => {
                assert_eq!(member_id, "member");
                assert_eq!(i64::from(member.epoch.0), number(text, "memberEpoch"));
                assert_eq!(i64::from(member.previous_epoch.0), number(text, "previousMemberEpoch"));
            }
            Change::Other => assert!([4, 15, 16, 23].contains(&record_type), "{record_type}"),
            other => panic!("{record_type}: {other:?}"),
        }
        seen.insert((record_type, version));
        let tombstone = decode(Some(&key), None).unwrap();
        assert_eq!(tombstone.group, record.group);
    }
    let new = (3..=23).filter(|kind| ![9, 18].contains(kind)).map(|kind| (kind, 0));
    let old = [1, 2].into_iter().flat_map(|kind| (0..=4).map(move |version| (kind, version)));
    let expected: std::collections::BTreeSet<_> = new.chain(old).chain([(0, 0)]).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_tombstone_deletes_what_its_key_stands_for() {
    for Fixture { record_type, key, .. } in fixtures() {
        let change = decode(Some(&key), None).unwrap().change;
        let is_deleted = match change {
            Change::Offset { commit: None, .. }
            | Change::Generation(None)
            | Change::Epoch(None)
            | Change::TargetEpoch(None)
            | Change::Member { metadata: None, .. }
            | Change::Target { target: None, .. }
            | Change::Current { member: None, .. } => true,
            Change::Other => [4, 15, 16, 23].contains(&record_type),
            _ => false,
        };
        assert!(is_deleted, "{record_type}");
    }
}

fn encoded(version: i16, value: &impl Wire) -> Vec<u8> {
    let mut out = Encoder::new(version, false);
    value.encode(&mut out);
    out.finish().unwrap()
}

#[test]
fn what_this_version_does_not_know_is_an_error() {
    let key = [encoded(0, &24_i16), encoded(0, &"g".to_owned())].concat();
    assert_eq!(decode(Some(&key), None), Err(RecordError::UnknownType(24)));
    assert_eq!(decode(None, None), Err(RecordError::NoKey));
    let key = [encoded(0, &2_i16), encoded(0, &"g".to_owned())].concat();
    let later = encoded(0, &5_i16);
    assert_eq!(decode(Some(&key), Some(&later)), Err(RecordError::UnknownVersion { record_type: 2, version: 5 }));
    let short = RecordError::Invalid { record_type: 2, source: DecodeError::UnexpectedEnd { needed: 2, left: 0 } };
    assert_eq!(decode(Some(&key), Some(&[])), Err(short));
}

#[test]
fn the_partitions_of_a_classic_member_are_read() {
    let assignment =
        [encoded(0, &0_i16), encoded(0, &1_i32), encoded(0, &"orders".to_owned()), encoded(0, &vec![3_i32])];
    let assignment = [assignment.concat(), encoded(0, &-1_i32)].concat();
    let member = [
        encoded(0, &"m-1".to_owned()),
        encoded(0, &None::<String>),
        encoded(0, &"c".to_owned()),
        encoded(0, &"/10.0.0.1".to_owned()),
        encoded(0, &60_000_i32),
        encoded(0, &45_000_i32),
        encoded(0, &Vec::<u8>::new()),
        encoded(0, &assignment),
    ];
    let value = [
        encoded(0, &3_i16),
        encoded(0, &"consumer".to_owned()),
        encoded(0, &7_i32),
        encoded(0, &Some("range".to_owned())),
        encoded(0, &Some("m-1".to_owned())),
        encoded(0, &1_000_i64),
        encoded(0, &1_i32),
        member.concat(),
    ];
    let key = [encoded(0, &2_i16), encoded(0, &"g".to_owned())].concat();
    let Change::Generation(Some(found)) = decode(Some(&key), Some(&value.concat())).unwrap().change else { panic!() };
    assert_eq!((found.number, found.leader.as_deref(), found.state_since_ms), (7, Some("m-1"), Some(1_000)));
    assert_eq!(found.members["m-1"].rebalance_timeout_ms, Some(60_000));
    let MemberData::Known(partitions) = &found.assignments["m-1"] else { panic!("{found:?}") };
    assert_eq!(partitions["orders"].iter().map(|partition| partition.0).collect::<Vec<_>>(), [3]);
}

proptest! {
    #[test]
    fn bytes_that_nothing_wrote_are_a_record_or_an_error(
        record_type in prop_oneof![0..24_i16, any::<i16>()],
        key in proptest::collection::vec(any::<u8>(), 0..80),
        version in prop_oneof![0..6_i16, any::<i16>()],
        value in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200)),
        group in "[a-z]{0,9}",
    ) {
        let key = [&record_type.to_be_bytes()[..], &encoded(0, &group), &key].concat();
        let value = value.map(|value| [&version.to_be_bytes()[..], &value].concat());
        drop(decode(Some(&key), value.as_deref()));
    }

    #[test]
    fn a_damaged_record_is_a_record_or_an_error(
        index in any::<prop::sample::Index>(),
        damages in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let fixtures = fixtures();
        let Fixture { mut key, mut value, .. } = fixtures.into_iter().nth(index.index(60)).unwrap();
        for (at, byte) in damages {
            let bytes = if at.index(2) == 0 { &mut key } else { &mut value };
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            value.truncate(cut.index(value.len()));
        }
        drop(decode(Some(&key), Some(&value)));
    }
}
