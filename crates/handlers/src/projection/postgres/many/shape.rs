//! Parses the only kind of statement that has a multi-row form: `INSERT INTO … VALUES (…)`, with or without
//! `ON CONFLICT`.
//!
//! A statement of any other form is sent once for each record.

use std::collections::BTreeSet;

use super::super::super::statement::Token;

/// An `INSERT` of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsertStatement {
    /// The table as written in the statement, for `to_regclass`.
    pub table: String,
    /// Everything before the list of columns.
    head: Vec<Token>,
    /// The columns, if they are listed.
    pub columns: Option<Vec<String>>,
    /// The values of the columns.
    pub values: Vec<Vec<Token>>,
    /// Everything from `ON CONFLICT` on.
    tail: Vec<Token>,
    /// What happens to an existing row.
    pub conflict: ConflictAction,
}

/// What happens to an existing row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConflictAction {
    /// The insert fails.
    Error,
    /// The row is kept.
    Nothing,
    /// The row is updated.
    Update(ConflictUpdate),
}

/// How an existing row is updated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictUpdate {
    /// The columns that identify the row.
    pub key: Vec<String>,
    /// The updated columns with their new values.
    pub set: Vec<(String, Vec<Token>)>,
    /// Whether there is a `WHERE` condition.
    pub has_condition: bool,
}

impl ConflictUpdate {
    /// Whether a column is set to its value in the inserted row: `SET column = excluded.column`.
    pub fn copies_new_value(&self, column: &str) -> bool {
        self.set.iter().any(|(name, value)| name == column && is_excluded(value, column))
    }
}

fn is_excluded(value: &[Token], column: &str) -> bool {
    matches!(value, [table, dot, name]
        if table.is("excluded") && dot.is_symbol(".") && name.name().as_deref() == Some(column))
}

/// Words with which a value may depend on more than its own record.
const UNSUPPORTED_WORDS: [&str; 12] = [
    "select",
    "with",
    "table",
    "values",
    "default",
    "returning",
    "over",
    "overriding",
    "exists",
    "into",
    "union",
    "grouping",
];

impl InsertStatement {
    /// Parses a statement.
    ///
    /// # Errors
    /// Why it has no multi-row form.
    pub fn parse(tokens: &[Token]) -> Result<Self, String> {
        InsertParser { tokens, at: 0 }.insert()
    }

    /// The multi-row form of the statement: `rows` is the source of the rows, `source_of` returns the column for a use
    /// of a parameter.
    pub fn multi_row_text(&self, rows: &str, source_of: impl Fn(usize) -> String) -> String {
        let mut text = token_text(&self.head, &source_of);
        if let Some(columns) = &self.columns {
            let names: Vec<_> = columns.iter().map(|name| quoted(name)).collect();
            text.extend([" (", &names.join(", "), ")"]);
        }
        let values: Vec<_> = self.values.iter().map(|value| token_text(value, &source_of)).collect();
        format!("{text} SELECT {} FROM {rows} {}", values.join(", "), token_text(&self.tail, &source_of))
    }

    /// The uses of parameters after `ON CONFLICT`, where the multi-row form cannot have any.
    pub fn conflict_uses(&self) -> impl Iterator<Item = usize> {
        Self::uses(&self.tail)
    }

    /// Replaces the uses of parameters after `ON CONFLICT` by `excluded.COLUMN`; `column` returns the column.
    ///
    /// # Errors
    /// A use has no such column.
    pub fn with_excluded_columns(tokens: &[Token], column: impl Fn(usize) -> Option<String>) -> Result<Self, String> {
        let tail = tokens.iter().position(|token| token.is("conflict")).unwrap_or(tokens.len());
        let mut replaced = tokens[..tail].to_vec();
        for token in &tokens[tail..] {
            let Token::Use(number) = token else {
                replaced.push(token.clone());
                continue;
            };
            let name = column(*number).ok_or("it has a parameter after ON CONFLICT; use excluded.COLUMN there")?;
            replaced.extend([Token::Word("excluded".into()), Token::Symbol(".".into()), Token::Quoted(quoted(&name))]);
        }
        Self::parse(&replaced)
    }

