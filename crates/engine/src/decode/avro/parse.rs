//! Parses schemas as leniently as the parsers of Java and Python.
//!
//! A registry's schema is a writer's schema: it only has to define the layout of bytes. So a name may be any text, a
//! default value may be of any type, an enum symbol may occur twice, and a logical type that does not fit its type is
//! ignored. Ambiguous schemas are rejected: a type that is undefined, or defined twice in different ways, and a record
//! with two fields of the same name.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::node::{Node, Unit};

/// Parses a schema and the schemas it references; returns all types, and the index of the schema's own type.
pub(super) fn parse(schema: &str, references: &[String]) -> Result<(Vec<Node>, usize), String> {
    let json = |text: &str| serde_json::from_str::<Value>(text).map_err(|error| format!("it is not JSON: {error}"));
    let root = json(schema)?;
    let references = references.iter().map(|text| json(text)).collect::<Result<Vec<_>, _>>()?;
    let mut definitions = Definitions::default();
    for schema in references.iter().chain([&root]) {
        definitions.collect(schema, "")?;
    }
    let mut parser = Parser { definitions, ..Parser::default() };
    let root = parser.type_index(&root, "")?;
    parser.finish()?;
    Ok((parser.nodes, root))
}

/// The definition of a named type.
#[derive(Clone, Copy)]
struct Definition<'a> {
    schema: &'a Map<String, Value>,
    kind: &'a str,
}

/// All named types by full name.
#[derive(Default)]
struct Definitions<'a> {
    by_name: HashMap<String, Definition<'a>>,
    aliases: HashMap<String, String>,
}

/// The kind of the named type that this schema defines, if any.
fn named_kind(schema: &Map<String, Value>) -> Option<&str> {
    let kind = schema.get("type")?.as_str()?;
    matches!(kind, "record" | "error" | "enum" | "fixed").then_some(kind)
}

/// The full name: with its own namespace, or with the given one.
fn full_name(name: &str, namespace: &str) -> String {
    match name.strip_prefix('.') {
        Some(name) if !name.contains('.') => name.to_owned(),
        _ if name.contains('.') || namespace.is_empty() => name.to_owned(),
        _ => format!("{namespace}.{name}"),
    }
}

/// The namespace part of a full name.
fn namespace_of(full_name: &str) -> &str {
    full_name.rsplit_once('.').map_or("", |(namespace, _)| namespace)
}

/// The full name of a definition; `around` is the enclosing namespace.
fn defined_name(schema: &Map<String, Value>, kind: &str, around: &str) -> Result<String, String> {
    let name = schema.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| format!("a type of the kind {kind} has no name"))?;
    let namespace = schema.get("namespace").and_then(Value::as_str).unwrap_or(around);
    Ok(full_name(name, namespace))
}

impl<'a> Definitions<'a> {
    /// Collects all named types that a schema defines.
    fn collect(&mut self, schema: &'a Value, around: &str) -> Result<(), String> {
        match schema {
            Value::Array(variants) => variants.iter().try_for_each(|one| self.collect(one, around)),
            Value::Object(schema) => match named_kind(schema) {
                Some(kind) => self.define(schema, kind, around),
                None => ["type", "items", "values"]
                    .into_iter()
                    .filter_map(|key| schema.get(key))
                    .try_for_each(|inner| self.collect(inner, around)),
            },
            _ => Ok(()),
        }
    }

    fn define(&mut self, schema: &'a Map<String, Value>, kind: &'a str, around: &str) -> Result<(), String> {
        let name = defined_name(schema, kind, around)?;
        let before = self.by_name.insert(name.clone(), Definition { schema, kind });
        if before.is_some_and(|before| before.schema != schema) {
            return Err(format!("it defines the type {name} twice, in different ways"));
        }
        let namespace = namespace_of(&name).to_owned();
        for alias in schema.get("aliases").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            self.aliases.entry(full_name(alias, &namespace)).or_insert_with(|| name.clone());
        }
        let fields = schema.get("fields").and_then(Value::as_array);
        fields
            .into_iter()
            .flatten()
            .filter_map(|field| field.get("type"))
            .try_for_each(|one| self.collect(one, &namespace))
    }

    /// Resolves a type name: first in the enclosing namespace, then without one, then as an alias.
    fn resolve(&self, name: &str, around: &str) -> Option<String> {
        let full = full_name(name, around);
        if self.by_name.contains_key(&full) {
            return Some(full);
        }
        if self.by_name.contains_key(name) {
            return Some(name.to_owned());
        }
        self.aliases.get(&full).or_else(|| self.aliases.get(name)).cloned()
    }
}

