//! The lines that show a record: what is known about it, and its value.

use std::ops::Range;

use kreplay_model::inspect::{Decoded, InspectedRecord, MAX_VALUE_BYTES};

use super::{
    Folding, JsonTree,
    bytes::{hex_line, hex_lines, text_line, text_lines},
    head::{header_text, key_text, time},
    json_tree::{Node, NodeKind},
    parts::Parts,
};
use crate::{
    number,
    text::{clean, head},
};

/// Maximum number of lines of a key, a header, or an error.
const MAX_WRAPPED_LINES: usize = 6;
/// Maximum size of a scalar in the tree, in bytes. Of a longer one, the beginning is shown.
const MAX_SCALAR_BYTES: usize = 4 << 10;
/// Cells by which a level of the tree is indented, and by which the sign of a value moves its text.
const LEVEL_CELLS: usize = 2;
const SIGN_CELLS: usize = 2;

/// How the value is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Decoded as a tree, or as text.
    #[default]
    Decoded,
    /// As hex.
    Hex,
}

/// How a record failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureNote {
    /// The number of attempts.
    pub attempts: u32,
    /// The last error. External data.
    pub error: String,
    /// What followed, such as `its key is in quarantine`; empty if nothing did yet.
    pub outcome: &'static str,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Plain.
    Plain,
    /// Less important.
    Muted,
    /// Something to know.
    Warning,
    /// A failure.
    Bad,
}

/// What a line shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineContent {
    /// A text.
    Text(String),
    /// A value of the tree, or a part of its text.
    Node {
        /// Its index.
        index: usize,
        /// The part of its text.
        part: Range<usize>,
    },
    /// Bytes of the value as text.
    Bytes(Range<usize>),
    /// Bytes of the value as hex.
    Hex(Range<usize>),
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The word before the line; empty below the first line of a subject.
    pub label: &'static str,
    /// How it looks.
    pub tone: Tone,
    /// What it shows.
    pub content: LineContent,
}

impl Line {
    /// The value of the tree that the line shows.
    #[must_use]
    pub fn node(&self) -> Option<usize> {
        match self.content {
            LineContent::Node { index, .. } => Some(index),
            _ => None,
        }
    }

    /// The bytes of the value that the line shows.
    #[must_use]
    pub fn bytes(&self) -> Option<Range<usize>> {
        match &self.content {
            LineContent::Bytes(range) | LineContent::Hex(range) => Some(range.clone()),
            _ => None,
        }
    }
}

/// A record as it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The record.
    pub record: &'a InspectedRecord,
    /// The values of its decoded value, if it is JSON that is not too large.
    pub tree: Option<&'a JsonTree>,
    /// Which of them are folded.
    pub folding: &'a Folding,
    /// How the value is shown.
    pub format: Format,
    /// How the record failed, if it did.
    pub failure: Option<&'a FailureNote>,
    /// The cells of a line, and those of a text behind a label.
    pub room: (usize, usize),
}