    /// The names of everything that may be a function call.
    pub fn functions(&self) -> BTreeSet<String> {
        let expressions = self.expressions();
        let calls = expressions
            .iter()
            .flat_map(|part| part.windows(2).filter(|pair| pair[1].is_symbol("(")).filter_map(|pair| pair[0].name()));
        calls.collect()
    }

    /// All operators.
    pub fn operators(&self) -> BTreeSet<String> {
        let symbols = self.expressions().into_iter().flatten().filter_map(|token| match token {
            Token::Symbol(symbol) if symbol.chars().all(|c| !"(),.[]:".contains(c)) => Some(symbol.clone()),
            _ => None,
        });
        symbols.collect()
    }

    fn expressions(&self) -> Vec<&[Token]> {
        self.values.iter().map(Vec::as_slice).chain([self.tail.as_slice()]).collect()
    }

    /// The uses of parameters in the value of a column.
    pub fn uses(value: &[Token]) -> impl Iterator<Item = usize> {
        value.iter().filter_map(|token| match token {
            Token::Use(number) => Some(*number),
            _ => None,
        })
    }
}

/// A name as a quoted identifier.
fn quoted(name: &str) -> String {
    super::super::quoted(name)
}

fn token_text(tokens: &[Token], source_of: &impl Fn(usize) -> String) -> String {
    let one = |token: &Token| match token {
        Token::Word(text) | Token::Quoted(text) | Token::Literal(text) | Token::Symbol(text) => text.clone(),
        Token::Use(number) => source_of(*number),
    };
    tokens.iter().map(one).collect::<Vec<_>>().join(" ")
}

