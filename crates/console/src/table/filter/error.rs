//! Errors in the text of a filter.

use crate::table::Kind;

/// What is wrong with a filter, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("character {position}: {problem}")]
pub struct FilterError {
    /// The place in the text, in characters from 1.
    pub position: usize,
    /// What is wrong there.
    pub problem: FilterProblem,
}

/// What is wrong with a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterProblem {
    /// The table has no such column.
    #[error("no column `{name}`; {}", advice(*.nearest))]
    UnknownColumn {
        /// The name in the filter.
        name: String,
        /// The most similar column, if one is similar.
        nearest: Option<&'static str>,
    },
    /// The text is not a number of the column's kind.
    #[error("`{text}` is not {}", expected(*.kind))]
    BadNumber {
        /// The text.
        text: String,
        /// The kind of the column.
        kind: Kind,
    },
    /// A text cannot be larger or smaller.
    #[error("`{0}` is text: use `{0}:` (contains) or `{0}=` (equals)")]
    NotComparable(&'static str),
    /// There is nothing after a comparison.
    #[error("a value is missing")]
    MissingValue,
    /// There is nothing after `!`, or beside `|`.
    #[error("a term is missing")]
    MissingTerm,
    /// A quoted text does not end.
    #[error("the closing quote is missing")]
    UnclosedQuote,
    /// A quoted text is followed by more than a space or `|`.
    #[error("a space is missing after the quote")]
    TextAfterQuote,
}

fn advice(nearest: Option<&str>) -> String {
    nearest.map_or_else(|| "quote it to search for the text".to_owned(), |name| format!("did you mean `{name}`?"))
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::State => "text",
        Kind::Count => "a number; use 1000, 1.5k or 2M",
        Kind::Rate => "a rate; use 500, 1.5k or 20k/s",
        Kind::Duration => "a duration; use 250us, 20ms, 1.5s, 5m, 2h or 1d",
        Kind::Size => "a size; use 512B, 64KiB or 1.5MB",
        Kind::Share => "a share; use 50 or 50%",
    }
}
