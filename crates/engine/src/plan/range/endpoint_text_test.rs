//! Parsing and displaying ranges.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

#[test]
fn all_forms_of_a_range_start_parse() {
    let ms = Duration::from_millis;
    for (text, from) in [
        ("earliest", RangeStart::Earliest),
        ("latest", RangeStart::Latest),
        ("committed", RangeStart::Committed(None)),
        ("committed:a:b", RangeStart::Committed(Some("a:b".into()))),
        ("0", RangeStart::Offset(Offset::ZERO)),
        ("20260131", RangeStart::Offset(Offset::new(20_260_131).unwrap())),
        ("last:100", RangeStart::Last(100)),
        ("-2h", RangeStart::Ago(ms(7_200_000))),
        ("-1d12h", RangeStart::Ago(ms(129_600_000))),
        ("-1w", RangeStart::Ago(ms(604_800_000))),
        ("-90s500ms", RangeStart::Ago(ms(90_500))),
        ("2026-01-31", RangeStart::Time(at("2026-01-31T00:00:00Z"))),
        ("2026-01-31T10:00", RangeStart::Time(at("2026-01-31T10:00:00Z"))),
        ("2026-01-31 10:00:00.25", RangeStart::Time(at("2026-01-31T10:00:00.250Z"))),
        ("2026-01-31T10:00Z", RangeStart::Time(at("2026-01-31T10:00:00Z"))),
        ("2026-01-31T10:00+01:00", RangeStart::Time(at("2026-01-31T09:00:00Z"))),
        ("2026-01-31T10:00:00+01:00", RangeStart::Time(at("2026-01-31T09:00:00Z"))),
        ("ms:1767225600000", RangeStart::Time(at("2026-01-01T00:00:00Z"))),
    ] {
        assert_eq!(text.parse(), Ok(from), "{text}");
    }
    assert_eq!("never".parse(), Ok(RangeEnd::Never));
    assert!(
        "never".parse::<RangeStart>().is_err()
            && "earliest".parse::<RangeEnd>().is_err()
            && "last:3".parse::<RangeEnd>().is_err()
    );
}

#[test]
fn invalid_ranges_are_errors() {
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
        let error = wrong.parse::<RangeStart>().unwrap_err();
        assert!(error.contains('`'), "{wrong}: {error}");
        assert!(wrong.parse::<RangeEnd>().is_err(), "{wrong}");
    }
}

#[test]
fn an_override_needs_a_partition_and_at_least_one_side() {
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

fn from() -> impl Strategy<Value = RangeStart> {
    prop_oneof![
        Just(RangeStart::Earliest),
        Just(RangeStart::Latest),
        prop::option::of("[a-z:=-]{1,8}").prop_map(RangeStart::Committed),
        (0..i64::MAX).prop_map(|raw| RangeStart::Offset(Offset::new(raw).unwrap())),
        any::<u64>().prop_map(RangeStart::Last),
        time_ms().prop_map(RangeStart::Time),
        (0..u64::MAX / 4).prop_map(|ms| RangeStart::Ago(Duration::from_millis(ms))),
    ]
}

fn to() -> impl Strategy<Value = RangeEnd> {
    prop_oneof![
        Just(RangeEnd::Latest),
        prop::option::of("[a-z:=-]{1,8}").prop_map(RangeEnd::Committed),
        (0..i64::MAX).prop_map(|raw| RangeEnd::Offset(Offset::new(raw).unwrap())),
        time_ms().prop_map(RangeEnd::Time),
        (0..u64::MAX / 4).prop_map(|ms| RangeEnd::Ago(Duration::from_millis(ms))),
    ]
}

proptest! {
    #[test]
    fn displayed_ranges_parse_back(from in from(), to in to()) {
        prop_assert_eq!(from.to_string().parse::<RangeStart>(), Ok(from));
        prop_assert_eq!(to.to_string().parse::<RangeEnd>(), Ok(to));
    }

    #[test]
    fn displayed_overrides_parse_back(
        topic in prop::option::of("[a-z._-]{1,8}"), number in 0..i32::MAX, from in prop::option::of(from()), to in to(),
    ) {
        let one = Override { topic, partition: PartitionId(number), from, to: Some(to) };
        prop_assert_eq!(one.to_string().parse::<Override>(), Ok(one));
    }

    #[test]
    fn any_text_parses_or_fails(text in ".{0,12}", number in any::<u64>()) {
        for text in [text.clone(), format!("-{text}"), format!("-{number}{text}"), format!("{text}=..{text}"), format!("ms:{number}")] {
            drop(text.parse::<RangeStart>());
            drop(text.parse::<RangeEnd>());
            drop(text.parse::<Override>());
        }
    }
}
