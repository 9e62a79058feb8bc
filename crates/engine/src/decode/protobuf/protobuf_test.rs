//! Messages written by the `prost_reflect` crate are read as JSON, and hostile input is rejected.

use proptest::prelude::*;
use prost_reflect::{DynamicMessage, prost::Message};
use serde_json::{Value, json};

use super::*;

const SHOP: &str = r#"
    syntax = "proto3";
    package shop;
    import "google/protobuf/timestamp.proto";
    import "google/protobuf/wrappers.proto";
    import "google/protobuf/struct.proto";
    import "google/protobuf/duration.proto";
    import "confluent/meta.proto";
    import "common/money.proto";
    message First { string team_id = 1; }
    message Order {
        option (confluent.message_meta).doc = "an order";
        enum State { UNKNOWN = 0; PAID = 1; }
        message Item { string name = 1; sint32 count = 2; Item part = 3; }
        int64 big = 1;
        uint64 bigger = 2;
        State state = 3;
        repeated Item items = 4;
        map<string, fixed64> counts = 5;
        oneof who { string person = 6; int32 machine = 7; }
        bytes raw = 8;
        google.protobuf.Timestamp at = 9;
        google.protobuf.Int64Value maybe = 10;
        google.protobuf.Struct any = 11;
        common.Money price = 12;
        double share = 13;
        optional bool flag = 14;
        google.protobuf.Duration took = 15;
    }
"#;
const MONEY: &str = r#"
    syntax = "proto3"; package common; import "common/currency.proto";
    message Money { int64 cents = 1; Currency currency = 2; }
"#;
const CURRENCY: &str = r#"syntax = "proto3"; package common; enum Currency { CHF = 0; EUR = 1; }"#;

fn shop() -> ProtobufSchema {
    let imports = [("common/money.proto", MONEY), ("common/currency.proto", CURRENCY)];
    let imports = imports.map(|(name, text)| (name.to_owned(), text.to_owned()));
    ProtobufSchema::parse(SHOP, &imports).unwrap()
}

/// A message as written by a serializer: the prefix with the indexes, and the encoding of its JSON.
fn encoded(schema: &ProtobufSchema, indexes: &[usize], prefix: &[u8], value: &Value) -> Vec<u8> {
    let message = DynamicMessage::deserialize(schema.message(indexes).unwrap(), value).unwrap();
    [prefix, &message.encode_to_vec()].concat()
}

fn order() -> Value {
    json!({
        "big": i64::MIN, "bigger": u64::MAX, "state": "PAID",
        "items": [{"name": "a", "count": -1, "part": {"name": "b", "count": 0}}],
        "counts": {"x": u64::MAX}, "machine": 0, "raw": "/w==", "at": "2026-01-31T09:00:00.5Z",
        "maybe": i64::MAX, "any": {"a": [1.5, null, true]}, "price": {"cents": 1999, "currency": "EUR"},
        "share": "NaN", "flag": false, "took": "1.5s",
    })
}

#[test]
fn all_field_types_are_converted_without_loss() {
    let schema = shop();
    let mut expected = order();
    expected["at"] = json!("2026-01-31T09:00:00.500Z");
    expected["took"] = json!("1.500s");
    let decoded = schema.decode(None, &encoded(&schema, &[1], &[2, 2], &order())).unwrap();
    assert_eq!(decoded, expected);
    assert_eq!(decoded["bigger"].as_u64(), Some(u64::MAX));
}

#[test]
fn fields_without_presence_are_always_included_others_if_set() {
    let decoded = shop().decode(None, &[2, 2]).unwrap();
    assert_eq!(
        decoded,
        json!({"big": 0, "bigger": 0, "state": "UNKNOWN", "items": [], "counts": {}, "raw": "", "share": 0.0})
    );
}

#[test]
fn message_is_selected_by_indexes() {
    let schema = shop();
    let first = json!({"team_id": "7"});
    for prefix in [&[0][..], &[2, 0]] {
        assert_eq!(schema.decode(None, &encoded(&schema, &[0], prefix, &first)), Ok(first.clone()));
    }
    let item = json!({"name": "a", "count": 3});
    assert_eq!(schema.decode(None, &encoded(&schema, &[1, 0], &[4, 2, 0], &item)), Ok(item));
    for wrong in [&[2, 4][..], &[4, 0, 0], &[]] {
        assert!(matches!(schema.decode(None, wrong), Err(Undecodable::Bad(_))), "{wrong:?}");
    }
}

#[test]
fn messages_written_by_python_are_read() {
    for case in super::super::fixtures::protobuf() {
        let schema = ProtobufSchema::parse(&case.schema, &case.imports);
        let schema = schema.unwrap_or_else(|error| panic!("{}: {error}", case.what));
        assert_eq!(schema.decode(None, &case.bytes()), Ok(case.expected), "{}", case.what);
    }
}

#[test]
fn indexes_do_not_count_maps_and_groups() {
    let source = "syntax = \"proto2\"; message O { map<string, string> a = 1; message A {} optional group G = 2 { \
                  message InG {} } map<string, string> b = 3; message B {} message C { message D {} } }";
    let schema = ProtobufSchema::parse(source, &[]).unwrap();
    let name = |indexes: &[usize]| schema.message(indexes).map(|message| message.full_name().to_owned());
    for (indexes, expected) in
        [(&[0][..], "O"), (&[0, 0], "O.A"), (&[0, 1], "O.B"), (&[0, 2], "O.C"), (&[0, 2, 0], "O.C.D")]
    {
        assert_eq!(name(indexes).as_deref(), Ok(expected));
    }
    // Only serializers that count descriptors write these indexes.
    assert_eq!(name(&[0, 5]).as_deref(), Ok("O.C"));
    assert!(name(&[0, 3]).is_err(), "a map entry is not a message");
    assert!(name(&[0, 6]).is_err());
}