struct InsertParser<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl InsertParser<'_> {
    fn insert(mut self) -> Result<InsertStatement, String> {
        const UNSUPPORTED_FORM: &str =
            "only INSERT INTO … VALUES (…) with one row of values can be sent for many records";
        if !(self.eat_keyword("insert") && self.eat_keyword("into")) {
            return Err(UNSUPPORTED_FORM.into());
        }
        let first = self.at;
        while self.peek().is_some_and(|token| token.name().is_some() && !is_end_of_table(token) || token.is_symbol("."))
        {
            self.at += 1;
        }
        let table: String = self.tokens[first..self.at]
            .iter()
            .map(|token| token_text(std::slice::from_ref(token), &|_| String::new()))
            .collect();
        if self.eat_keyword("as") {
            self.at += 1;
        }
        let head = self.tokens[..self.at].to_vec();
        let columns = if self.peek().is_some_and(|token| token.is_symbol("(")) {
            let listed = self.list()?;
            let names = listed.iter().map(|item| match item.as_slice() {
                [only] => only.name(),
                _ => None,
            });
            Some(names.collect::<Option<Vec<_>>>().ok_or("its column list contains more than plain names")?)
        } else {
            None
        };
        if !self.eat_keyword("values") || table.is_empty() {
            return Err(UNSUPPORTED_FORM.into());
        }
        let values = self.list()?;
        if columns.as_ref().is_some_and(|columns| columns.len() != values.len()) {
            return Err(UNSUPPORTED_FORM.into());
        }
        let tail = self.tokens[self.at..].to_vec();
        let conflict = self.conflict()?;
        if self.at < self.tokens.len() {
            return Err(UNSUPPORTED_FORM.into());
        }
        let insert = InsertStatement { table, head, columns, values, tail, conflict };
        let mut words = insert.expressions().into_iter().flatten().filter_map(|token| match token {
            Token::Word(word) => Some(word.as_str()),
            _ => None,
        });
        if let Some(word) = words.find(|word| UNSUPPORTED_WORDS.contains(word) || word.starts_with("xml")) {
            return Err(format!("it contains {}", word.to_uppercase()));
        }
        Ok(insert)
    }

    fn conflict(&mut self) -> Result<ConflictAction, String> {
        const UNSUPPORTED_CONFLICT: &str = "its ON CONFLICT target is not a list of columns";
        if !self.eat_keyword("on") {
            return Ok(ConflictAction::Error);
        }
        if !self.eat_keyword("conflict") {
            return Err(UNSUPPORTED_CONFLICT.into());
        }
        let mut key = Vec::new();
        if self.peek().is_some_and(|token| token.is_symbol("(")) {
            for item in self.list()? {
                match item.as_slice() {
                    [only] => key.push(only.name().ok_or(UNSUPPORTED_CONFLICT)?),
                    _ => return Err(UNSUPPORTED_CONFLICT.into()),
                }
            }
        }
        if !self.eat_keyword("do") {
            return Err(UNSUPPORTED_CONFLICT.into());
        }
        if self.eat_keyword("nothing") {
            return Ok(ConflictAction::Nothing);
        }
        if !(self.eat_keyword("update") && self.eat_keyword("set")) || key.is_empty() {
            return Err(UNSUPPORTED_CONFLICT.into());
        }
        let mut set = Vec::new();
        loop {
            let name = self.peek().and_then(Token::name);
            let equals = self.tokens.get(self.at + 1).is_some_and(|token| token.is_symbol("="));
            let (Some(name), true) = (name, equals) else {
                return Err("it does not only set single columns".into());
            };
            self.at += 2;
            let value = self.expression(|token| token.is_symbol(",") || token.is("where"));
            set.push((name, value));
            if !self.eat_symbol(",") {
                break;
            }
        }
        let has_condition = self.eat_keyword("where");
        if has_condition {
            self.expression(|_| false);
        }
        Ok(ConflictAction::Update(ConflictUpdate { key, set, has_condition }))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn eat_keyword(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is(keyword));
        self.at += usize::from(found);
        found
    }

    fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_symbol(symbol));
        self.at += usize::from(found);
        found
    }

    /// Everything up to a token outside of brackets for which `ends` is true, or to a closing bracket.
    fn expression(&mut self, ends: impl Fn(&Token) -> bool) -> Vec<Token> {
        let (first, mut depth) = (self.at, 0_usize);
        while let Some(token) = self.peek() {
            let closes = token.is_symbol(")") || token.is_symbol("]");
            if depth == 0 && (closes || ends(token)) {
                break;
            }
            if token.is_symbol("(") || token.is_symbol("[") {
                depth += 1;
            } else if closes {
                depth -= 1;
            }
            self.at += 1;
        }
        self.tokens[first..self.at].to_vec()
    }

    /// `(a, b, …)`
    fn list(&mut self) -> Result<Vec<Vec<Token>>, String> {
        const UNSUPPORTED_BRACKETS: &str = "its brackets are not understood";
        if !self.eat_symbol("(") {
            return Err(UNSUPPORTED_BRACKETS.into());
        }
        let mut items = Vec::new();
        loop {
            let item = self.expression(|token| token.is_symbol(","));
            if item.is_empty() {
                return Err(UNSUPPORTED_BRACKETS.into());
            }
            items.push(item);
            if self.eat_symbol(")") {
                return Ok(items);
            }
            if !self.eat_symbol(",") {
                return Err(UNSUPPORTED_BRACKETS.into());
            }
        }
    }
}

fn is_end_of_table(token: &Token) -> bool {
    ["as", "values", "default", "select", "with", "overriding"].iter().any(|keyword| token.is(keyword))
}

#[cfg(test)]
mod tests {
    use super::super::super::super::statement::{Dialect, Statement};
    use super::*;

    fn parse(text: &str) -> Result<InsertStatement, String> {
        InsertStatement::parse(&Statement::parse_all(text, Dialect::Postgres).unwrap().remove(0).tokens())
    }

