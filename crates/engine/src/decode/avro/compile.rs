//! Schemas compiled for fast reading: every type name is resolved to an index.

use super::{super::Undecodable, parse};

/// A schema with all types it references.
#[derive(Debug)]
pub struct AvroSchema {
    nodes: Vec<Node>,
    root: usize,
}

/// A type. Other types are referenced by their index in [`AvroSchema`]'s list.
#[derive(Clone, Debug)]
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
    /// `fixed` is its size in bytes if it is a fixed type.
    Decimal {
        scale: usize,
        fixed: Option<usize>,
    },
    BigDecimal,
    /// A UUID as sixteen bytes. UUIDs as strings are [`Node::String`].
    FixedUuid,
    /// A UUID as length-prefixed bytes, as some writers encode it.
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
    /// Parses a schema; `references` are the schemas of named types that it does not define.
    ///
    /// # Errors
    /// Why the schema is invalid, with the location.
    pub fn parse(schema: &str, references: &[String]) -> Result<Self, Undecodable> {
        let (nodes, root) =
            parse::parse(schema, references).map_err(|error| Undecodable::bad(format!("invalid schema: {error}")))?;
        Ok(Self { nodes, root })
    }

    pub(super) fn root(&self) -> usize {
        self.root
    }

    /// All indexes come from the list itself; an invalid one would read as null.
    pub(super) fn node(&self, index: usize) -> &Node {
        self.nodes.get(index).unwrap_or(&Node::Null)
    }
}
