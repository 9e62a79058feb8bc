//! Parses SQL with named parameters.

mod parameter;
mod scan;
#[cfg(test)]
mod statement_test;
mod token;

pub(super) use parameter::{HASH_FACTOR, HASH_MODULUS, Parameter};
pub(super) use token::Token;

use scan::{SqlPart, Word};

/// The SQL dialect: its quotes, comments and placeholders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `"…"`, `` `…` `` and `[…]` are names, comments do not nest, placeholders are `?1`.
    Sqlite,
    /// `E'…'` and `$tag$…$tag$` are strings, comments nest, placeholders are `$1`.
    Postgres,
}

/// An error in SQL with named parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StatementError {
    /// The byte offset in the text.
    pub(super) at: usize,
    /// The error as one sentence.
    pub(super) message: String,
}

/// One SQL statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statement {
    parts: Vec<SqlPart>,
    parameters: Vec<Parameter>,
    table: Option<String>,
    verb: String,
    /// The byte offset of its beginning in the text that it was parsed from.
    pub(super) at: usize,
    /// The line in its file, from 1; 0 if it is not from a file.
    pub(super) line: usize,
}

impl Statement {
    /// Parses statements that are separated by semicolons. Comments alone are not a statement.
    ///
    /// # Errors
    /// An unknown parameter, a placeholder of the database, or an unterminated quote or comment.
    pub(super) fn parse_all(text: &str, dialect: Dialect) -> Result<Vec<Self>, StatementError> {
        let statements = scan::statements(text, dialect)?;
        Ok(statements
            .into_iter()
            .map(|scanned| {
                let mut parameters: Vec<Parameter> = Vec::new();
                for part in &scanned.parts {
                    if let SqlPart::Parameter(parameter) = part
                        && !parameters.contains(parameter)
                    {
                        parameters.push(parameter.clone());
                    }
                }
                Self {
                    table: table(&scanned.words),
                    verb: verb(&scanned.words),
                    parts: scanned.parts,
                    parameters,
                    at: scanned.at,
                    line: 0,
                }
            })
            .collect())
    }

    /// The parameters in the order of their placeholders, each once.
    pub(super) fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The table that it changes, without schema and quotes, if it can be determined.
    pub(super) fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    /// Whether it inserts, updates or deletes, judging by its first word.
    pub(super) fn changes_rows(&self) -> bool {
        ["insert", "replace", "update", "delete", "merge"].contains(&self.verb.as_str())
            || self.verb == "with" && self.table.is_some()
    }

    /// Whether SQL's `PREPARE` accepts it.
    pub(super) fn is_query(&self) -> bool {
        ["select", "insert", "update", "delete", "merge", "with", "values"].contains(&self.verb.as_str())
    }

    /// The statement with placeholders `?1` or `$1` for [`Self::parameters`].
    pub(super) fn text(&self, dialect: Dialect) -> String {
        let prefix = match dialect {
            Dialect::Sqlite => '?',
            Dialect::Postgres => '$',
        };
        self.render(|index, _| format!("{prefix}{}", index + 1))
    }

    /// Its tokens in PostgreSQL's dialect.
    pub(super) fn tokens(&self) -> Vec<Token> {
        token::tokens(&self.parts)
    }

    /// By use of a parameter, in the order of the text: its index in [`Self::parameters`].
    pub(super) fn uses(&self) -> Vec<usize> {
        let parameters = self.parts.iter().filter_map(|part| match part {
            SqlPart::Parameter(parameter) => Some(parameter),
            SqlPart::Sql(_) | SqlPart::Space(_) => None,
        });
        parameters.map(|parameter| self.index(parameter)).collect()
    }

    /// The statement with PostgreSQL's placeholders. `numbers` has the placeholder of each use, from 0.
    pub(super) fn numbered(&self, numbers: &[usize]) -> String {
        let mut uses = numbers.iter();
        self.render(|index, _| format!("${}", 1 + uses.next().copied().unwrap_or(index)))
    }

    fn index(&self, parameter: &Parameter) -> usize {
        self.parameters.iter().position(|other| other == parameter).unwrap_or_default()
    }

    /// The same statement without comments and redundant white space.
    pub(super) fn normalized(&self) -> Self {
        Self { parts: normalized_parts(&self.parts), ..self.clone() }
    }

    /// The statement with each parameter replaced by the result of `with`, which gets its index in [`Self::parameters`]
    /// and the parameter.
    pub(super) fn render(&self, mut with: impl FnMut(usize, &Parameter) -> String) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                SqlPart::Sql(sql) | SqlPart::Space(sql) => text.push_str(sql),
                SqlPart::Parameter(parameter) => {
                    text.push_str(&with(self.index(parameter), parameter));
                }
            }
        }
        text
    }
}

/// Removes comments and redundant white space, so that equivalent texts become equal.
fn normalized_parts(parts: &[SqlPart]) -> Vec<SqlPart> {
    let mut kept: Vec<SqlPart> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let SqlPart::Space(_) = part else {
            kept.push(part.clone());
            continue;
        };
        let opened = matches!(kept.last(), Some(SqlPart::Sql(sql)) if sql.ends_with(['(', ',']));
        let closes = match parts.get(at + 1) {
            Some(SqlPart::Sql(sql)) => sql.starts_with([')', ',']),
            Some(_) => false,
            None => true,
        };
        if !opened && !closes {
            kept.push(SqlPart::Space(" ".into()));
        }
    }
    kept
}

/// The first word, in lower case.
fn verb(words: &[Word]) -> String {
    match words.first() {
        Some(Word::Plain(word)) => word.to_ascii_lowercase(),
        _ => String::new(),
    }
}

/// The table after `INTO`, `UPDATE` or `DELETE FROM`, outside of parentheses.
fn table(words: &[Word]) -> Option<String> {
    let is =
        |word: Option<&Word>, keyword: &str| matches!(word, Some(Word::Plain(it)) if it.eq_ignore_ascii_case(keyword));
    let mut at = words.iter().position(|word| {
        ["insert", "replace", "update", "delete", "merge"].iter().any(|keyword| is(Some(word), keyword))
    })?;
    let is_update = is(words.get(at), "update");
    at += 1;
    if is_update {
        if is(words.get(at), "or") {
            at += 2;
        }
    } else {
        at += words[at..].iter().position(|word| is(Some(word), "into") || is(Some(word), "from"))? + 1;
    }
    if is(words.get(at), "only") {
        at += 1;
    }
    while matches!(words.get(at + 1), Some(Word::Dot)) {
        at += 2;
    }
    match words.get(at)? {
        Word::Plain(name) | Word::Quoted(name) => Some(name.clone()),
        Word::Dot => None,
    }
}