    #[test]
    fn an_insert_is_parsed_and_rewritten_for_many_rows() {
        let insert = parse(
            "INSERT INTO s.\"T x\" AS t (id, \"N\", at) VALUES (:key, coalesce(:json.n, 'a,)b'), now())
            ON CONFLICT (id) DO UPDATE SET \"N\" = excluded.\"N\", at = t.at + (1 * 2) WHERE t.at < excluded.at",
        )
        .unwrap();
        assert_eq!(insert.table, "s.\"T x\"");
        let ConflictAction::Update(update) = &insert.conflict else { panic!("{insert:?}") };
        assert_eq!((update.key.as_slice(), update.has_condition), (&["id".to_owned()][..], true));
        assert!(update.copies_new_value("N") && !update.copies_new_value("at"));
        assert_eq!(
            insert.functions().into_iter().collect::<Vec<_>>(),
            ["coalesce", "conflict", "now"].map(String::from)
        );
        assert_eq!(
            insert.multi_row_text("rows AS r", |number| format!("r.p{number}")),
            "insert into s . \"T x\" as t (\"id\", \"N\", \"at\") SELECT r.p0, coalesce ( r.p1 , 'a,)b' ), now ( ) FROM rows AS r on \
             conflict ( id ) do update set \"N\" = excluded . \"N\" , at = t . at + ( 1 * 2 ) where t . at < excluded . at"
        );
    }

    #[test]
    fn parameters_after_on_conflict_become_excluded_columns() {
        let text = "INSERT INTO t (a, b) VALUES (:key, :value) ON CONFLICT (a) DO UPDATE SET b = :value || :key";
        let tokens = Statement::parse_all(text, Dialect::Postgres).unwrap().remove(0).tokens();
        assert_eq!(InsertStatement::parse(&tokens).unwrap().conflict_uses().collect::<Vec<_>>(), [2, 3]);
        let known = |number: usize| Some(["a", "b", "b", "a"][number].to_owned());
        let insert = InsertStatement::with_excluded_columns(&tokens, known).unwrap();
        assert_eq!(insert.conflict_uses().count(), 0);
        assert!(insert.multi_row_text("r", |_| "p".into()).ends_with("set b = excluded . \"b\" || excluded . \"a\""));
        assert!(InsertStatement::with_excluded_columns(&tokens, |_| None).unwrap_err().contains("excluded.COLUMN"));
    }

    #[test]
    fn other_statements_are_rejected_with_a_reason() {
        for (text, part) in [
            ("UPDATE t SET a = :key", "only INSERT"),
            ("WITH x AS (SELECT 1) INSERT INTO t VALUES (:key)", "only INSERT"),
            ("INSERT INTO t SELECT :key", "only INSERT"),
            ("INSERT INTO t VALUES (:key), (:value)", "only INSERT"),
            ("INSERT INTO t (a) VALUES (:key, :value)", "only INSERT"),
            ("INSERT INTO t DEFAULT VALUES", "only INSERT"),
            ("INSERT INTO t VALUES (:key, DEFAULT)", "DEFAULT"),
            ("INSERT INTO t VALUES ((SELECT max(a) FROM t), :key)", "SELECT"),
            ("INSERT INTO t VALUES (:key) RETURNING a", "only INSERT"),
            ("INSERT INTO t VALUES (:key) ON CONFLICT ON CONSTRAINT c DO UPDATE SET a = 1", "ON CONFLICT"),
            ("INSERT INTO t VALUES (:key) ON CONFLICT (lower(a)) DO UPDATE SET a = 1", "ON CONFLICT"),
            ("INSERT INTO t VALUES (:key) ON CONFLICT (a) WHERE b DO UPDATE SET a = 1", "ON CONFLICT"),
            ("INSERT INTO t VALUES (:key) ON CONFLICT (a) DO UPDATE SET (a, b) = (1, 2)", "single columns"),
            ("INSERT INTO t VALUES (:key) ON CONFLICT (a) DO UPDATE SET b = (TABLE u)", "TABLE"),
        ] {
            let reason = parse(text).unwrap_err();
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }
}
