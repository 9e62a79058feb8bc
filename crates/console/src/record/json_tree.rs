//! The values of a JSON text, in the order in which they are written, each with what it contains.

use std::{ops::Range, sync::Arc};

/// Maximum number of values. A text with more is shown as text.
const MAX_NODES: usize = 100_000;

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A string, a number, `true`, `false` or `null`.
    Scalar,
    /// An object.
    Object,
    /// A list.
    List,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The number of values that contain it.
    pub depth: usize,
    /// Its kind.
    pub kind: NodeKind,
    /// The number of its members or elements.
    pub children: usize,
    /// The index after the last value that it contains.
    pub end: usize,
    /// The value that contains it; `None` for the outermost one.
    pub parent: Option<usize>,
    name: Option<Range<usize>>,
    value: Range<usize>,
}

impl Node {
    /// Whether it contains other values.
    #[must_use]
    pub fn is_foldable(&self) -> bool {
        self.children > 0
    }
}

/// The values of a JSON text. The first one contains all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonTree {
    text: Arc<str>,
    nodes: Vec<Node>,
}

impl JsonTree {
    /// Finds the values of a JSON text. `None` if it is not JSON, or has more than 100,000 values.
    #[must_use]
    pub fn parse(text: &Arc<str>) -> Option<Self> {
        let mut scan = Scan { bytes: text.as_bytes(), at: 0, nodes: Vec::new(), open: Vec::new() };
        scan.all()?;
        Some(Self { text: Arc::clone(text), nodes: scan.nodes })
    }

    /// The values, each before those that it contains.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// A value by its index.
    #[must_use]
    pub fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// The name of a member, in quotes as it is written.
    #[must_use]
    pub fn name(&self, node: &Node) -> Option<&str> {
        self.text.get(node.name.clone()?)
    }

    /// The text of a value as it is written.
    #[must_use]
    pub fn value(&self, node: &Node) -> &str {
        self.text.get(node.value.clone()).unwrap_or_default()
    }
}

/// A scan of a text. It accepts all JSON, and some texts that are not JSON.
struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
    nodes: Vec<Node>,
    open: Vec<usize>,
}

