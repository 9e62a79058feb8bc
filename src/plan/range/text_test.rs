//! Ranges as text, there and back.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

#[test]
fn every_way_to_say_where_it_begins() {
    let ms = Duration::from_millis;
    for (text, from) in [
        ("earliest", From::Earliest),
        ("latest", From::Latest),
        ("committed", From::Committed(None)),
        ("committed:a:b", From::Committed(Some("a:b".into()))),
        ("0", From::Offset(Offset::ZERO)),
        ("20260131", From::Offset(Offset::new(20_260_131).unwrap())),
        ("last:100", From::Last(100)),
        ("-2h", From::Ago(ms(7_200_000))),
        ("-1d12h", From::Ago(ms(129_600_000))),
        ("-1w", From::Ago(ms(604_800_000))),
        ("-90s500ms", From::Ago(ms(90_500))),
        ("2026-01-31", From::Time(at("2026-01-31T00:00:00Z"))),
        ("2026-01-31T10:00", From::Time(at("2026-01-31T10:00:00Z"))),
        ("2026-01-31 10:00:00.25", From::Time(at("2026-01-31T10:00:00.250Z"))),
        ("2026-01-31T10:00Z", From::Time(at("2026-01-31T10:00:00Z"))),
        ("2026-01-31T10:00+01:00", From::Time(at("2026-01-31T09:00:00Z"))),
        ("2026-01-31T10:00:00+01:00", From::Time(at("2026-01-31T09:00:00Z"))),
        ("ms:1767225600000", From::Time(at("2026-01-01T00:00:00Z"))),
    ] {
        assert_eq!(text.parse(), Ok(from), "{text}");
    }
    assert_eq!("never".parse(), Ok(To::Never));
    assert!("never".parse::<From>().is_err() && "earliest".parse::<To>().is_err() && "last:3".parse::<To>().is_err());
}

#[test]
fn what_is_not_understood_says_what_would_be() {
    for wrong in [
        "",
        "now",
        "Earliest",
        "-",
        "-2",
        "-2x",
        "-2.5h",
        "-2m1h",
        "-2h2h",
        "--2h",
        "committed:",
        "last:",
        "last:-1",
        "last:+1",
        "99999999999999999999",
        "2026-02-30",
        "2026-01-31T25:00",
        "10:00",
        "1969-12-31",
        "ms:",
        "ms:-1",
        "ms:+1",
        "+5",
        "-99999999999999999999w",
        "2026-01-31T10:00Z ",
    ] {
        let error = wrong.parse::<From>().unwrap_err();
        assert!(error.contains('`'), "{wrong}: {error}");
        assert!(wrong.parse::<To>().is_err(), "{wrong}");
    }
}

#[test]
fn overrides_name_a_partition_and_one_side_at_least() {
    for text in ["orders:3=100..200", "3=..200", "a.b-c:0=-2h..", "0=2026-01-31T10:00:00Z..committed:g"] {
        assert_eq!(text.parse::<Override>().unwrap().to_string(), text);
    }
    for wrong in [
        "",
        "3",
        "3=",
        "3=..",
        "3=100",
        ":3=1..",
        "x=1..",
        "orders:=1..",
        "orders:-1=1..",
        "3=..never",
        "3=x..",
        "3=1..x",
    ] {
        assert!(wrong.parse::<Override>().is_err(), "{wrong}");
    }
}

fn time_ms() -> impl Strategy<Value = DateTime<Utc>> {
    (0_i64..4_102_444_800_000).prop_map(|ms| DateTime::from_timestamp_millis(ms).unwrap())
}

fn from() -> impl Strategy<Value = From> {
    prop_oneof![
        Just(From::Earliest),
        Just(From::Latest),
        prop::option::of("[a-z:=-]{1,8}").prop_map(From::Committed),
        (0..i64::MAX).prop_map(|raw| From::Offset(Offset::new(raw).unwrap())),
        any::<u64>().prop_map(From::Last),
        time_ms().prop_map(From::Time),
        (0..u64::MAX / 4).prop_map(|ms| From::Ago(Duration::from_millis(ms))),
    ]
}

fn to() -> impl Strategy<Value = To> {
    prop_oneof![
        Just(To::Latest),
        prop::option::of("[a-z:=-]{1,8}").prop_map(To::Committed),
        (0..i64::MAX).prop_map(|raw| To::Offset(Offset::new(raw).unwrap())),
        time_ms().prop_map(To::Time),
        (0..u64::MAX / 4).prop_map(|ms| To::Ago(Duration::from_millis(ms))),
    ]
}

proptest! {
    #[test]
    fn both_sides_read_back_as_they_are_shown(from in from(), to in to()) {
        prop_assert_eq!(from.to_string().parse::<From>(), Ok(from));
        prop_assert_eq!(to.to_string().parse::<To>(), Ok(to));
    }

    #[test]
    fn overrides_read_back_as_they_are_shown(
        topic in prop::option::of("[a-z._-]{1,8}"), number in 0..i32::MAX, from in prop::option::of(from()), to in to(),
    ) {
        let one = Override { topic, partition: PartitionId(number), from, to: Some(to) };
        prop_assert_eq!(one.to_string().parse::<Override>(), Ok(one));
    }

    #[test]
    fn no_text_upsets_the_parsers(text in ".{0,12}", number in any::<u64>()) {
        for text in [text.clone(), format!("-{text}"), format!("-{number}{text}"), format!("{text}=..{text}"), format!("ms:{number}")] {
            drop(text.parse::<From>());
            drop(text.parse::<To>());
            drop(text.parse::<Override>());
        }
    }
}
