//! Splits statements of PostgreSQL into tokens.

use super::scan::SqlPart;

/// A token. White space and comments are not tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::projection) enum Token {
    /// A keyword or a name without quotes, in lower case.
    Word(String),
    /// A quoted name, with its quotes.
    Quoted(String),
    /// A string or a number, as written.
    Literal(String),
    /// `(`, `,`, `::`, `->>` and the like.
    Symbol(String),
    /// A use of a parameter: its index among the uses in the statement, from 0.
    Use(usize),
}

impl Token {
    /// Whether it is this keyword.
    pub(in crate::projection) fn is(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word == keyword)
    }

    /// Whether it is this symbol.
    pub(in crate::projection) fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self, Self::Symbol(it) if it == symbol)
    }

    /// The name without quotes, if it is a name.
    pub(in crate::projection) fn name(&self) -> Option<String> {
        match self {
            Self::Word(word) => Some(word.clone()),
            Self::Quoted(name) => Some(name[1..name.len() - 1].replace("\"\"", "\"")),
            _ => None,
        }
    }
}

/// The tokens of a statement's parts.
pub(super) fn tokens(parts: &[SqlPart]) -> Vec<Token> {
    let (mut tokens, mut uses) = (Vec::new(), 0);
    for part in parts {
        match part {
            SqlPart::Space(_) => {}
            SqlPart::Parameter(_) => {
                tokens.push(Token::Use(uses));
                uses += 1;
            }
            SqlPart::Sql(sql) => {
                let mut rest = sql.as_str();
                while let Some(first) = rest.chars().next() {
                    let (token, length) = token(rest, first);
                    tokens.push(token);
                    rest = &rest[length..];
                }
            }
        }
    }
    tokens
}

fn token(rest: &str, first: char) -> (Token, usize) {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    match first {
        '\'' => literal(rest, 0, false),
        '"' => {
            let length = quoted_length(rest, '"', false);
            (Token::Quoted(rest[..length].to_owned()), length)
        }
        '$' => dollar(rest),
        c if c.is_ascii_digit() || c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) => number(rest),
        c if is_word(c) => {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            if rest[length..].starts_with('\'') {
                // E'…', B'…', X'…', N'…'
                return literal(rest, length, rest[..length].eq_ignore_ascii_case("e"));
            }
            (Token::Word(rest[..length].to_ascii_lowercase()), length)
        }
        c if is_operator(c) => {
            let length = rest.find(|c| !is_operator(c)).unwrap_or(rest.len());
            (Token::Symbol(rest[..length].to_owned()), length)
        }
        c => (Token::Symbol(c.to_string()), c.len_utf8()),
    }
}

fn is_operator(c: char) -> bool {
    "+-*/<>=~!@#%^&|`?:".contains(c)
}

fn literal(rest: &str, prefix: usize, backslash: bool) -> (Token, usize) {
    let length = prefix + quoted_length(&rest[prefix..], '\'', backslash);
    (Token::Literal(rest[..length].to_owned()), length)
}

/// The length of the quoted text that begins here; the whole rest if it is unterminated.
fn quoted_length(rest: &str, quote: char, backslash: bool) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == '\\' && backslash {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    rest.len()
}

fn dollar(rest: &str) -> (Token, usize) {
    let tag = rest[1..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len() - 1);
    if !rest[1 + tag..].starts_with('$') {
        return (Token::Symbol("$".into()), 1);
    }
    let delimiter = &rest[..tag + 2];
    let length = rest[delimiter.len()..].find(delimiter).map_or(rest.len(), |end| end + 2 * delimiter.len());
    (Token::Literal(rest[..length].to_owned()), length)
}

fn number(rest: &str) -> (Token, usize) {
    let mut length = 0;
    let mut before = ' ';
    for c in rest.chars() {
        let signs_exponent = matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
        if !(c.is_ascii_alphanumeric() || c == '.' || signs_exponent) {
            break;
        }
        before = c;
        length += 1;
    }
    (Token::Literal(rest[..length].to_owned()), length)
}
