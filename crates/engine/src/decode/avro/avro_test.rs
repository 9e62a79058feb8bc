//! Values written by the `apache_avro` crate are read correctly, and hostile input is rejected.

use apache_avro::{Decimal, Schema, types::Value as Avro, writer::datum::GenericDatumWriter};
use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{super::wire::testing::put_zigzag, *};

/// The stack size of a worker, which a hostile value must not overflow.
const WORKER_STACK_BYTES: usize = 512 * 1024;

fn on_a_workers_stack<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(WORKER_STACK_BYTES).spawn_scoped(scope, work).unwrap().join().unwrap()
    })
}

fn schema(text: &Value) -> AvroSchema {
    AvroSchema::parse(&text.to_string(), &[]).unwrap()
}

/// A type and a value of it.
#[derive(Clone, Debug)]
enum Shape {
    Null,
    Boolean(bool),
    Int(i32),
    Long(i64),
    Double(f64),
    Float(f32),
    Bytes(Vec<u8>),
    String(String),
    Enum(u8),
    Fixed([u8; 3]),
    Decimal(i64, u8),
    Date(i16),
    Millis(i32),
    Array(Box<Shape>, u8),
    Map(Box<Shape>, Vec<String>),
    /// The flag: whether the value's type comes second in the union.
    Union(Box<Shape>, bool),
    Record(Vec<Shape>),
}

impl Shape {
    /// Its schema; each name is used once.
    fn schema(&self, names: &mut u32) -> Value {
        let mut name = |kind: &str| {
            *names += 1;
            format!("{kind}{names}")
        };
        match self {
            Self::Null => json!("null"),
            Self::Boolean(_) => json!("boolean"),
            Self::Int(_) => json!("int"),
            Self::Long(_) => json!("long"),
            Self::Double(_) => json!("double"),
            Self::Float(_) => json!("float"),
            Self::Bytes(_) => json!("bytes"),
            Self::String(_) => json!("string"),
            Self::Enum(_) => json!({"type": "enum", "name": name("E"), "symbols": ["A", "B", "C"]}),
            Self::Fixed(_) => json!({"type": "fixed", "name": name("F"), "size": 3}),
            Self::Decimal(_, scale) => {
                json!({"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": scale % 10})
            }
            Self::Date(_) => json!({"type": "int", "logicalType": "date"}),
            Self::Millis(_) => json!({"type": "long", "logicalType": "timestamp-millis"}),
            Self::Array(items, _) => json!({"type": "array", "items": items.schema(names)}),
            Self::Map(values, _) => json!({"type": "map", "values": values.schema(names)}),
            Self::Union(inner, second) => {
                let (inner, other) =
                    (inner.schema(names), json!({"type": "fixed", "name": format!("U{names}"), "size": 1}));
                *names += 1;
                if *second { json!([other, inner]) } else { json!([inner, other]) }
            }
            Self::Record(fields) => {
                let name = name("ns.R");
                let fields: Vec<Value> = fields
                    .iter()
                    .enumerate()
                    .map(|(at, field)| json!({"name": format!("f{at}"), "type": field.schema(names)}))
                    .collect();
                json!({"type": "record", "name": name, "fields": fields})
            }
        }
    }

    /// The value for the `apache_avro` crate.
    fn avro(&self) -> Avro {
        match self {
            Self::Null => Avro::Null,
            Self::Boolean(value) => Avro::Boolean(*value),
            Self::Int(value) => Avro::Int(*value),
            Self::Long(value) => Avro::Long(*value),
            Self::Double(value) => Avro::Double(*value),
            Self::Float(value) => Avro::Float(*value),
            Self::Bytes(value) => Avro::Bytes(value.clone()),
            Self::String(value) => Avro::String(value.clone()),
            Self::Enum(at) => Avro::Enum(u32::from(at % 3), ["A", "B", "C"][usize::from(at % 3)].into()),
            Self::Fixed(bytes) => Avro::Fixed(3, bytes.to_vec()),
            Self::Decimal(digits, _) => Avro::Decimal(Decimal::from(digits.to_be_bytes())),
            Self::Date(days) => Avro::Date(i32::from(*days)),
            Self::Millis(millis) => Avro::TimestampMillis(i64::from(*millis)),
            Self::Array(items, count) => Avro::Array(vec![items.avro(); usize::from(*count)]),
            Self::Map(values, names) => Avro::Map(names.iter().map(|name| (name.clone(), values.avro())).collect()),
            Self::Union(inner, second) => Avro::Union(u32::from(*second), Box::new(inner.avro())),
            Self::Record(fields) => {
                Avro::Record(fields.iter().enumerate().map(|(at, field)| (format!("f{at}"), field.avro())).collect())
            }
        }
    }

