//! The parser of filters. It knows the names and kinds of the columns, but no rows.

use super::{
    error::{FilterError, FilterProblem},
    quantity::Quantity,
    syntax::{Clause, Comparison, Filter, Term, Test},
};
use crate::table::Kind;

/// A column that a filter can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldName {
    /// The column's id.
    pub name: &'static str,
    /// The kind of its values.
    pub kind: Kind,
}

/// What is tested by a column test, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Contains,
    Differs,
    Compare(Comparison),
}

/// The operators, longer ones before their beginnings.
const OPERATORS: [(&str, Operator); 7] = [
    (":", Operator::Contains),
    ("!=", Operator::Differs),
    (">=", Operator::Compare(Comparison::AtLeast)),
    ("<=", Operator::Compare(Comparison::AtMost)),
    (">", Operator::Compare(Comparison::Greater)),
    ("<", Operator::Compare(Comparison::Less)),
    ("=", Operator::Compare(Comparison::Equal)),
];

impl Filter {
    /// Parses a filter. An empty text is a filter that all rows pass.
    ///
    /// # Errors
    /// The first error, with its position.
    pub fn parse(text: &str, fields: &[FieldName]) -> Result<Self, FilterError> {
        let mut parser = Parser { text, rest: text, fields };
        let mut clauses = Vec::new();
        while parser.skip_spaces() {
            clauses.push(parser.clause()?);
        }
        Ok(Self { clauses })
    }
}

struct Parser<'a> {
    text: &'a str,
    /// What has not been read yet, an end of `text`.
    rest: &'a str,
    fields: &'a [FieldName],
}

impl<'a> Parser<'a> {
    /// Skips spaces. Returns whether something follows.
    fn skip_spaces(&mut self) -> bool {
        self.rest = self.rest.trim_start();
        !self.rest.is_empty()
    }

    fn skip(&mut self, prefix: &str) -> bool {
        let after = self.rest.strip_prefix(prefix);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// An error at the beginning of `rest`, which is an end of the text.
    fn error(&self, rest: &str, problem: FilterProblem) -> FilterError {
        let read = self.text.len().saturating_sub(rest.len());
        FilterError { position: self.text.get(..read).unwrap_or_default().chars().count() + 1, problem }
    }

    fn clause(&mut self) -> Result<Clause, FilterError> {
        let mut alternatives = vec![self.term()?];
        loop {
            let before = self.rest;
            if !self.skip_spaces() || !self.skip("|") {
                self.rest = before;
                return Ok(Clause { alternatives });
            }
            self.skip_spaces();
            alternatives.push(self.term()?);
        }
    }

    fn term(&mut self) -> Result<Term, FilterError> {
        let negated = self.skip("!");
        let begin = self.rest;
        let name_end = begin.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(begin.len());
        let (name, after) = begin.split_at(name_end);
        let operator = OPERATORS.iter().find(|(symbol, _)| after.starts_with(symbol)).filter(|_| !name.is_empty());
        let Some((symbol, operator)) = operator else {
            let word = self.word(FilterProblem::MissingTerm)?;
            return Ok(Term { negated, test: Test::Word(word.text) });
        };
        let field = self.field(name, begin)?;
        self.rest = after.strip_prefix(symbol).unwrap_or(after);
        let at = self.rest;
        let value = self.word(FilterProblem::MissingValue)?;
        let test = test(field, *operator, value).map_err(|problem| {
            let is_name = matches!(problem, FilterProblem::NotComparable(_));
            self.error(if is_name { begin } else { at }, problem)
        })?;
        Ok(Term { negated: negated ^ (*operator == Operator::Differs), test })
    }

    fn field(&self, name: &str, begin: &str) -> Result<FieldName, FilterError> {
        let exact = self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        exact.copied().ok_or_else(|| {
            let nearest = nearest(name, self.fields);
            self.error(begin, FilterProblem::UnknownColumn { name: name.to_owned(), nearest })
        })
    }

    /// A word: quoted, or up to the next space or `|`.
    fn word(&mut self, if_missing: FilterProblem) -> Result<Word, FilterError> {
        let begin = self.rest;
        if self.skip("\"") {
            return self.quoted(begin);
        }
        let end = begin.find(|c: char| c.is_whitespace() || c == '|').unwrap_or(begin.len());
        let (text, rest) = begin.split_at(end);
        if text.is_empty() {
            return Err(self.error(begin, if_missing));
        }
        self.rest = rest;
        Ok(Word { text: text.to_owned(), quoted: false })
    }

    /// The rest of a quoted text. `begin` starts with the opening quote.
    fn quoted(&mut self, begin: &'a str) -> Result<Word, FilterError> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    if self.rest.starts_with(|c: char| !c.is_whitespace() && c != '|') {
                        return Err(self.error(self.rest, FilterProblem::TextAfterQuote));
                    }
                    return Ok(Word { text, quoted: true });
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                    Some((_, other)) => text.extend(['\\', other]),
                    None => break,
                },
                c => text.push(c),
            }
        }
        Err(self.error(begin, FilterProblem::UnclosedQuote))
    }
}

struct Word {
    text: String,
    quoted: bool,
}

fn test(field: FieldName, operator: Operator, value: Word) -> Result<Test, FilterProblem> {
    let comparison = match operator {
        Operator::Contains | Operator::Differs => Comparison::Equal,
        Operator::Compare(comparison) => comparison,
    };
    if comparison == Comparison::Equal && value.text == "?" && !value.quoted {
        return Ok(Test::IsUnknown(field.name));
    }
    if field.kind.is_text() {
        return match operator {
            Operator::Contains => Ok(Test::Contains(field.name, value.text)),
            _ if comparison == Comparison::Equal => Ok(Test::Is(field.name, value.text)),
            _ => Err(FilterProblem::NotComparable(field.name)),
        };
    }
    match Quantity::parse(&value.text, field.kind) {
        Some(quantity) => Ok(Test::Compare(field.name, comparison, quantity)),
        None => Err(FilterProblem::BadNumber { text: value.text, kind: field.kind }),
    }
}

/// The most similar name: one within a few typing errors, or one that begins in the same way.
fn nearest(name: &str, fields: &[FieldName]) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let errors = |field: &&FieldName| strsim::damerau_levenshtein(&name, field.name);
    let similar = fields.iter().filter(|field| errors(field) <= 1.max(name.len() / 3)).min_by_key(errors);
    similar.or_else(|| fields.iter().find(|field| field.name.starts_with(&name))).map(|field| field.name)
}