#[test]
fn indexes_are_read_from_the_header_if_present() {
    let schema =
        ProtobufSchema::parse("message A { optional int32 a = 1; } message B { optional int32 b = 1; }", &[]).unwrap();
    assert_eq!(schema.decode(Some(&[2, 2]), &[8, 7]), Ok(json!({"b": 7})));
    assert_eq!(schema.decode(Some(&[0]), &[8, 7]), Ok(json!({"a": 7})));
    assert!(schema.decode(Some(&[]), &[8, 7]).is_err(), "the header names no message");
}

#[test]
fn errors_contain_the_field() {
    let schema = shop();
    for (bytes, path) in [
        // The name of an item's part is not UTF-8.
        (&[0x22, 5, 0x1a, 3, 0x0a, 1, 0xff][..], "field items.part.name of the message shop.Order: "),
        (&[0x08, 7, 0x42, 9, 1], "field raw of the message shop.Order: it is truncated"),
        (&[0x0a, 0], "field big of the message shop.Order: "),
    ] {
        let error = schema.decode(Some(&[2, 2]), bytes).unwrap_err().to_string();
        assert!(error.starts_with(path), "{error}");
    }
}

/// Nested `Any` messages.
fn nested_any(levels: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..levels {
        let url = b"t.io/google.protobuf.Any";
        let mut outer = vec![0x0a, u8::try_from(url.len()).unwrap()];
        outer.extend(url);
        outer.push(0x12);
        prost_reflect::prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
        outer.extend(bytes);
        bytes = outer;
    }
    bytes
}

#[test]
fn nested_any_is_bounded() {
    let source = "syntax = \"proto3\"; import \"google/protobuf/any.proto\"; message E { google.protobuf.Any any = 1; E e = 2; }";
    let schema = ProtobufSchema::parse(source, &[]).unwrap();
    let mut inner = vec![0x0a];
    let any = nested_any(5_000);
    prost_reflect::prost::encoding::encode_varint(any.len() as u64, &mut inner);
    inner.extend(any);
    let decode = || schema.decode(Some(&[0]), &inner);
    let decoded = std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(512 * 1024).spawn_scoped(scope, decode).unwrap().join().unwrap()
    });
    assert!(decoded.unwrap().to_string().contains("base64"));
}

#[test]
fn unknown_symbols_and_fields_do_not_fail() {
    let schema = shop();
    let decoded = schema.decode(None, &[2, 2, 0x18, 9, 0xf8, 0x07, 1]).unwrap();
    assert_eq!(decoded["state"], 9);
}

/// Nested items.
fn nested(levels: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..levels {
        let mut outer = vec![0x1a];
        prost_reflect::prost::encoding::encode_varint(bytes.len() as u64, &mut outer);
        outer.extend(bytes);
        bytes = outer;
    }
    [&[4, 2, 0][..], &bytes].concat()
}

#[test]
fn depth_is_bounded_by_the_stack_of_a_worker() {
    let schema = shop();
    let (hostile, deep) = std::thread::scope(|scope| {
        let decode = || (schema.decode(None, &nested(300)), schema.decode(None, &nested(90)));
        std::thread::Builder::new().stack_size(512 * 1024).spawn_scoped(scope, decode).unwrap().join().unwrap()
    });
    assert!(hostile.unwrap_err().to_string().contains("recursion"));
    assert!(deep.is_ok());
}

#[test]
fn invalid_schemas_are_rejected() {
    for wrong in
        ["message", "syntax = \"proto3\"; import \"missing.proto\";", "syntax = \"proto3\"; message A { B b = 1; }"]
    {
        assert!(matches!(ProtobufSchema::parse(wrong, &[]), Err(Undecodable::Bad(_))), "{wrong}");
    }
    let edition = ProtobufSchema::parse("edition = \"2023\"; message A { int32 a = 1; }", &[]).unwrap_err().to_string();
    assert!(edition.contains("editions are not supported"), "{edition}");
    assert!(ProtobufSchema::parse("", &[]).unwrap().decode(None, &[0]).is_err());
}

proptest! {
    #[test]
    fn numbers_and_texts_round_trip(
        big in any::<i64>(), bigger in any::<u64>(), raw in prop::collection::vec(any::<u8>(), 0..20), person in any::<String>(),
        counts in prop::collection::hash_map(any::<String>(), any::<u64>(), 0..4),
    ) {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let schema = shop();
        let value = json!({"big": big, "bigger": bigger, "raw": STANDARD.encode(raw), "person": person, "counts": counts});
        let decoded = schema.decode(None, &encoded(&schema, &[1], &[2, 2], &value)).unwrap();
        for name in ["big", "bigger", "raw", "person", "counts"] {
            prop_assert_eq!(&decoded[name], &value[name]);
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(shop().decode(None, &[&[2, 2][..], &bytes].concat()));
        drop(shop().decode(None, &bytes));
    }
}
