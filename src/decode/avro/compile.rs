//! From a schema as JSON to one that is quick to read values with: every name is a place in a list.

use std::collections::HashMap;

use apache_avro::schema::{DecimalSchema, InnerDecimalSchema, Schema, UuidSchema};

use super::super::Undecodable;

/// A schema with everything it refers to.
#[derive(Debug)]
pub struct AvroSchema {
    nodes: Vec<Node>,
    root: usize,
}

/// A type; other types are places in the list of all.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Array(usize),
    Map(usize),
    Union(Vec<usize>),
    Record(Vec<(String, usize)>),
    Enum(Vec<String>),
    Fixed(usize),
    /// With its scale; `fixed` is its size in bytes, where it has one.
    Decimal {
        scale: usize,
        fixed: Option<usize>,
    },
    BigDecimal,
    /// Sixteen bytes; others are strings.
    FixedUuid,
    /// The same with a length in front, as some writers have it.
    BytesUuid,
    Date,
    TimeMillis,
    TimeMicros,
    Timestamp(Unit),
    LocalTimestamp(Unit),
    Duration,
}

/// The unit of a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

impl AvroSchema {
    /// Reads a schema; `references` are the schemas of the named types that it does not define itself.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(schema: &str, references: &[String]) -> Result<Self, Undecodable> {
        let wrong = |error: apache_avro::Error| Undecodable::bad(format!("its schema cannot be used: {error}"));
        let (root, others) = Schema::parse_str_with_list(schema, references).map_err(wrong)?;
        let mut compiler = Compiler::default();
        for schema in others.iter().chain([&root]) {
            compiler.define(schema, None);
        }
        let root = compiler.node(&root, None)?;
        Ok(Self { nodes: compiler.nodes, root })
    }

    pub(super) fn root(&self) -> usize {
        self.root
    }

    /// Every place in the list comes from the list itself; another one reads as null.
    pub(super) fn node(&self, place: usize) -> &Node {
        self.nodes.get(place).unwrap_or(&Node::Null)
    }
}

#[derive(Default)]
struct Compiler<'a> {
    nodes: Vec<Node>,
    /// Named types, with the namespace around them.
    defined: HashMap<String, (&'a Schema, Option<String>)>,
    named: HashMap<String, usize>,
}

/// The full name of a type that has one, in its namespace.
fn full_name(schema: &Schema, namespace: Option<&str>) -> Option<String> {
    match schema {
        Schema::Ref { .. } => None,
        Schema::Duration(fixed)
        | Schema::Uuid(UuidSchema::Fixed(fixed))
        | Schema::Decimal(DecimalSchema { inner: InnerDecimalSchema::Fixed(fixed), .. }) => {
            Some(fixed.name.fullname(namespace))
        }
        other => other.name().map(|name| name.fullname(namespace)),
    }
}

/// The namespace within a type of this full name.
fn namespace_of(full_name: &str) -> Option<String> {
    full_name.rsplit_once('.').map(|(namespace, _)| namespace.to_owned())
}

impl<'a> Compiler<'a> {
    /// Notes where each name is defined.
    fn define(&mut self, schema: &'a Schema, namespace: Option<&str>) {
        let name = full_name(schema, namespace);
        if let Some(name) = &name {
            self.defined.entry(name.clone()).or_insert((schema, namespace.map(str::to_owned)));
        }
        match schema {
            Schema::Array(array) => self.define(&array.items, namespace),
            Schema::Map(map) => self.define(&map.types, namespace),
            Schema::Union(union) => union.variants().iter().for_each(|one| self.define(one, namespace)),
            Schema::Record(record) => {
                let inner = name.as_deref().and_then(namespace_of);
                record.fields.iter().for_each(|field| self.define(&field.schema, inner.as_deref()));
            }
            _ => {}
        }
    }

    /// The place of a type; it is put into the list unless it is there.
    fn node(&mut self, schema: &Schema, namespace: Option<&str>) -> Result<usize, Undecodable> {
        if let Schema::Ref { name } = schema {
            let name = name.fullname(namespace);
            if let Some(place) = self.named.get(&name) {
                return Ok(*place);
            }
            let (schema, around) = self.defined.get(&name).cloned().ok_or_else(|| {
                Undecodable::bad(format!("its schema names the type {name}, which is defined nowhere"))
            })?;
            return self.node(schema, around.as_deref());
        }
        let name = full_name(schema, namespace);
        if let Some(place) = name.as_ref().and_then(|name| self.named.get(name)) {
            return Ok(*place);
        }
        // The place is taken first: a type may be within itself.
        let place = self.nodes.len();
        self.nodes.push(Node::Null);
        let inner = name.as_deref().map_or_else(|| namespace.map(str::to_owned), namespace_of);
        if let Some(name) = name {
            self.named.insert(name, place);
        }
        let node = self.compile(schema, inner.as_deref())?;
        if let Some(slot) = self.nodes.get_mut(place) {
            *slot = node;
        }
        Ok(place)
    }

    fn compile(&mut self, schema: &Schema, namespace: Option<&str>) -> Result<Node, Undecodable> {
        Ok(match schema {
            Schema::Null | Schema::Ref { .. } => Node::Null,
            Schema::Boolean => Node::Boolean,
            Schema::Int => Node::Int,
            Schema::Long => Node::Long,
            Schema::Float => Node::Float,
            Schema::Double => Node::Double,
            Schema::Bytes => Node::Bytes,
            Schema::String | Schema::Uuid(UuidSchema::String) => Node::String,
            Schema::Array(array) => Node::Array(self.node(&array.items, namespace)?),
            Schema::Map(map) => Node::Map(self.node(&map.types, namespace)?),
            Schema::Union(union) => {
                let variants = union.variants().iter().map(|one| self.node(one, namespace));
                Node::Union(variants.collect::<Result<_, _>>()?)
            }
            Schema::Record(record) => {
                let fields = record.fields.iter();
                let fields = fields.map(|field| Ok((field.name.clone(), self.node(&field.schema, namespace)?)));
                Node::Record(fields.collect::<Result<_, Undecodable>>()?)
            }
            Schema::Enum(one) => Node::Enum(one.symbols.clone()),
            Schema::Fixed(fixed) => Node::Fixed(fixed.size),
            Schema::Decimal(decimal) => Node::Decimal {
                scale: decimal.scale,
                fixed: match &decimal.inner {
                    InnerDecimalSchema::Bytes => None,
                    InnerDecimalSchema::Fixed(fixed) => Some(fixed.size),
                },
            },
            Schema::BigDecimal => Node::BigDecimal,
            Schema::Uuid(UuidSchema::Fixed(_)) => Node::FixedUuid,
            Schema::Uuid(UuidSchema::Bytes) => Node::BytesUuid,
            Schema::Date => Node::Date,
            Schema::TimeMillis => Node::TimeMillis,
            Schema::TimeMicros => Node::TimeMicros,
            Schema::TimestampMillis => Node::Timestamp(Unit::Millis),
            Schema::TimestampMicros => Node::Timestamp(Unit::Micros),
            Schema::TimestampNanos => Node::Timestamp(Unit::Nanos),
            Schema::LocalTimestampMillis => Node::LocalTimestamp(Unit::Millis),
            Schema::LocalTimestampMicros => Node::LocalTimestamp(Unit::Micros),
            Schema::LocalTimestampNanos => Node::LocalTimestamp(Unit::Nanos),
            Schema::Duration(_) => Node::Duration,
        })
    }
}
