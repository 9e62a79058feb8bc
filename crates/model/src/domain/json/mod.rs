//! JSON that preserves its source text: values are looked up in the text and keep it.
//!
//! A document is validated once and never rebuilt. Numbers therefore keep their digits, and objects keep the order of
//! their members and duplicate members. A lookup of a duplicate member returns the last one, as in most parsers.
//!
//! Accepted, as by common parsers: a leading byte order mark, any depth (nothing here recurses into a value), numbers
//! beyond any machine type, and lone surrogates such as `\ud800` in a string. A string with a lone surrogate is kept
//! like any other, but cannot be represented as text, so converting it to text is an error. `NaN`, comments, and a
//! second value after the first are rejected.

mod canonical;
mod compact;
mod document;
#[cfg(test)]
mod json_test;
mod number;
mod value;

pub use compact::compact;
pub use document::{Document, NotJson};
pub use number::{Decimal, Number};
pub use value::{Json, Kind, LoneSurrogate};
