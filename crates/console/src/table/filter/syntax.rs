//! A parsed filter, and its text.

use std::fmt;

use super::quantity::Quantity;

/// A filter. All of its clauses must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    pub(super) clauses: Vec<Clause>,
}

/// Alternatives, of which one must hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clause {
    pub(super) alternatives: Vec<Term>,
}

/// A condition or its opposite.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term {
    /// Whether the condition must not hold.
    pub(super) negated: bool,
    pub(super) test: Test,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// One of the row's texts contains the word.
    Word(String),
    /// The text in a column contains a text.
    Contains(&'static str, String),
    /// The text in a column is a text.
    Is(&'static str, String),
    /// A comparison of the number in a column.
    Compare(&'static str, Comparison, Quantity),
    /// The value of a column is unknown.
    IsUnknown(&'static str),
}

/// A comparison of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Greater,
    AtLeast,
    Less,
    AtMost,
}

impl Comparison {
    #[cfg(test)]
    pub(super) const ALL: [Self; 5] = [Self::Equal, Self::Greater, Self::AtLeast, Self::Less, Self::AtMost];

    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Less => "<",
            Self::AtMost => "<=",
        }
    }
}

impl Filter {
    /// Whether all rows pass.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, clause) in self.clauses.iter().enumerate() {
            f.write_str(if at > 0 { " " } else { "" })?;
            for (at, term) in clause.alternatives.iter().enumerate() {
                f.write_str(if at > 0 { "|" } else { "" })?;
                write!(f, "{}{}", if term.negated { "!" } else { "" }, term.test)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write_quoted(f, word),
            Self::Contains(column, text) => {
                write!(f, "{column}:")?;
                write_quoted(f, text)
            }
            Self::Is(column, text) => {
                write!(f, "{column}=")?;
                write_quoted(f, text)
            }
            Self::Compare(column, comparison, quantity) => {
                write!(f, "{column}{}{}", comparison.symbol(), quantity.text)
            }
            Self::IsUnknown(column) => write!(f, "{column}=?"),
        }
    }
}

/// Writes a text so that it is read as one word, whatever it contains.
fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if !text.is_empty() && text.chars().all(is_plain) {
        return f.write_str(text);
    }
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
