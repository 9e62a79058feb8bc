//! A record as lines: its value as a tree that folds, as text, or as hex, and searching in it. Pure functions of the
//! record, of what is folded, and of the width.

mod bytes;
mod folding;
mod head;
mod json_tree;
mod lines;
mod parts;
mod search;

pub use folding::Folding;
pub use json_tree::{JsonTree, Node};
pub use lines::{FailureNote, Format, Line, LineContent, Shown, Tone};
pub use search::{Hit, SearchStep};