    /// The expected JSON, as in the table of the module documentation.
    fn json(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => json!(value),
            Self::Int(value) => json!(value),
            Self::Long(value) => json!(value),
            Self::Double(value) => json!(value),
            Self::Float(value) => json!(value.to_string().parse::<f64>().unwrap()),
            Self::Bytes(value) => json!(STANDARD.encode(value)),
            Self::String(value) => json!(value),
            Self::Enum(at) => json!(["A", "B", "C"][usize::from(at % 3)]),
            Self::Fixed(bytes) => json!(STANDARD.encode(bytes)),
            Self::Decimal(digits, scale) => {
                let places = usize::from(scale % 10);
                let (sign, digits) = (if *digits < 0 { "-" } else { "" }, digits.unsigned_abs());
                let power = 10_u64.pow(places.try_into().unwrap());
                let part = if places > 0 { format!(".{:0places$}", digits % power) } else { String::new() };
                json!(format!("{sign}{}{part}", digits / power))
            }
            Self::Date(days) => {
                json!((chrono::NaiveDate::default() + chrono::TimeDelta::days(i64::from(*days))).to_string())
            }
            Self::Millis(millis) => {
                let at = chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::milliseconds(i64::from(*millis));
                json!(at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
            }
            Self::Array(items, count) => json!(vec![items.json(); usize::from(*count)]),
            Self::Map(values, names) => Value::Object(names.iter().map(|name| (name.clone(), values.json())).collect()),
            Self::Union(inner, _) => inner.json(),
            Self::Record(fields) => {
                Value::Object(fields.iter().enumerate().map(|(at, field)| (format!("f{at}"), field.json())).collect())
            }
        }
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Null),
        any::<bool>().prop_map(Shape::Boolean),
        any::<i32>().prop_map(Shape::Int),
        any::<i64>().prop_map(Shape::Long),
        (-1e300..1e300).prop_map(Shape::Double),
        (-1e30_f32..1e30).prop_map(Shape::Float),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Shape::Bytes),
        any::<String>().prop_map(Shape::String),
        any::<u8>().prop_map(Shape::Enum),
        any::<[u8; 3]>().prop_map(Shape::Fixed),
        any::<(i64, u8)>().prop_map(|(digits, scale)| Shape::Decimal(digits, scale)),
        any::<i16>().prop_map(Shape::Date),
        any::<i32>().prop_map(Shape::Millis),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            (inner.clone(), 0..4_u8).prop_map(|(items, count)| Shape::Array(Box::new(items), count)),
            (inner.clone(), prop::collection::vec(any::<String>(), 0..3))
                .prop_map(|(values, names)| Shape::Map(Box::new(values), names)),
            (
                inner.clone().prop_filter("unions hold no unions", |inner| !matches!(inner, Shape::Union(..))),
                any::<bool>()
            )
                .prop_map(|(inner, second)| Shape::Union(Box::new(inner), second)),
            prop::collection::vec(inner, 0..4).prop_map(Shape::Record),
        ]
    })
}

