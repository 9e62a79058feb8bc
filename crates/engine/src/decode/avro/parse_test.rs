//! Tests of schemas that lenient parsers accept, and of rejected ones.

use serde_json::json;

use super::super::super::{avro::AvroSchema, fixtures};

#[test]
fn values_written_by_fastavro_are_read() {
    for case in fixtures::avro() {
        let schema = AvroSchema::parse(&case.schema, &case.references);
        let schema = schema.unwrap_or_else(|error| panic!("{}: {error}", case.what));
        assert_eq!(schema.decode(&case.bytes()), Ok(case.expected), "{}", case.what);
    }
}

fn error(schema: &serde_json::Value) -> String {
    AvroSchema::parse(&schema.to_string(), &[]).unwrap_err().to_string()
}

#[test]
fn errors_contain_the_field() {
    let schema = json!({"type": "record", "name": "a.R", "fields": [
        {"name": "ok", "type": "int"}, {"name": "m", "type": {"type": "map", "values": "Missing"}}
    ]});
    let error = error(&schema);
    for part in ["the field m", "record a.R", "type a.Missing, which is not defined"] {
        assert!(error.contains(part), "{error}");
    }
    let lines = json!({"type": "record", "name": "R", "fields": [{"name": "lines", "type": {"type": "array", "items":
        {"type": "record", "name": "L", "fields": [{"name": "ok", "type": "int"}, {"name": "on", "type": "boolean"}]}
    }}]});
    let schema = AvroSchema::parse(&lines.to_string(), &[]).unwrap();
    let error = schema.decode(&[4, 2, 1, 2, 7, 0]).unwrap_err().to_string();
    assert!(error.starts_with("field lines.1.on: a boolean is neither 0 nor 1"), "{error}");
    let error = schema.decode(&[4, 2]).unwrap_err().to_string();
    assert!(error.starts_with("field lines.0.on: it is truncated"), "{error}");
}

#[test]
fn ambiguous_schemas_are_rejected() {
    let field = |name: &str, kind: serde_json::Value| json!({"name": name, "type": kind});
    let fixed = |size: u8| json!({"type": "fixed", "name": "F", "size": size});
    let twice = json!({"type": "record", "name": "R", "fields": [field("a", fixed(1)), field("b", fixed(2))]});
    assert!(error(&twice).contains("defines the type F twice"), "{}", error(&twice));
    let same = json!({"type": "record", "name": "R", "fields": [field("a", fixed(1)), field("b", fixed(1))]});
    assert!(AvroSchema::parse(&same.to_string(), &[]).is_ok());
    let names = json!({"type": "record", "name": "R", "fields": [field("a", json!("int")), field("a", json!("int"))]});
    assert!(error(&names).contains("two fields with the name a"), "{}", error(&names));
}

#[test]
fn long_chain_of_types_uses_no_stack() {
    let mut types: Vec<_> = (0..50_000)
        .map(|at| json!({"type": "record", "name": format!("R{at}"), "fields": [{"name": "f", "type": format!("R{}", at + 1)}]}))
        .collect();
    types.push(json!({"type": "record", "name": "R50000", "fields": []}));
    assert!(AvroSchema::parse(&json!(types).to_string(), &[]).is_ok());
}

#[test]
fn names_are_resolved_in_namespace_then_globally_then_by_alias() {
    let schema = json!({"type": "record", "name": "n.R", "fields": [
        {"name": "a", "type": {"type": "fixed", "name": "A", "size": 1, "aliases": ["Old", "other.Older"]}},
        {"name": "b", "type": {"type": "fixed", "name": "B", "namespace": "", "size": 2}},
        {"name": "c", "type": "A"}, {"name": "d", "type": "n.A"}, {"name": "e", "type": "B"}, {"name": "f", "type": "Old"},
        {"name": "g", "type": "other.Older"},
    ]});
    let schema = AvroSchema::parse(&schema.to_string(), &[]).unwrap();
    assert_eq!(
        schema.decode(&[0; 9]),
        Ok(json!({"a": "AA==", "b": "AAA=", "c": "AA==", "d": "AA==", "e": "AAA=", "f": "AA==", "g": "AA=="}))
    );
}

#[test]
fn logical_type_may_wrap_a_fixed_type() {
    let schema = json!({"logicalType": "decimal", "precision": 4, "scale": 2,
        "type": {"type": "fixed", "name": "F", "size": 2}});
    assert_eq!(AvroSchema::parse(&schema.to_string(), &[]).unwrap().decode(&[4, 0xd2]), Ok(json!("12.34")));
}
