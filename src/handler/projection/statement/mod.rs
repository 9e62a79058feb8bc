//! SQL with named parameters, brought into a form that no database's own placeholders are part of.

mod parameter;
mod scan;
#[cfg(test)]
mod statement_test;
mod token;

pub(super) use parameter::{HASH_FACTOR, HASH_MODULUS, Parameter};
pub(super) use token::Token;

use scan::{Piece, Word};

/// Which database's rules for quotes, comments and placeholders a text follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `"…"`, `` `…` `` and `[…]` are names, comments do not nest, placeholders are `?1`.
    Sqlite,
    /// `E'…'` and `$tag$…$tag$` are strings, comments nest, placeholders are `$1`.
    Postgres,
}

/// A text that is no SQL with our parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StatementError {
    /// Where, in bytes from the beginning of the text.
    pub(super) at: usize,
    /// What is wrong there, in one sentence.
    pub(super) message: String,
}

/// One SQL statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statement {
    pieces: Vec<Piece>,
    parameters: Vec<Parameter>,
    table: Option<String>,
    verb: String,
    /// Where it begins in the text that it was read from, in bytes.
    pub(super) at: usize,
    /// The line of its file, from 1; 0 where it is from no file.
    pub(super) line: usize,
}

impl Statement {
    /// Reads one statement or several, with semicolons between them. Comments alone are no statement.
    ///
    /// # Errors
    /// A parameter that there is not, a placeholder of the database's own, a quote or comment without its end.
    pub(super) fn parse_all(text: &str, dialect: Dialect) -> Result<Vec<Self>, StatementError> {
        let statements = scan::statements(text, dialect)?;
        Ok(statements
            .into_iter()
            .map(|scanned| {
                let mut parameters: Vec<Parameter> = Vec::new();
                for piece in &scanned.pieces {
                    if let Piece::Parameter(parameter) = piece
                        && !parameters.contains(parameter)
                    {
                        parameters.push(parameter.clone());
                    }
                }
                Self {
                    table: table(&scanned.words),
                    verb: verb(&scanned.words),
                    pieces: scanned.pieces,
                    parameters,
                    at: scanned.at,
                    line: 0,
                }
            })
            .collect())
    }

    /// What has to be bound, in the order of the placeholders, each once.
    pub(super) fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// The table that it changes, without schema and quotes, where that can be told.
    pub(super) fn table(&self) -> Option<&str> {
        self.table.as_deref()
    }

    /// Whether it inserts, updates or deletes, as far as its first word says.
    pub(super) fn changes_rows(&self) -> bool {
        ["insert", "replace", "update", "delete", "merge"].contains(&self.verb.as_str())
            || self.verb == "with" && self.table.is_some()
    }

    /// Whether SQL's `PREPARE` takes it.
    pub(super) fn is_query(&self) -> bool {
        ["select", "insert", "update", "delete", "merge", "with", "values"].contains(&self.verb.as_str())
    }

    /// The statement as the database takes it: with `?1`, or `$1`, for [`Self::parameters`].
    pub(super) fn text(&self, dialect: Dialect) -> String {
        let mark = match dialect {
            Dialect::Sqlite => '?',
            Dialect::Postgres => '$',
        };
        self.render(|index, _| format!("{mark}{}", index + 1))
    }

    /// Its tokens, by the rules of PostgreSQL.
    pub(super) fn tokens(&self) -> Vec<Token> {
        token::tokens(&self.pieces)
    }

    /// Which of [`Self::parameters`] each use of a parameter means, in the order of the text.
    pub(super) fn uses(&self) -> Vec<usize> {
        let parameters = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Parameter(parameter) => Some(parameter),
            Piece::Sql(_) | Piece::Space(_) => None,
        });
        parameters.map(|parameter| self.index(parameter)).collect()
    }

    /// The statement as PostgreSQL takes it, with a placeholder of its own choice for each use: `numbers` has them by use,
    /// from 0.
    pub(super) fn numbered(&self, numbers: &[usize]) -> String {
        let mut uses = numbers.iter();
        self.render(|index, _| format!("${}", 1 + uses.next().copied().unwrap_or(index)))
    }

    fn index(&self, parameter: &Parameter) -> usize {
        self.parameters.iter().position(|other| other == parameter).unwrap_or_default()
    }

    /// The same statement without comments, and with no more space than it needs.
    pub(super) fn without_looks(&self) -> Self {
        Self { pieces: without_looks(&self.pieces), ..self.clone() }
    }

    /// The statement with something in the place of each parameter: its index within [`Self::parameters`], and itself.
    pub(super) fn render(&self, mut with: impl FnMut(usize, &Parameter) -> String) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Sql(sql) | Piece::Space(sql) => text.push_str(sql),
                Piece::Parameter(parameter) => {
                    text.push_str(&with(self.index(parameter), parameter));
                }
            }
        }
        text
    }
}

/// A statement without comments, and with no more space than it needs: one form for texts that only look different.
fn without_looks(pieces: &[Piece]) -> Vec<Piece> {
    let mut kept: Vec<Piece> = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        let Piece::Space(_) = piece else {
            kept.push(piece.clone());
            continue;
        };
        let opened = matches!(kept.last(), Some(Piece::Sql(sql)) if sql.ends_with(['(', ',']));
        let closes = match pieces.get(at + 1) {
            Some(Piece::Sql(sql)) => sql.starts_with([')', ',']),
            Some(_) => false,
            None => true,
        };
        if !opened && !closes {
            kept.push(Piece::Space(" ".into()));
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

/// What stands behind `INTO`, `UPDATE` or `DELETE FROM`, outside of parentheses.
fn table(words: &[Word]) -> Option<String> {
    let is =
        |word: Option<&Word>, keyword: &str| matches!(word, Some(Word::Plain(it)) if it.eq_ignore_ascii_case(keyword));
    let mut at = words.iter().position(|word| {
        ["insert", "replace", "update", "delete", "merge"].iter().any(|keyword| is(Some(word), keyword))
    })?;
    let update = is(words.get(at), "update");
    at += 1;
    if update {
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
