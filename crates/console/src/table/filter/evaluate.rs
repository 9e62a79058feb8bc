//! Evaluates a filter for a row.

use std::{borrow::Cow, cmp::Ordering};

use super::{
    quantity::Quantity,
    syntax::{Comparison, Filter, Test},
};
use crate::table::Value;

impl Filter {
    /// Whether a row passes. `words` are the texts in which plain words are looked for, `value` gives the value of a
    /// column. Both are called only if a term needs them.
    ///
    /// No comparison is true of an unknown value. `!` shows exactly the rows that its term hides, so `!lag>1000`
    /// includes rows with an unknown lag.
    pub fn matches<'a>(&self, words: impl Fn() -> Vec<Cow<'a, str>>, value: impl Fn(&str) -> Value<'a>) -> bool {
        let holds = |test: &Test| match test {
            Test::Word(word) => words().iter().any(|text| contains(text, word)),
            Test::Contains(column, text) => text_is(&value(column), |value| contains(value, text)),
            Test::Is(column, text) => text_is(&value(column), |value| equals(value, text)),
            Test::Compare(column, comparison, quantity) => compare(&value(column), *comparison, quantity),
            Test::IsUnknown(column) => value(column).is_unknown(),
        };
        self.clauses.iter().all(|clause| clause.alternatives.iter().any(|term| holds(&term.test) != term.negated))
    }
}

fn text_is(value: &Value<'_>, holds: impl Fn(&str) -> bool) -> bool {
    match value {
        Value::Text(text) => holds(text),
        _ => false,
    }
}

/// Whether a text contains another, ignoring case. ASCII needs no copies.
fn contains(text: &str, part: &str) -> bool {
    if text.is_ascii() && part.is_ascii() {
        let (text, part) = (text.as_bytes(), part.as_bytes());
        return part.is_empty() || text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part));
    }
    text.to_lowercase().contains(&part.to_lowercase())
}

fn equals(text: &str, other: &str) -> bool {
    text.eq_ignore_ascii_case(other) || text.to_lowercase() == other.to_lowercase()
}

fn compare(value: &Value<'_>, comparison: Comparison, quantity: &Quantity) -> bool {
    let order = match (value, quantity.whole) {
        (Value::Count(count), Some(whole)) => Some(count.cmp(&whole)),
        _ => value.as_number().and_then(|number| number.partial_cmp(&quantity.value)),
    };
    let Some(order) = order else { return false };
    match comparison {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::AtLeast => order != Ordering::Less,
        Comparison::Less => order == Ordering::Less,
        Comparison::AtMost => order != Ordering::Greater,
    }
}
