//! JSON as it is written: what is carried keeps its text, what is looked up is read from that text.
//!
//! A value is checked once and never rebuilt. Numbers therefore keep their digits, objects the order of their members and
//! members that come twice. Where a member is looked up that comes twice, the last one counts, as with most readers.
//!
//! What common readers accept is read: a byte order mark in front, any depth (nothing here recurses into a value), numbers
//! beyond every machine type, and `\ud800`, half of a surrogate pair, in a string. Such a string is carried like any other;
//! it has no text, so asking for its text is an error. `NaN`, comments, and a second document behind the first are not JSON.

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
