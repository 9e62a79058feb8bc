//! Reading schemas, as leniently as the readers of Java and Python do.
//!
//! A schema of a registry is that of a writer: it has to say how bytes are laid out, and nothing else matters. So a name may
//! be any text, a default value may be of any type, a symbol may come twice, and a logical type that does not fit its type
//! is ignored. What would make reading ambiguous is refused: a type that is defined nowhere, or twice in different ways, and
//! a record with two fields of one name.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::compile::{Node, Unit};

/// Reads a schema and those that it refers to; returns all types, and the place of the schema's own.
pub(super) fn parse(schema: &str, references: &[String]) -> Result<(Vec<Node>, usize), String> {
    let json = |text: &str| serde_json::from_str::<Value>(text).map_err(|error| format!("it is not JSON: {error}"));
    let root = json(schema)?;
    let references = references.iter().map(|text| json(text)).collect::<Result<Vec<_>, _>>()?;
    let mut definitions = Definitions::default();
    for schema in references.iter().chain([&root]) {
        definitions.collect(schema, "")?;
    }
    let mut parser = Parser { definitions, ..Parser::default() };
    let root = parser.place(&root, "")?;
    parser.finish()?;
    Ok((parser.nodes, root))
}

/// The definition of a named type.
#[derive(Clone, Copy)]
struct Definition<'a> {
    schema: &'a Map<String, Value>,
    kind: &'a str,
}

/// Every named type, by its full name.
#[derive(Default)]
struct Definitions<'a> {
    by_name: HashMap<String, Definition<'a>>,
    aliases: HashMap<String, String>,
}

/// The kind of a type that has a name, if this is the definition of one.
fn named_kind(schema: &Map<String, Value>) -> Option<&str> {
    let kind = schema.get("type")?.as_str()?;
    matches!(kind, "record" | "error" | "enum" | "fixed").then_some(kind)
}

/// A name in full: with its own namespace, with the given one, or with the one around it.
fn full_name(name: &str, namespace: &str) -> String {
    match name.strip_prefix('.') {
        Some(name) if !name.contains('.') => name.to_owned(),
        _ if name.contains('.') || namespace.is_empty() => name.to_owned(),
        _ => format!("{namespace}.{name}"),
    }
}

/// The namespace within a type of this full name.
fn namespace_of(full_name: &str) -> &str {
    full_name.rsplit_once('.').map_or("", |(namespace, _)| namespace)
}

/// The full name of a definition.
fn defined_name(schema: &Map<String, Value>, kind: &str, around: &str) -> Result<String, String> {
    let name = schema.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| format!("a type of the kind {kind} has no name"))?;
    let namespace = schema.get("namespace").and_then(Value::as_str).unwrap_or(around);
    Ok(full_name(name, namespace))
}

impl<'a> Definitions<'a> {
    /// Notes every named type that a schema defines.
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

    /// The full name of a type that a schema names: in the namespace around it, or in none, or by an alias.
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
    places: HashMap<String, usize>,
    /// Named types that have a place and are not read yet. They wait here rather than on the stack: a chain of types may be
    /// long.
    open: Vec<(usize, String)>,
}

impl<'a> Parser<'a> {
    fn finish(&mut self) -> Result<(), String> {
        while let Some((place, name)) = self.open.pop() {
            let Some(definition) = self.definitions.by_name.get(&name).copied() else { continue };
            let node = self.named(&name, definition)?;
            if let Some(slot) = self.nodes.get_mut(place) {
                *slot = node;
            }
        }
        Ok(())
    }

    fn push(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// The place of a named type, which is read later.
    fn place_of(&mut self, name: String) -> usize {
        if let Some(place) = self.places.get(&name) {
            return *place;
        }
        let place = self.push(Node::Null);
        self.places.insert(name.clone(), place);
        self.open.push((place, name));
        place
    }

    /// The place of a type; `around` is the namespace that it stands in.
    fn place(&mut self, schema: &Value, around: &str) -> Result<usize, String> {
        match schema {
            Value::String(name) => self.reference(name, around),
            Value::Array(variants) => {
                let variants = variants.iter().map(|one| self.place(one, around)).collect::<Result<_, _>>()?;
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
                    format!("it names the type {}, which is defined nowhere", full_name(name, around))
                })?;
                return Ok(self.place_of(full));
            }
        };
        Ok(self.push(node))
    }

    fn object(&mut self, schema: &Map<String, Value>, around: &str) -> Result<usize, String> {
        if let Some(kind) = named_kind(schema) {
            let name = defined_name(schema, kind, around)?;
            return Ok(self.place_of(name));
        }
        let inner = |key: &str| schema.get(key).ok_or_else(|| format!("a type has no {key}"));
        match inner("type")? {
            Value::String(kind) if kind == "array" => {
                let items = self.place(inner("items")?, around)?;
                Ok(self.push(Node::Array(items)))
            }
            Value::String(kind) if kind == "map" => {
                let values = self.place(inner("values")?, around)?;
                Ok(self.push(Node::Map(values)))
            }
            kind => {
                // The logical type may stand around the definition of a fixed type, and is meant for this use of it then.
                if let Some(inner) = kind.as_object().filter(|inner| named_kind(inner) == Some("fixed"))
                    && let Some(node) = logical(&fixed(inner)?, schema)
                {
                    return Ok(self.push(node));
                }
                let place = self.place(kind, around)?;
                let Some(node) = self.nodes.get(place) else { return Ok(place) };
                match logical(node, schema) {
                    Some(node) => Ok(self.push(node)),
                    None => Ok(place),
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
            let place = match field.get("type") {
                Some(schema) => self.place(schema, namespace_of(name)),
                None => Err("it has no type".into()),
            };
            let place = place.map_err(|error| format!("the field {field_name} of the record {name}: {error}"))?;
            read.push((field_name.to_owned(), place));
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

/// What a logical type makes of a type; `None` where there is none that fits.
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

/// The scale of a decimal; `None` where precision and scale make no sense together, and it is bytes.
fn scale(schema: &Map<String, Value>) -> Option<usize> {
    let precision = schema.get("precision")?.as_u64().filter(|precision| *precision > 0)?;
    let scale = schema.get("scale").map_or(Some(0), Value::as_u64)?;
    if scale <= precision { usize::try_from(scale).ok() } else { None }
}

#[cfg(test)]
#[path = "parse_test.rs"]
mod parse_test;
