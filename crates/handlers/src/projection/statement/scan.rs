//! Scans SQL for parameters. Strings, quoted names, comments and casts contain none.

use super::{Dialect, StatementError, parameter, parameter::Parameter};

/// A part of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum SqlPart {
    Sql(String),
    /// White space and comments between two words.
    Space(String),
    Parameter(Parameter),
}

/// A word of a statement, from which its table is determined.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    Plain(String),
    Quoted(String),
    Dot,
}

/// A statement, split into parts, with its words outside of parentheses.
#[derive(Debug, Default)]
pub(super) struct ScannedStatement {
    pub(super) parts: Vec<SqlPart>,
    pub(super) words: Vec<Word>,
    pub(super) at: usize,
}

/// The statements of a text.
pub(super) fn statements(text: &str, dialect: Dialect) -> Result<Vec<ScannedStatement>, StatementError> {
    let mut scanner = Scanner {
        text,
        dialect,
        at: 0,
        copied: 0,
        depth: 0,
        is_begun: false,
        current: ScannedStatement::default(),
        finished: Vec::new(),
    };
    while scanner.at < text.len() {
        scanner.step()?;
    }
    scanner.end();
    Ok(scanner.finished)
}

struct Scanner<'a> {
    text: &'a str,
    dialect: Dialect,
    /// The current byte offset.
    at: usize,
    /// The byte offset up to which the text is in parts.
    copied: usize,
    depth: usize,
    /// Whether the statement has begun: something other than white space and comments was found.
    is_begun: bool,
    current: ScannedStatement,
    finished: Vec<ScannedStatement>,
}