#[derive(Default)]
struct Parser<'a> {
    nodes: Vec<Node>,
    definitions: Definitions<'a>,
    indexes: HashMap<String, usize>,
    /// Named types that have an index but are not parsed yet. They are queued rather than parsed recursively, because a
    /// chain of types may be long.
    queue: Vec<(usize, String)>,
}

impl<'a> Parser<'a> {
    fn finish(&mut self) -> Result<(), String> {
        while let Some((index, name)) = self.queue.pop() {
            let Some(definition) = self.definitions.by_name.get(&name).copied() else { continue };
            let node = self.named(&name, definition)?;
            if let Some(slot) = self.nodes.get_mut(index) {
                *slot = node;
            }
        }
        Ok(())
    }

    fn push(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The index of a named type, which is parsed later.
    fn named_index(&mut self, name: String) -> usize {
        if let Some(index) = self.indexes.get(&name) {
            return *index;
        }
        let index = self.push(Node::Null);
        self.indexes.insert(name.clone(), index);
        self.queue.push((index, name));
        index
    }

    /// The index of a type; `around` is the enclosing namespace.
    fn type_index(&mut self, schema: &Value, around: &str) -> Result<usize, String> {
        match schema {
            Value::String(name) => self.reference(name, around),
            Value::Array(variants) => {
                let variants = variants.iter().map(|one| self.type_index(one, around)).collect::<Result<_, _>>()?;
                Ok(self.push(Node::Union(variants)))
            }
            Value::Object(schema) => self.object(schema, around),
            _ => Err("a type is neither a name, nor a list, nor an object".into()),
        }
    }

    fn reference(&mut self, name: &str, around: &str) -> Result<usize, String> {
        let node = match name {
            "null" => Node::Null,
            "boolean" => Node::Boolean,
            "int" => Node::Int,
            "long" => Node::Long,
            "float" => Node::Float,
            "double" => Node::Double,
            "bytes" => Node::Bytes,
            "string" => Node::String,
            _ => {
                let full = self.definitions.resolve(name, around);
                let full = full.ok_or_else(|| {
                    format!("it references the type {}, which is not defined", full_name(name, around))
                })?;
                return Ok(self.named_index(full));
            }
        };
        Ok(self.push(node))
    }

    fn object(&mut self, schema: &Map<String, Value>, around: &str) -> Result<usize, String> {
        if let Some(kind) = named_kind(schema) {
            let name = defined_name(schema, kind, around)?;
            return Ok(self.named_index(name));
        }
        let inner = |key: &str| schema.get(key).ok_or_else(|| format!("a type has no {key}"));
        match inner("type")? {
            Value::String(kind) if kind == "array" => {
                let items = self.type_index(inner("items")?, around)?;
                Ok(self.push(Node::Array(items)))
            }
            Value::String(kind) if kind == "map" => {
                let values = self.type_index(inner("values")?, around)?;
                Ok(self.push(Node::Map(values)))
            }
            kind => {
                // The logical type may be outside the definition of a fixed type; it then applies to this use of the
                // type only.
                if let Some(inner) = kind.as_object().filter(|inner| named_kind(inner) == Some("fixed"))
                    && let Some(node) = logical(&fixed(inner)?, schema)
                {
                    return Ok(self.push(node));
                }
                let index = self.type_index(kind, around)?;
                let Some(node) = self.nodes.get(index) else { return Ok(index) };
                match logical(node, schema) {
                    Some(node) => Ok(self.push(node)),
                    None => Ok(index),
                }
            }
        }
    }

    fn named(&mut self, name: &str, Definition { schema, kind }: Definition<'a>) -> Result<Node, String> {
        match kind {
            "enum" => {
                let symbols = schema.get("symbols").and_then(Value::as_array);
                let symbols: Option<Vec<String>> =
                    symbols.and_then(|all| all.iter().map(|symbol| symbol.as_str().map(str::to_owned)).collect());
                let symbols = symbols.ok_or_else(|| format!("the enum {name} has no list of symbols"))?;
                Ok(Node::Enum(symbols))
            }
            "fixed" => {
                let fixed = fixed(schema)?;
                Ok(logical(&fixed, schema).unwrap_or(fixed))
            }
            _ => self.record(name, schema),
        }
    }

    fn record(&mut self, name: &str, schema: &'a Map<String, Value>) -> Result<Node, String> {
        let fields = schema.get("fields").and_then(Value::as_array);
        let fields = fields.ok_or_else(|| format!("the record {name} has no list of fields"))?;
        let mut read = Vec::with_capacity(fields.len());
        let mut names = HashSet::with_capacity(fields.len());
        for field in fields {
            let field_name = field.get("name").and_then(Value::as_str);
            let field_name = field_name.ok_or_else(|| format!("a field of the record {name} has no name"))?;
            if !names.insert(field_name) {
                return Err(format!("the record {name} has two fields with the name {field_name}"));
            }
            let index = match field.get("type") {
                Some(schema) => self.type_index(schema, namespace_of(name)),
                None => Err("it has no type".into()),
            };
            let index = index.map_err(|error| format!("the field {field_name} of the record {name}: {error}"))?;
            read.push((field_name.to_owned(), index));
        }
        Ok(Node::Record(read))
    }
}

fn fixed(schema: &Map<String, Value>) -> Result<Node, String> {
    let size = schema.get("size").and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    size.map(Node::Fixed).ok_or_else(|| {
        format!("the fixed type {} has no size", schema.get("name").and_then(Value::as_str).unwrap_or_default())
    })
}

/// Applies a logical type to a type; `None` if there is none that fits.
fn logical(node: &Node, schema: &Map<String, Value>) -> Option<Node> {
    let name = schema.get("logicalType")?.as_str()?;
    Some(match (name, node) {
        ("decimal", Node::Bytes) => Node::Decimal { scale: scale(schema)?, fixed: None },
        ("decimal", Node::Fixed(size)) => Node::Decimal { scale: scale(schema)?, fixed: Some(*size) },
        ("big-decimal", Node::Bytes) => Node::BigDecimal,
        ("uuid", Node::String) => Node::String,
        ("uuid", Node::Fixed(16)) => Node::FixedUuid,
        ("uuid", Node::Bytes) => Node::BytesUuid,
        ("date", Node::Int) => Node::Date,
        ("time-millis", Node::Int) => Node::TimeMillis,
        ("time-micros", Node::Long) => Node::TimeMicros,
        ("timestamp-millis", Node::Long) => Node::Timestamp(Unit::Millis),
        ("timestamp-micros", Node::Long) => Node::Timestamp(Unit::Micros),
        ("timestamp-nanos", Node::Long) => Node::Timestamp(Unit::Nanos),
        ("local-timestamp-millis", Node::Long) => Node::LocalTimestamp(Unit::Millis),
        ("local-timestamp-micros", Node::Long) => Node::LocalTimestamp(Unit::Micros),
        ("local-timestamp-nanos", Node::Long) => Node::LocalTimestamp(Unit::Nanos),
        ("duration", Node::Fixed(12)) => Node::Duration,
        _ => return None,
    })
}

/// The scale of a decimal; `None` if precision and scale are invalid, and the decimal is treated as bytes.
fn scale(schema: &Map<String, Value>) -> Option<usize> {
    let precision = schema.get("precision")?.as_u64().filter(|precision| *precision > 0)?;
    let scale = schema.get("scale").map_or(Some(0), Value::as_u64)?;
    if scale <= precision { usize::try_from(scale).ok() } else { None }
}

#[cfg(test)]
#[path = "parse_test.rs"]
mod parse_test;
