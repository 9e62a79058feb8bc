//! Tests JSON and its numbers against `serde_json` and big integers.

use num_bigint::BigInt;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// The smallest power of ten in the model.
const SMALLEST_POWER: i64 = -120;

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?"
            .prop_filter("small", |text| power(text).abs() < 60),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite() && (number.abs() > 1e-60 && number.abs() < 1e60))
            .prop_map(|number| format!("{number:?}")),
    ]
}

fn read(text: &str) -> Number<'_> {
    Number::parse(text).unwrap()
}

fn power(text: &str) -> i64 {
    text.split_once(['e', 'E']).map_or(0, |(_, power)| power.trim_start_matches('+').parse().unwrap())
}

/// A number as a multiple of the smallest power.
fn model(text: &str) -> BigInt {
    let mantissa = text.split(['e', 'E']).next().unwrap();
    let part = mantissa.split_once('.').map_or("", |(_, part)| part);
    let digits: BigInt = mantissa.replace('.', "").parse().unwrap();
    let shift = power(text) - i64::try_from(part.len()).unwrap() - SMALLEST_POWER;
    digits * BigInt::from(10).pow(u32::try_from(shift).unwrap())
}

/// Parses a value that was found.
fn of(json: Option<Json<'_>>) -> Option<Value> {
    json.map(|json| serde_json::from_str(json.raw()).unwrap())
}

fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?[1-9][0-9]{0,3}",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(4, 30, 4, |inner| {
        let space = "[ \n\t]{0,2}";
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..4), space)
                .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(&format!("{space},{space}")))),
            (prop::collection::vec(("[ab\"é]", inner), 0..4), space).prop_map(|(members, space)| {
                let members: Vec<String> = members
                    .into_iter()
                    .map(|(name, value)| format!("{}{space}:{space}{value}", serde_json::to_string(&name).unwrap()))
                    .collect();
                format!("{space}{{{space}{}{space}}}{space}", members.join(&format!("{space},{space}")))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn numbers_are_equal_if_their_values_are(one in number(), other in number()) {
        let decimals = [read(&one).decimal(), read(&other).decimal()];
        prop_assert_eq!(decimals[0] == decimals[1], model(&one) == model(&other), "{} {}", one, other);
        prop_assert!(read(&one).equals(&decimals[0]));
        prop_assert_eq!(read(&one).equals(&decimals[1]), decimals[0] == decimals[1]);
        let shown = decimals[0].to_string();
        prop_assert_eq!(model(&shown), model(&one), "{}", shown);
        prop_assert_eq!(read(&shown).decimal(), decimals[0].clone());
    }

    #[test]
    fn equal_values_in_different_notations_are_equal(number in number(), zeros in 0_usize..5) {
        let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((&number, "0"));
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let longer = format!("{whole}.{part}{}0E{exponent}", "0".repeat(zeros));
        let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
        let digits = format!("{digits}{part}{}", "0".repeat(zeros));
        let digits = digits.trim_start_matches('0');
        let places = i64::try_from(part.len() + zeros).unwrap();
        let shifted = format!("{sign}{}e{}", if digits.is_empty() { "0" } else { digits }, power(&number) - places);
        for same in [longer, shifted] {
            prop_assert_eq!(read(&same).decimal(), read(&number).decimal(), "{} {}", same, number);
        }
    }

    #[test]
    fn integers_of_64_bits_are_recognised(number in number()) {
        let unit = BigInt::from(10).pow(u32::try_from(-SMALLEST_POWER).unwrap());
        let value = model(&number);
        let expected = if &value % &unit == BigInt::ZERO { i64::try_from(value / unit).ok() } else { None };
        prop_assert_eq!(Number::parse(&number).unwrap().as_i64(), expected);
    }

    #[test]
    fn every_double_keeps_its_digits(double in any::<f64>().prop_filter("finite", |double| double.is_finite())) {
        for text in [format!("{double:?}"), format!("{double:e}"), serde_json::to_string(&double).unwrap()] {
            prop_assert_eq!(Number::parse(&text).unwrap().as_exact_f64(), Some(double), "{}", text);
        }
    }

    #[test]
    fn lookups_agree_with_serde(text in document()) {
        let value: Value = serde_json::from_str(&text).unwrap();
        let document = Document::read(text.as_bytes()).unwrap();
        let root = document.root();
        for name in ["a", "b", "\"", "é", "none"] {
            prop_assert_eq!(of(document.member(name)), value.get(name).cloned());
            prop_assert_eq!(of(root.member(name)), value.get(name).cloned());
        }
        for index in 0..5 {
            prop_assert_eq!(of(root.element(index)), value.get(index).cloned());
        }
        prop_assert_eq!(of(Some(root)), Some(value.clone()));
        if let Value::String(text) = &value {
            prop_assert_eq!(&*root.string().unwrap(), text.as_str());
        }
        let compact = root.compact();
        prop_assert_eq!(serde_json::from_str::<Value>(&compact).unwrap(), value.clone());
        prop_assert_eq!(super::compact(&compact), compact.as_ref());
        // `serde_json`'s map is sorted by name and has no duplicates.
        prop_assert_eq!(root.canonical(), value.to_string());
    }

    #[test]
    fn texts_are_accepted_or_rejected_as_by_serde(text in "[\\[\\]{}:,\" a0-9.eE+tn-]{0,12}", cut in any::<prop::sample::Index>(), whole in document()) {
        let cut = whole.char_indices().map(|(at, _)| at).nth(cut.index(whole.chars().count().max(1))).unwrap_or(0);
        for text in [text.as_str(), &whole[..cut]] {
            // `RawValue` does not check whether a number fits a double.
            let expected = serde_json::from_str::<&serde_json::value::RawValue>(text.trim()).is_ok();
            prop_assert_eq!(Document::read(text.as_bytes()).is_ok(), expected, "{}", text);
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(document) = Document::read(&bytes) {
            drop(document.root().compact());
            drop(document.root().canonical());
        }
    }
}

#[test]
fn numbers_beyond_machine_types_are_exact() {
    let decimal = |text: &str| Number::parse(text).unwrap().decimal();
    assert_eq!(decimal("1e99999999999999999999999999"), decimal("10E+99999999999999999999999998"));
    assert_ne!(decimal("1e99999999999999999999999999"), decimal("1e99999999999999999999999998"));
    assert_eq!(decimal("-0.0e5"), decimal("0"));
    for (text, shown) in [
        ("1.0", "1"),
        ("10e-1", "1"),
        ("-0", "0"),
        ("1e400", "1e400"),
        ("12e-40", "1.2e-39"),
        ("0.00010", "0.0001"),
        ("1e20", "100000000000000000000"),
        ("1e21", "1e21"),
        ("23958446825181076828", "23958446825181076828"),
        ("123456789012345678901234567891", "123456789012345678901234567891"),
        ("123456789012345678901234567890", "1.2345678901234567890123456789e29"),
    ] {
        assert_eq!(decimal(text).to_string(), shown, "{text}");
    }
    for wrong in ["", "-", "+1", "01", "1.", ".5", "1e", "NaN", "0x1", " 1", "1 ", "\"1\"", "[1]"] {
        assert_eq!(Number::parse(wrong), None, "{wrong}");
    }
    let exact = |text: &str| Number::parse(text).unwrap().as_exact_f64();
    assert_eq!(exact("117.63331139400017"), Some(117.633_311_394_000_17));
    assert_eq!(exact("0.1000000000000000055511151231257827021181583404541015625"), Some(0.1));
    assert_eq!(exact("1e300"), Some(1e300));
    for lost in ["0.12345678901234567890", "23958446825181076828", "1e400", "1e-400"] {
        assert_eq!(exact(lost), None, "{lost}");
    }
}

#[test]
fn numbers_with_exponents_at_the_limit_of_machine_types_are_no_integers_of_64_bits() {
    for text in ["1e18446744073709551615", "12e18446744073709551614", "-1e18446744073709551615"] {
        let number = read(text);
        assert_eq!((number.as_i64(), number.as_exact_f64()), (None, None), "{text}");
        assert_eq!(read(&number.decimal().to_string()).decimal(), number.decimal(), "{text}");
        assert!(number.equals(&number.decimal()), "{text}");
    }
}

#[test]
fn lone_surrogates_are_kept_but_are_not_text() {
    let text = r#"{"\ud800": "\udc00x", "a\ud83d\ude00": 1, "\ud800": 2}"#;
    let document = Document::read(text.as_bytes()).unwrap();
    assert_eq!(document.root().raw(), text);
    assert_eq!(document.member("a😀").map(Json::raw), Some("1"));
    assert_eq!(document.root().canonical(), r#"{"a😀":1,"\ud800":2}"#);
    let inner = Document::read(br#"["\udc00x"]"#).unwrap();
    let string = inner.root().element(0).unwrap();
    assert_eq!((string.string(), string.raw()), (Err(LoneSurrogate), r#""\udc00x""#));
    assert_eq!(inner.root().canonical(), r#"["\udc00x"]"#);
}

#[test]
fn deep_values_use_no_stack() {
    let deep = format!("{}1{}", "{\"a\":[".repeat(100_000), "]}".repeat(100_000));
    let document = Document::read(deep.as_bytes()).unwrap();
    assert_eq!(document.member("a").unwrap().element(0).unwrap().kind(), Kind::Object);
    assert_eq!(document.root().compact(), deep);
    assert_eq!(document.root().canonical(), deep);
    assert!(Document::read("[".repeat(1_000_000).as_bytes()).is_err());
}
