//! Searching in the value of a record.

use super::{Line, Shown};

/// Maximum number of places that are found in bytes.
const MAX_BYTE_HITS: usize = 10_000;

/// A place that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hit {
    /// A value of the tree.
    Node(usize),
    /// A byte of the value.
    Byte(usize),
}

/// Where a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchStep {
    /// To the first place on the line or after it.
    FromHere,
    /// To the first place after the line.
    Next,
    /// To the last place before the line.
    Previous,
}

impl Shown<'_> {
    /// All places of a text, in order: values of the tree by their name or, without what they contain, their text;
    /// otherwise the bytes of the value. Upper and lower case of ASCII letters differ only if the text has an
    /// upper-case letter.
    #[must_use]
    pub fn find(&self, wanted: &str) -> Vec<Hit> {
        let ignores_case = !wanted.chars().any(char::is_uppercase);
        let wanted = wanted.as_bytes();
        if wanted.is_empty() {
            return Vec::new();
        }
        match self.shown_tree() {
            Some(tree) => {
                let has = |text: &str| !places(text.as_bytes(), wanted, ignores_case, 1).is_empty();
                let nodes = tree.nodes().iter().enumerate();
                let found = nodes.filter(|(_, node)| {
                    tree.name(node).is_some_and(has) || !node.is_foldable() && has(tree.value(node))
                });
                found.map(|(index, _)| Hit::Node(index)).collect()
            }
            None => {
                places(self.value_bytes(), wanted, ignores_case, MAX_BYTE_HITS).into_iter().map(Hit::Byte).collect()
            }
        }
    }

    /// A place relative to a line. After the last place follows the first one.
    #[must_use]
    pub fn step(hits: &[Hit], line: Option<&Line>, step: SearchStep) -> Option<Hit> {
        let begin = line.and_then(|line| match (line.node(), line.bytes()) {
            (Some(index), _) => Some(Hit::Node(index)),
            (None, Some(bytes)) => Some(Hit::Byte(bytes.start)),
            (None, None) => None,
        });
        let end = line.and_then(Line::bytes).map(|bytes| Hit::Byte(bytes.end.saturating_sub(1))).or(begin);
        let found = match step {
            SearchStep::FromHere => hits.iter().find(|hit| begin.is_none_or(|begin| **hit >= begin)),
            SearchStep::Next => hits.iter().find(|hit| end.is_none_or(|end| **hit > end)),
            SearchStep::Previous => hits.iter().rev().find(|hit| begin.is_some_and(|begin| **hit < begin)),
        };
        found.or(if step == SearchStep::Previous { hits.last() } else { hits.first() }).copied()
    }

    /// The line that shows a place.
    #[must_use]
    pub fn line_of(lines: &[Line], hit: Hit) -> Option<usize> {
        lines.iter().position(|line| match hit {
            Hit::Node(index) => line.node() == Some(index),
            Hit::Byte(at) => line.bytes().is_some_and(|bytes| bytes.contains(&at)),
        })
    }
}

/// Where a text begins within another, at most `max` places.
fn places(text: &[u8], wanted: &[u8], ignores_case: bool, max: usize) -> Vec<usize> {
    let is_same = |part: &[u8]| if ignores_case { part.eq_ignore_ascii_case(wanted) } else { part == wanted };
    let first = wanted.first().copied().unwrap_or_default();
    let may_begin = |byte: u8| byte == first || ignores_case && byte.eq_ignore_ascii_case(&first);
    text.windows(wanted.len())
        .enumerate()
        .filter(|(_, part)| part.first().is_some_and(|byte| may_begin(*byte)) && is_same(part))
        .map(|(at, _)| at)
        .take(max)
        .collect()
}

#[cfg(test)]
#[path = "search_test.rs"]
mod tests;
