//! From what the user asked for to what will be read.

mod selection;

pub use selection::Selection;