impl<'a> Shown<'a> {
    /// All lines. Only the visible ones should be turned into [`Self::text`].
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        if let Some(note) = self.record.placement.in_words() {
            self.put(&mut lines, "note", Tone::Warning, &note);
        }
        if let Some(failure) = self.failure {
            let times = number::number_of_times(failure.attempts);
            let outcome = if failure.outcome.is_empty() { String::new() } else { format!("; {}", failure.outcome) };
            self.put(&mut lines, "failed", Tone::Bad, &format!("{times}{outcome}: {}", clean(&failure.error)));
        }
        self.put(&mut lines, "time", Tone::Plain, &time(self.record.timestamp_ms));
        match &self.record.key {
            Some(key) => self.put(&mut lines, "key", Tone::Plain, &key_text(key)),
            None => self.put(&mut lines, "key", Tone::Muted, "none"),
        }
        for (at, header) in self.record.headers.iter().enumerate() {
            let label = if at == 0 { "headers" } else { "" };
            self.put(&mut lines, label, Tone::Plain, &header_text(header));
        }
        if self.record.more_headers > 0 {
            let text = format!("and {}", number::counted(self.record.more_headers as u64, "more header"));
            self.put(&mut lines, "", Tone::Muted, &text);
        }
        let (tone, about) = self.about_value();
        self.put(&mut lines, "value", tone, &about);
        self.put_value(&mut lines);
        lines
    }

    /// What a line shows, without control characters.
    #[must_use]
    pub fn text(&self, line: &Line) -> String {
        match &line.content {
            LineContent::Text(text) => text.clone(),
            LineContent::Node { index, part } => self.node_line(*index, part),
            LineContent::Bytes(range) => text_line(self.value_bytes().get(range.clone()).unwrap_or_default()),
            LineContent::Hex(range) => {
                hex_line(self.value_bytes().get(range.clone()).unwrap_or_default(), range.start, self.room.0)
            }
        }
    }

    /// The tree, if the value is shown as one.
    #[must_use]
    pub fn shown_tree(&self) -> Option<&'a JsonTree> {
        self.tree.filter(|_| self.format == Format::Decoded)
    }

    /// The bytes of the value that are kept.
    #[must_use]
    pub fn value_bytes(&self) -> &'a [u8] {
        self.record.value.as_ref().map_or(&[], |value| &value.bytes)
    }

    fn put(&self, lines: &mut Vec<Line>, label: &'static str, tone: Tone, text: &str) {
        let mut parts: Vec<&str> = Parts::new(text, self.room.1).take(MAX_WRAPPED_LINES + 1).collect();
        if parts.len() > MAX_WRAPPED_LINES {
            parts.truncate(MAX_WRAPPED_LINES);
        }
        let is_cut = parts.iter().map(|part| part.len()).sum::<usize>() < text.len();
        for (at, part) in parts.iter().enumerate() {
            let text = if is_cut && at + 1 == parts.len() {
                format!("{}…", head(part, self.room.1.saturating_sub(1)))
            } else {
                (*part).to_owned()
            };
            lines.push(Line { label: if at == 0 { label } else { "" }, tone, content: LineContent::Text(text) });
        }
        if parts.is_empty() {
            lines.push(Line { label, tone, content: LineContent::Text(String::new()) });
        }
    }

    fn about_value(&self) -> (Tone, String) {
        let Some(value) = &self.record.value else { return (Tone::Muted, "none: this record is a tombstone".into()) };
        let bytes = number::counted(value.len, "byte");
        let kept = if value.is_truncated() {
            format!("; the first {} are shown", number::bytes(MAX_VALUE_BYTES as u64))
        } else {
            String::new()
        };
        match &value.decoded {
            Decoded::Failed(reason) => (Tone::Bad, format!("{bytes}, cannot be decoded: {}{kept}", clean(reason))),
            Decoded::TooLarge => (Tone::Warning, format!("{bytes}, too large to be shown decoded{kept}")),
            Decoded::Json(_) if self.tree.is_none() => {
                (Tone::Warning, format!("{bytes}, JSON with too many values to fold{kept}"))
            }
            // Decoding used all bytes.
            Decoded::Json(_) if self.format == Format::Decoded => (Tone::Muted, bytes),
            Decoded::Json(_) | Decoded::Plain => (Tone::Muted, format!("{bytes}{kept}")),
        }
    }

    fn put_value(&self, lines: &mut Vec<Line>) {
        if self.record.value.is_none() {
            return;
        }
        let line = |content| Line { label: "", tone: Tone::Plain, content };
        let bytes = self.value_bytes();
        if self.format == Format::Hex {
            lines.extend(hex_lines(bytes.len(), self.room.0).into_iter().map(|range| line(LineContent::Hex(range))));
        } else if let Some(tree) = self.tree {
            for index in self.folding.visible(tree) {
                let parts = self.node_parts(tree, index);
                lines.extend(parts.into_iter().map(|part| line(LineContent::Node { index, part })));
            }
        } else {
            lines.extend(text_lines(bytes, self.room.0).into_iter().map(|range| line(LineContent::Bytes(range))));
        }
    }

    /// The parts of the text of a value that are lines.
    fn node_parts(&self, tree: &JsonTree, index: usize) -> Vec<Range<usize>> {
        let Some(node) = tree.node(index) else { return Vec::new() };
        let text = node_text(tree, node);
        let room = self.room.0.saturating_sub(self.indentation(node) + SIGN_CELLS).max(1);
        let mut parts = Vec::new();
        let mut start = 0;
        for part in Parts::new(&text, room) {
            parts.push(start..start + part.len());
            start += part.len();
        }
        parts
    }

    fn node_line(&self, index: usize, part: &Range<usize>) -> String {
        let Some((tree, node)) = self.tree.and_then(|tree| Some((tree, tree.node(index)?))) else {
            return String::new();
        };
        let sign = match (part.start, node.is_foldable()) {
            (0, true) if self.folding.is_open(tree, index) => "▾ ",
            (0, true) => "▸ ",
            _ => "  ",
        };
        let text = node_text(tree, node);
        format!("{:indent$}{sign}{}", "", text.get(part.clone()).unwrap_or_default(), indent = self.indentation(node))
    }

    /// The cells before a value. Deep values are not moved out of the window.
    fn indentation(&self, node: &Node) -> usize {
        (node.depth * LEVEL_CELLS).min(self.room.0 / 2)
    }
}

/// The name and the text of a value.
fn node_text(tree: &JsonTree, node: &Node) -> String {
    let name = tree.name(node).map_or_else(String::new, |name| format!("{}: ", shortened(name)));
    let count = |one: &str, many: &str| match node.children {
        1 => format!("1 {one}"),
        children => format!("{} {many}", number::count(children as u64)),
    };
    match node.kind {
        NodeKind::Object if node.children == 0 => format!("{name}{{}}"),
        NodeKind::List if node.children == 0 => format!("{name}[]"),
        NodeKind::Object => format!("{name}{{{}}}", count("member", "members")),
        NodeKind::List => format!("{name}[{}]", count("value", "values")),
        NodeKind::Scalar => format!("{name}{}", shortened(tree.value(node))),
    }
}

/// A text without control characters. Of a long one, the beginning.
fn shortened(text: &str) -> String {
    if text.len() <= MAX_SCALAR_BYTES {
        return clean(text).into_owned();
    }
    let end = (0..=MAX_SCALAR_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let start = text.get(..end).unwrap_or_default();
    format!("{}… ({} bytes; all of them are in the hex view)", clean(start), number::count(text.len() as u64))
}

#[cfg(test)]
#[path = "lines_test.rs"]
pub(super) mod tests;
