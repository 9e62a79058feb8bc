//! Converts messages to JSON.
//!
//! A message that the JSON mapping of Protocol Buffers cannot represent does not fail the record: it is converted field
//! by field, or to `{"base64": …}`.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, ReflectMessage, Value as Field};
use serde_json::{Map, Value, json};

use super::super::float::{double, single};

/// Maximum nesting depth at which an `Any` is still decoded: each one starts a new decoder, which bounds only its own
/// depth.
const MAX_ANY_DEPTH: usize = 24;
/// Valid timestamps: 0001-01-01 to 9999-12-31, in seconds since 1970.
const TIMESTAMP_SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// Valid durations in seconds: about 10,000 years in both directions.
const DURATION_SECONDS: std::ops::RangeInclusive<i64> = -315_576_000_000..=315_576_000_000;
const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// A message as JSON.
pub(super) fn message(message: &DynamicMessage) -> Value {
    of_message(message, 0)
}

fn of_message(message: &DynamicMessage, depth: usize) -> Value {
    well_known(message, depth).unwrap_or_else(|| Value::Object(fields(message, depth)))
}

/// All fields that are set, and fields without presence with their default values.
fn fields(message: &DynamicMessage, depth: usize) -> Map<String, Value> {
    let mut map = Map::new();
    for field in message.descriptor().fields() {
        if field.supports_presence() && !message.has_field(&field) {
            continue;
        }
        map.insert(field.name().to_owned(), of_field(&message.get_field(&field), &field.kind(), depth + 1));
    }
    for (extension, value) in message.extensions() {
        map.insert(extension.json_name().to_owned(), of_field(value, &extension.kind(), depth + 1));
    }
    map
}