impl Scanner<'_> {
    fn step(&mut self) -> Result<(), StatementError> {
        let rest = &self.text[self.at..];
        let Some(first) = rest.chars().next() else { return Ok(()) };
        let sqlite = self.dialect == Dialect::Sqlite;
        match first {
            c if c.is_whitespace() => self.space(c.len_utf8()),
            '-' if rest.starts_with("--") => self.space(rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => self.space(self.comment(rest)?),
            ';' => self.end(),
            _ => {
                if !self.is_begun {
                    self.is_begun = true;
                    self.current.at = self.at;
                    self.copied = self.at;
                }
                match first {
                    '\'' => self.at += self.quoted(rest, '\'', false)?,
                    '"' => self.name(rest, '"')?,
                    '`' if sqlite => self.name(rest, '`')?,
                    '[' if sqlite => self.name(rest, ']')?,
                    '$' if !sqlite => self.dollar(rest)?,
                    '$' | '@' | '?' if sqlite => return self.placeholder(first),
                    ':' => self.colon(rest)?,
                    c if c.is_alphabetic() || c == '_' => self.word(rest)?,
                    c => {
                        match c {
                            '(' => self.depth += 1,
                            ')' => self.depth = self.depth.saturating_sub(1),
                            '.' if self.depth == 0 => self.current.words.push(Word::Dot),
                            _ => {}
                        }
                        self.at += c.len_utf8();
                    }
                }
            }
        }
        Ok(())
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, StatementError> {
        Err(StatementError { at: self.at, message: message.into() })
    }

    fn placeholder<T>(&self, mark: char) -> Result<T, StatementError> {
        self.error(format!(
            "`{mark}` is a placeholder of the database; use a named parameter, such as :key or :json.id"
        ))
    }

    fn comment(&self, rest: &str) -> Result<usize, StatementError> {
        let (bytes, mut at, mut depth) = (rest.as_bytes(), 2, 1);
        while depth > 0 {
            match bytes.get(at..at + 2) {
                Some(b"*/") => (depth, at) = (depth - 1, at + 2),
                Some(b"/*") if self.dialect == Dialect::Postgres => (depth, at) = (depth + 1, at + 2),
                Some(_) => at += 1,
                None => return self.error("a comment has no end: `*/` is missing"),
            }
        }
        Ok(at)
    }

    /// The length of the quoted text that begins here. A quote within it is doubled or escaped with a backslash.
    fn quoted(&self, rest: &str, quote: char, backslash: bool) -> Result<usize, StatementError> {
        let mut chars = rest.char_indices().skip(1).peekable();
        while let Some((at, c)) = chars.next() {
            if c == '\\' && backslash {
                chars.next();
            } else if c == quote {
                // A bracket cannot be doubled.
                if quote == ']' || chars.next_if(|(_, next)| *next == quote).is_none() {
                    return Ok(at + quote.len_utf8());
                }
            }
        }
        self.error(format!("a quoted text has no end: `{quote}` is missing"))
    }

    fn name(&mut self, rest: &str, quote: char) -> Result<(), StatementError> {
        let length = self.quoted(rest, quote, false)?;
        if self.depth == 0 {
            let doubled: String = [quote, quote].iter().collect();
            self.current
                .words
                .push(Word::Quoted(rest[1..length - 1].replace(&doubled, quote.encode_utf8(&mut [0; 4]))));
        }
        self.at += length;
        Ok(())
    }

    fn word(&mut self, rest: &str) -> Result<(), StatementError> {
        let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len());
        let word = &rest[..length];
        if self.dialect == Dialect::Postgres && word.eq_ignore_ascii_case("e") && rest[length..].starts_with('\'') {
            self.at += length + self.quoted(&rest[length..], '\'', true)?;
            return Ok(());
        }
        if self.depth == 0 {
            self.current.words.push(Word::Plain(word.to_owned()));
        }
        self.at += length;
        Ok(())
    }

    /// `$tag$ … $tag$`, a string.
    fn dollar(&mut self, rest: &str) -> Result<(), StatementError> {
        let inner = &rest[1..];
        if inner.starts_with(|c: char| c.is_ascii_digit()) {
            return self.placeholder('$');
        }
        let tag = inner.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(inner.len());
        if !inner[tag..].starts_with('$') {
            self.at += 1;
            return Ok(());
        }
        let mark = &rest[..tag + 2];
        match rest[mark.len()..].find(mark) {
            Some(end) => self.at += end + 2 * mark.len(),
            None => return self.error(format!("a quoted text has no end: `{mark}` is missing")),
        }
        Ok(())
    }

    fn colon(&mut self, rest: &str) -> Result<(), StatementError> {
        let after = &rest[1..];
        if after.starts_with([':', '=']) {
            self.at += 2;
        } else if after.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            let (parameter, length) =
                parameter::parse(after).map_err(|message| StatementError { at: self.at, message })?;
            self.copy();
            self.current.parts.push(SqlPart::Parameter(parameter));
            self.at += 1 + length;
            self.copied = self.at;
        } else if self.dialect == Dialect::Sqlite {
            return self.placeholder(':');
        } else {
            // A slice of an array.
            self.at += 1;
        }
        Ok(())
    }

    /// Skips white space and comments.
    fn space(&mut self, length: usize) {
        let from = self.at;
        self.at += length;
        if !self.is_begun {
            return;
        }
        let text = &self.text[from..self.at];
        if let (Some(SqlPart::Space(before)), true) = (self.current.parts.last_mut(), self.copied == from) {
            before.push_str(text);
        } else {
            self.copy_to(from);
            self.current.parts.push(SqlPart::Space(text.to_owned()));
        }
        self.copied = self.at;
    }

    fn copy(&mut self) {
        self.copy_to(self.at);
    }

    fn copy_to(&mut self, end: usize) {
        if self.copied < end {
            self.current.parts.push(SqlPart::Sql(self.text[self.copied..end].to_owned()));
        }
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.is_begun) {
            self.copy();
            self.finished.push(std::mem::take(&mut self.current));
        }
        self.depth = 0;
        self.at = (self.at + 1).min(self.text.len());
        self.copied = self.at;
    }
}
