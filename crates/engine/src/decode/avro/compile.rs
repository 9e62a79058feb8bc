//! Schemas compiled for fast reading: every type name is resolved to an index.

use super::{super::Undecodable, node::Node, parse};

/// A schema with all types it references.
#[derive(Debug)]
pub struct AvroSchema {
    nodes: Vec<Node>,
    root: usize,
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