fn of_field(value: &Field, kind: &Kind, depth: usize) -> Value {
    match value {
        Field::Message(inner) => of_message(inner, depth),
        Field::List(items) => items.iter().map(|item| of_field(item, kind, depth)).collect(),
        Field::Map(entries) => {
            let kind = match kind {
                Kind::Message(entry) if entry.is_map_entry() => entry.map_entry_value_field().kind(),
                other => other.clone(),
            };
            let entry = |(key, value): (&MapKey, &Field)| (key_text(key), of_field(value, &kind, depth));
            // Sorted, because the map has no order.
            let mut entries: Vec<(String, Value)> = entries.iter().map(entry).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        scalar => of_scalar(scalar, kind),
    }
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

fn of_scalar(value: &Field, kind: &Kind) -> Value {
    match value {
        Field::Bool(value) => Value::Bool(*value),
        Field::I32(value) => Value::from(*value),
        Field::I64(value) => Value::from(*value),
        Field::U32(value) => Value::from(*value),
        Field::U64(value) => Value::from(*value),
        Field::F32(value) => single(*value),
        Field::F64(value) => double(*value),
        Field::String(value) => Value::String(value.clone()),
        Field::Bytes(value) => Value::String(STANDARD.encode(value)),
        Field::EnumNumber(number) => match kind {
            Kind::Enum(kind) if kind.full_name() == "google.protobuf.NullValue" => Value::Null,
            Kind::Enum(kind) => {
                kind.get_value(*number).map_or_else(|| Value::from(*number), |symbol| Value::from(symbol.name()))
            }
            _ => Value::from(*number),
        },
        Field::Message(_) | Field::List(_) | Field::Map(_) => Value::Null,
    }
}

/// The JSON of a well-known type; `None` if the type is not one, or the value cannot be represented.
fn well_known(message: &DynamicMessage, depth: usize) -> Option<Value> {
    let descriptor = message.descriptor();
    match descriptor.full_name().strip_prefix("google.protobuf.")? {
        "Any" => any(message, depth),
        "Timestamp" => timestamp(number(message, "seconds")?, number(message, "nanos")?),
        "Duration" => duration(number(message, "seconds")?, number(message, "nanos")?),
        "FieldMask" => field_mask(message),
        "Empty" => Some(json!({})),
        "Struct" => by_name(message, "fields", depth),
        "ListValue" => by_name(message, "values", depth),
        "Value" => {
            let of_kind = |(field, value): (FieldDescriptor, &Field)| of_field(value, &field.kind(), depth + 1);
            Some(message.fields().next().map_or(Value::Null, of_kind))
        }
        "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value" | "UInt32Value" | "BoolValue"
        | "StringValue" | "BytesValue" => by_name(message, "value", depth),
        _ => None,
    }
}

fn by_name(message: &DynamicMessage, name: &str, depth: usize) -> Option<Value> {
    let field = message.descriptor().get_field_by_name(name)?;
    Some(of_field(&message.get_field(&field), &field.kind(), depth + 1))
}

fn number(message: &DynamicMessage, name: &str) -> Option<i64> {
    match *message.get_field_by_name(name)? {
        Field::I64(number) => Some(number),
        Field::I32(number) => Some(i64::from(number)),
        _ => None,
    }
}

/// The inner message and its type. If the type is unknown, or the bytes are not such a message, they are returned as
/// base64.
fn any(message: &DynamicMessage, depth: usize) -> Option<Value> {
    let (url, bytes) = (message.get_field_by_name("type_url")?, message.get_field_by_name("value")?);
    let (url, bytes) = (url.as_str()?, bytes.as_bytes()?);
    let known = if depth < MAX_ANY_DEPTH { any_content(message, url, bytes) } else { None };
    let Some(inner) = known else {
        return Some(json!({"@type": url, "value": {"base64": STANDARD.encode(bytes)}}));
    };
    let mut map = Map::new();
    map.insert("@type".into(), Value::from(url));
    match well_known(&inner, depth + 1) {
        Some(value) => {
            map.insert("value".into(), value);
        }
        None => map.extend(fields(&inner, depth + 1)),
    }
    Some(Value::Object(map))
}

fn any_content(message: &DynamicMessage, url: &str, bytes: &[u8]) -> Option<DynamicMessage> {
    let name = url.rsplit_once('/').map_or(url, |(_, name)| name);
    let descriptor: MessageDescriptor = message.descriptor().parent_pool().get_message_by_name(name)?;
    DynamicMessage::decode(descriptor, bytes).ok()
}

fn timestamp(seconds: i64, nanos: i64) -> Option<Value> {
    if !TIMESTAMP_SECONDS.contains(&seconds) || !(0..i64::from(NANOS_PER_SECOND)).contains(&nanos) {
        return None;
    }
    let at = DateTime::from_timestamp(seconds, u32::try_from(nanos).ok()?)?;
    Some(Value::String(at.to_rfc3339_opts(SecondsFormat::AutoSi, true)))
}

fn duration(seconds: i64, nanos: i64) -> Option<Value> {
    let signs_differ = seconds.signum() * nanos.signum() < 0;
    if !DURATION_SECONDS.contains(&seconds) || nanos.abs() >= i64::from(NANOS_PER_SECOND) || signs_differ {
        return None;
    }
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    let (seconds, nanos) = (seconds.abs(), nanos.abs());
    Some(Value::String(match nanos {
        0 => format!("{sign}{seconds}s"),
        _ if nanos % 1_000_000 == 0 => format!("{sign}{seconds}.{:03}s", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => format!("{sign}{seconds}.{:06}s", nanos / 1_000),
        _ => format!("{sign}{seconds}.{nanos:09}s"),
    }))
}

fn field_mask(message: &DynamicMessage) -> Option<Value> {
    let paths = message.get_field_by_name("paths")?;
    let paths: Option<Vec<String>> = paths.as_list()?.iter().map(|path| camel_case(path.as_str()?)).collect();
    Some(Value::String(paths?.join(",")))
}

/// A path in camel case; `None` if the conversion is not reversible.
fn camel_case(path: &str) -> Option<String> {
    let mut out = String::with_capacity(path.len());
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '_' => out.push(letters.next().filter(char::is_ascii_lowercase)?.to_ascii_uppercase()),
            ',' => return None,
            _ if letter.is_ascii_uppercase() => return None,
            _ => out.push(letter),
        }
    }
    Some(out)
}