impl Scan<'_> {
    fn all(&mut self) -> Option<()> {
        loop {
            self.skip_space();
            let Some(byte) = self.peek() else { break };
            if self.open.is_empty() && !self.nodes.is_empty() {
                return None;
            }
            match byte {
                b'}' | b']' => self.close(byte)?,
                b',' => self.at += 1,
                _ => self.value()?,
            }
        }
        (self.open.is_empty() && !self.nodes.is_empty()).then_some(())
    }

    fn close(&mut self, byte: u8) -> Option<()> {
        let open = self.open.pop()?;
        self.at += 1;
        let (at, end) = (self.at, self.nodes.len());
        let node = self.nodes.get_mut(open)?;
        let kind = if byte == b'}' { NodeKind::Object } else { NodeKind::List };
        node.value.end = at;
        node.end = end;
        (node.kind == kind).then_some(())
    }

    fn value(&mut self) -> Option<()> {
        if self.nodes.len() >= MAX_NODES {
            return None;
        }
        let parent = self.open.last().copied();
        let is_member =
            parent.and_then(|parent| self.nodes.get(parent)).is_some_and(|one| one.kind == NodeKind::Object);
        let name = if is_member { Some(self.name()?) } else { None };
        let start = self.at;
        let kind = match self.peek()? {
            b'{' => NodeKind::Object,
            b'[' => NodeKind::List,
            _ => NodeKind::Scalar,
        };
        let index = self.nodes.len();
        match kind {
            NodeKind::Scalar => self.scalar()?,
            NodeKind::Object | NodeKind::List => {
                self.at += 1;
                self.open.push(index);
            }
        }
        if let Some(parent) = parent.and_then(|parent| self.nodes.get_mut(parent)) {
            parent.children += 1;
        }
        let depth = if kind == NodeKind::Scalar { self.open.len() } else { self.open.len().saturating_sub(1) };
        self.nodes.push(Node { depth, kind, children: 0, end: index + 1, parent, name, value: start..self.at });
        Some(())
    }

    fn name(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        self.string()?;
        let name = start..self.at;
        self.skip_space();
        if self.peek()? != b':' {
            return None;
        }
        self.at += 1;
        self.skip_space();
        Some(name)
    }

    fn scalar(&mut self) -> Option<()> {
        if self.peek()? == b'"' {
            return self.string();
        }
        let is_end = |byte: &u8| matches!(byte, b',' | b']' | b'}' | b':' | b'"') || byte.is_ascii_whitespace();
        let rest = self.bytes.get(self.at..)?;
        let len = rest.iter().position(is_end).unwrap_or(rest.len());
        self.at += len;
        (len > 0).then_some(())
    }

    fn string(&mut self) -> Option<()> {
        if self.peek()? != b'"' {
            return None;
        }
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(())
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::json::Document;
    use proptest::prelude::*;

    use super::*;

    fn tree(text: &str) -> Option<JsonTree> {
        JsonTree::parse(&text.into())
    }

    /// Each value with its depth, name and text.
    fn values(text: &str) -> Vec<(usize, Option<String>, String)> {
        let tree = tree(text).unwrap();
        let row = |node: &Node| (node.depth, tree.name(node).map(str::to_owned), tree.value(node).to_owned());
        tree.nodes().iter().map(row).collect()
    }

    #[test]
    fn values_are_in_the_order_in_which_they_are_written() {
        let text = r#" {"a\"}": [1, -2.50e9, {}], "b" : {"c": null}} "#;
        let named = |depth, name: &str, value: &str| (depth, Some(format!("\"{name}\"")), value.to_owned());
        let plain = |depth, value: &str| (depth, None, value.to_owned());
        assert_eq!(
            values(text),
            [
                plain(0, text.trim()),
                named(1, "a\\\"}", "[1, -2.50e9, {}]"),
                plain(2, "1"),
                plain(2, "-2.50e9"),
                plain(2, "{}"),
                named(1, "b", r#"{"c": null}"#),
                named(2, "c", "null"),
            ]
        );
        let nodes = tree(text).unwrap().nodes;
        assert_eq!((nodes[0].end, nodes[1].end, nodes[0].children, nodes[1].children), (7, 5, 2, 3));
        assert_eq!((nodes[0].parent, nodes[6].parent), (None, Some(5)));
    }

    #[test]
    fn a_text_that_is_not_json_has_no_tree() {
        for text in ["", " ", "{", "[1", "\"a", "1 2", "{1:2}", "{\"a\" 1}", "]", "[}", "\"\\"] {
            assert_eq!(tree(text), None, "{text}");
        }
        assert_eq!(tree(&format!("[{}1]", "1,".repeat(MAX_NODES))), None);
        assert!(tree(&"[".repeat(50_000)).is_none() && tree(&("[".repeat(90_000) + &"]".repeat(90_000))).is_some());
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        use serde_json::Value;
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((".{0,4}", inner), 0..5).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    /// The number of values that a value contains, itself included.
    fn count(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Array(all) => 1 + all.iter().map(count).sum::<usize>(),
            serde_json::Value::Object(all) => 1 + all.values().map(count).sum::<usize>(),
            _ => 1,
        }
    }

    proptest! {
        #[test]
        fn every_value_of_any_json_is_found(value in json(), pretty in any::<bool>()) {
            let text = if pretty { format!("{value:#}") } else { value.to_string() };
            let tree = tree(&text).unwrap();
            prop_assert_eq!(tree.nodes().len(), count(&value));
            for (index, node) in tree.nodes().iter().enumerate() {
                let one: serde_json::Value = serde_json::from_str(tree.value(node)).unwrap();
                prop_assert_eq!(node.end - index, count(&one));
                let children = tree.nodes().iter().filter(|child| child.parent == Some(index)).count();
                prop_assert_eq!(node.children, children);
                prop_assert_eq!(node.depth, node.parent.map_or(0, |parent| tree.nodes()[parent].depth + 1));
            }
        }

        #[test]
        fn any_text_is_scanned_without_a_panic(text in "[\\[\\]{}:,\"\\\\a1 ]{0,30}") {
            let found = tree(&text);
            prop_assert!(found.is_some() || Document::read(text.as_bytes()).is_err(), "{text} is JSON");
        }
    }
}
