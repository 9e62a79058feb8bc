//! A schema that is quick to read values with: every name is a place in a list.

use super::{super::Undecodable, parse};

/// A schema with everything it refers to.
#[derive(Debug)]
pub struct AvroSchema {
    nodes: Vec<Node>,
    root: usize,
}

/// A type; other types are places in the list of all.
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
    /// What is wrong with it, and where.
    pub fn parse(schema: &str, references: &[String]) -> Result<Self, Undecodable> {
        let (nodes, root) = parse::parse(schema, references)
            .map_err(|error| Undecodable::bad(format!("its schema cannot be used: {error}")))?;
        Ok(Self { nodes, root })
    }

    pub(super) fn root(&self) -> usize {
        self.root
    }

    /// Every place in the list comes from the list itself; another one reads as null.
    pub(super) fn node(&self, place: usize) -> &Node {
        self.nodes.get(place).unwrap_or(&Node::Null)
    }
}