/// A schema that references itself in every possible way.
fn hostile_schema() -> AvroSchema {
    schema(&json!({"type": "record", "name": "N", "fields": [
        {"name": "next", "type": ["null", "N"]},
        {"name": "list", "type": {"type": "array", "items": "N"}},
        {"name": "map", "type": {"type": "map", "values": ["N", "null", "double", {"type": "bytes", "logicalType": "decimal", "precision": 4}]}},
        {"name": "nulls", "type": {"type": "array", "items": "null"}},
        {"name": "text", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-nanos"}},
    ]}))
}

proptest! {
    #[test]
    fn values_written_by_the_crate_are_read_back(shape in shape()) {
        let text = shape.schema(&mut 0);
        let crates = Schema::parse(&text).unwrap();
        let bytes = GenericDatumWriter::builder(&crates).build().unwrap().write_value_to_vec(shape.avro()).unwrap();
        let ours = schema(&text);
        if matches!(shape, Shape::Bytes(_)) {
            // Without a length prefix, as written by Confluent's serializer.
            let Shape::Bytes(raw) = &shape else { unreachable!() };
            prop_assert_eq!(ours.decode(raw), Ok(shape.json()));
        } else {
            prop_assert_eq!(ours.decode(&bytes), Ok(shape.json()));
            let mut longer = bytes.clone();
            longer.push(0);
            prop_assert!(ours.decode(&longer).unwrap_err().to_string().contains("left over"));
            for end in 0..bytes.len() {
                prop_assert!(ours.decode(&bytes[..end]).is_err());
            }
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0..4_u8], 0..400)) {
        drop(hostile_schema().decode(&bytes));
    }
}

#[test]
fn depth_is_bounded_by_the_stack_of_a_worker() {
    let schema = hostile_schema();
    let error = on_a_workers_stack(|| schema.decode(&vec![2; 1 << 20]).unwrap_err().to_string());
    assert!(error.contains("values deep"), "{error}");
    let endless = self::schema(&json!({"type": "record", "name": "E", "fields": [{"name": "e", "type": "E"}]}));
    let error = on_a_workers_stack(|| endless.decode(&[]).unwrap_err().to_string());
    assert!(error.contains("values deep"), "{error}");
}

#[test]
fn lists_of_zero_size_elements_are_bounded() {
    let mut bytes = Vec::new();
    put_zigzag(&mut bytes, i64::MAX);
    for items in [json!("null"), json!({"type": "record", "name": "R", "fields": []})] {
        let schema = schema(&json!({"type": "array", "items": items}));
        let error = schema.decode(&bytes).unwrap_err().to_string();
        assert!(error.contains("too many values"), "{error}");
    }
    let mut huge = Vec::new();
    put_zigzag(&mut huge, i64::MAX);
    assert!(schema(&json!("string")).decode(&huge).unwrap_err().to_string().contains("truncated"));
}

#[test]
fn lists_may_have_blocks_with_byte_lengths() {
    let mut bytes = Vec::new();
    for number in [1, 7, -2, 2, 8, 9, 0] {
        put_zigzag(&mut bytes, number);
    }
    assert_eq!(schema(&json!({"type": "array", "items": "long"})).decode(&bytes), Ok(json!([7, 8, 9])));
}

#[test]
fn types_are_resolved_from_referenced_schemas() {
    let root = json!({"type": "record", "name": "Order", "namespace": "shop", "fields": [
        {"name": "from", "type": "Address"}, {"name": "to", "type": "shop.Address"}, {"name": "pay", "type": "money.Amount"}
    ]});
    let address = json!({"type": "record", "name": "Address", "namespace": "shop", "fields": [
        {"name": "city", "type": "City"}
    ]});
    let city = json!({"type": "enum", "name": "shop.City", "symbols": ["Bern", "Basel"]});
    let amount = json!({"type": "fixed", "name": "Amount", "namespace": "money", "size": 2, "logicalType": "decimal", "precision": 4, "scale": 2});
    let others: Vec<String> = [amount, address, city].iter().map(Value::to_string).collect();
    let schema = AvroSchema::parse(&root.to_string(), &others).unwrap();
    assert_eq!(
        schema.decode(&[0, 2, 0x01, 0x02]),
        Ok(json!({"from": {"city": "Bern"}, "to": {"city": "Basel"}, "pay": "2.58"}))
    );
    let error = AvroSchema::parse(&root.to_string(), &[]).unwrap_err().to_string();
    assert!(error.contains("Address"), "{error}");
}

#[test]
fn invalid_schemas_are_rejected() {
    for wrong in ["", "{", "\"strin\"", r#"{"type":"record"}"#, &"[".repeat(10_000)] {
        assert!(matches!(AvroSchema::parse(wrong, &[]), Err(Undecodable::Bad(_))), "{wrong}");
    }
}
