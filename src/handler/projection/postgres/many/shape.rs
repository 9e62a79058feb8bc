//! The one kind of statement that many records can share: `INSERT INTO … VALUES (…)`, with or without `ON CONFLICT`.
//!
//! Only what is listed here is recognised. A statement of any other form is sent for each record.

use std::collections::BTreeSet;

use super::super::super::statement::Token;

/// An `INSERT` of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Insert {
    /// The table as it is written, for `to_regclass`.
    pub table: String,
    /// Everything before the list of columns.
    head: Vec<Token>,
    /// The columns, where they are listed.
    pub columns: Option<Vec<String>>,
    /// What is put into them.
    pub values: Vec<Vec<Token>>,
    /// Everything from `ON CONFLICT` on.
    tail: Vec<Token>,
    /// What happens to a row that is there already.
    pub conflict: Conflict,
}

/// What happens to a row that is there already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// It is an error.
    Error,
    /// It stays as it is.
    Nothing,
    /// It is changed.
    Update(Update),
}

/// How a row that is there already is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The columns that say which row is meant.
    pub key: Vec<String>,
    /// Which columns are set to what.
    pub set: Vec<(String, Vec<Token>)>,
    /// Whether only under a condition.
    pub has_condition: bool,
}

impl Update {
    /// Whether a column gets what the record has for it, whatever was there.
    pub fn takes_over(&self, column: &str) -> bool {
        self.set.iter().any(|(name, value)| name == column && is_excluded(value, column))
    }
}

fn is_excluded(value: &[Token], column: &str) -> bool {
    matches!(value, [table, dot, name]
        if table.is("excluded") && dot.is_symbol(".") && name.name().as_deref() == Some(column))
}

/// Words that make more of a value than something of its own record.
const FOREIGN: [&str; 12] = [
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

impl Insert {
    /// Recognises a statement.
    ///
    /// # Errors
    /// Why it is not of this form, for people.
    pub fn of(tokens: &[Token]) -> Result<Self, String> {
        Reader { tokens, at: 0 }.insert()
    }

    /// The statement for many records: `source` says where a use of a parameter comes from, `rows` what the rows are.
    pub fn over(&self, rows: &str, source: impl Fn(usize) -> String) -> String {
        let mut text = shown(&self.head, &source);
        if let Some(columns) = &self.columns {
            let names: Vec<_> = columns.iter().map(|name| quoted(name)).collect();
            text.extend([" (", &names.join(", "), ")"]);
        }
        let values: Vec<_> = self.values.iter().map(|value| shown(value, &source)).collect();
        format!("{text} SELECT {} FROM {rows} {}", values.join(", "), shown(&self.tail, &source))
    }

    /// The uses of parameters behind `ON CONFLICT`, where rows of many records have none.
    pub fn late_uses(&self) -> impl Iterator<Item = usize> {
        Self::uses(&self.tail)
    }

    /// The same statement with `excluded.COLUMN` in the place of those: `column` names it.
    ///
    /// # Errors
    /// There is no such column.
    pub fn without_late_uses(tokens: &[Token], column: impl Fn(usize) -> Option<String>) -> Result<Self, String> {
        let tail = tokens.iter().position(|token| token.is("conflict")).unwrap_or(tokens.len());
        let mut replaced = tokens[..tail].to_vec();
        for token in &tokens[tail..] {
            let Token::Use(number) = token else {
                replaced.push(token.clone());
                continue;
            };
            let name = column(*number).ok_or("a parameter stands behind ON CONFLICT; write excluded.COLUMN there")?;
            replaced.extend([Token::Word("excluded".into()), Token::Symbol(".".into()), Token::Quoted(quoted(&name))]);
        }
        Self::of(&replaced)
    }

    /// The names of everything that may be a function.
    pub fn functions(&self) -> BTreeSet<String> {
        let parts = self.parts();
        let calls = parts
            .iter()
            .flat_map(|part| part.windows(2).filter(|pair| pair[1].is_symbol("(")).filter_map(|pair| pair[0].name()));
        calls.collect()
    }

    /// All operators.
    pub fn operators(&self) -> BTreeSet<String> {
        let symbols = self.parts().into_iter().flatten().filter_map(|token| match token {
            Token::Symbol(symbol) if symbol.chars().all(|c| !"(),.[]:".contains(c)) => Some(symbol.clone()),
            _ => None,
        });
        symbols.collect()
    }

    fn parts(&self) -> Vec<&[Token]> {
        self.values.iter().map(Vec::as_slice).chain([self.tail.as_slice()]).collect()
    }

    /// The uses of parameters in what is put into a column.
    pub fn uses(value: &[Token]) -> impl Iterator<Item = usize> {
        value.iter().filter_map(|token| match token {
            Token::Use(number) => Some(*number),
            _ => None,
        })
    }
}

/// A name as it is.
fn quoted(name: &str) -> String {
    super::super::quoted(name)
}

fn shown(tokens: &[Token], source: &impl Fn(usize) -> String) -> String {
    let one = |token: &Token| match token {
        Token::Word(text) | Token::Quoted(text) | Token::Literal(text) | Token::Symbol(text) => text.clone(),
        Token::Use(number) => source(*number),
    };
    tokens.iter().map(one).collect::<Vec<_>>().join(" ")
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl Reader<'_> {
    fn insert(mut self) -> Result<Insert, String> {
        const FORM: &str = "only INSERT INTO … VALUES (…) with one row of values can be";
        if !(self.eat("insert") && self.eat("into")) {
            return Err(FORM.into());
        }
        let first = self.at;
        while self.peek().is_some_and(|token| token.name().is_some() && !is_end_of_table(token) || token.is_symbol("."))
        {
            self.at += 1;
        }
        let table: String = self.tokens[first..self.at]
            .iter()
            .map(|token| shown(std::slice::from_ref(token), &|_| String::new()))
            .collect();
        if self.eat("as") {
            self.at += 1;
        }
        let head = self.tokens[..self.at].to_vec();
        let columns = if self.peek().is_some_and(|token| token.is_symbol("(")) {
            let listed = self.list()?;
            let names = listed.iter().map(|item| match item.as_slice() {
                [only] => only.name(),
                _ => None,
            });
            Some(names.collect::<Option<Vec<_>>>().ok_or("its list of columns is not of plain names")?)
        } else {
            None
        };
        if !self.eat("values") || table.is_empty() {
            return Err(FORM.into());
        }
        let values = self.list()?;
        if columns.as_ref().is_some_and(|columns| columns.len() != values.len()) {
            return Err(FORM.into());
        }
        let tail = self.tokens[self.at..].to_vec();
        let conflict = self.conflict()?;
        if self.at < self.tokens.len() {
            return Err(FORM.into());
        }
        let insert = Insert { table, head, columns, values, tail, conflict };
        let mut words = insert.parts().into_iter().flatten().filter_map(|token| match token {
            Token::Word(word) => Some(word.as_str()),
            _ => None,
        });
        if let Some(word) = words.find(|word| FOREIGN.contains(word) || word.starts_with("xml")) {
            return Err(format!("it has {} in it", word.to_uppercase()));
        }
        Ok(insert)
    }

    fn conflict(&mut self) -> Result<Conflict, String> {
        const TARGET: &str = "ON CONFLICT names something else than columns";
        if !self.eat("on") {
            return Ok(Conflict::Error);
        }
        if !self.eat("conflict") {
            return Err(TARGET.into());
        }
        let mut key = Vec::new();
        if self.peek().is_some_and(|token| token.is_symbol("(")) {
            for item in self.list()? {
                match item.as_slice() {
                    [only] => key.push(only.name().ok_or(TARGET)?),
                    _ => return Err(TARGET.into()),
                }
            }
        }
        if !self.eat("do") {
            return Err(TARGET.into());
        }
        if self.eat("nothing") {
            return Ok(Conflict::Nothing);
        }
        if !(self.eat("update") && self.eat("set")) || key.is_empty() {
            return Err(TARGET.into());
        }
        let mut set = Vec::new();
        loop {
            let name = self.peek().and_then(Token::name);
            let equals = self.tokens.get(self.at + 1).is_some_and(|token| token.is_symbol("="));
            let (Some(name), true) = (name, equals) else {
                return Err("it sets something else than single columns".into());
            };
            self.at += 2;
            let value = self.expression(|token| token.is_symbol(",") || token.is("where"));
            set.push((name, value));
            if !self.eat_symbol(",") {
                break;
            }
        }
        let has_condition = self.eat("where");
        if has_condition {
            self.expression(|_| false);
        }
        Ok(Conflict::Update(Update { key, set, has_condition }))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn eat(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is(keyword));
        self.at += usize::from(found);
        found
    }

    fn eat_symbol(&mut self, symbol: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_symbol(symbol));
        self.at += usize::from(found);
        found
    }

    /// Everything up to a token outside of brackets that ends it.
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
        const BRACKETS: &str = "its brackets cannot be followed";
        if !self.eat_symbol("(") {
            return Err(BRACKETS.into());
        }
        let mut items = Vec::new();
        loop {
            let item = self.expression(|token| token.is_symbol(","));
            if item.is_empty() {
                return Err(BRACKETS.into());
            }
            items.push(item);
            if self.eat_symbol(")") {
                return Ok(items);
            }
            if !self.eat_symbol(",") {
                return Err(BRACKETS.into());
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

    fn of(text: &str) -> Result<Insert, String> {
        Insert::of(&Statement::parse_all(text, Dialect::Postgres).unwrap().remove(0).tokens())
    }

    #[test]
    fn an_insert_is_taken_apart_and_put_together_for_rows() {
        let insert = of("INSERT INTO s.\"T x\" AS t (id, \"N\", at) VALUES (:key, coalesce(:json.n, 'a,)b'), now())
            ON CONFLICT (id) DO UPDATE SET \"N\" = excluded.\"N\", at = t.at + (1 * 2) WHERE t.at < excluded.at")
        .unwrap();
        assert_eq!(insert.table, "s.\"T x\"");
        let Conflict::Update(update) = &insert.conflict else { panic!("{insert:?}") };
        assert_eq!((update.key.as_slice(), update.has_condition), (&["id".to_owned()][..], true));
        assert!(update.takes_over("N") && !update.takes_over("at"));
        assert_eq!(
            insert.functions().into_iter().collect::<Vec<_>>(),
            ["coalesce", "conflict", "now"].map(String::from)
        );
        assert_eq!(
            insert.over("rows AS r", |number| format!("r.p{number}")),
            "insert into s . \"T x\" as t (\"id\", \"N\", \"at\") SELECT r.p0, coalesce ( r.p1 , 'a,)b' ), now ( ) FROM rows AS r on \
             conflict ( id ) do update set \"N\" = excluded . \"N\" , at = t . at + ( 1 * 2 ) where t . at < excluded . at"
        );
    }

    #[test]
    fn parameters_behind_on_conflict_become_columns_where_they_are_known() {
        let text = "INSERT INTO t (a, b) VALUES (:key, :value) ON CONFLICT (a) DO UPDATE SET b = :value || :key";
        let tokens = Statement::parse_all(text, Dialect::Postgres).unwrap().remove(0).tokens();
        assert_eq!(Insert::of(&tokens).unwrap().late_uses().collect::<Vec<_>>(), [2, 3]);
        let known = |number: usize| Some(["a", "b", "b", "a"][number].to_owned());
        let insert = Insert::without_late_uses(&tokens, known).unwrap();
        assert_eq!(insert.late_uses().count(), 0);
        assert!(insert.over("r", |_| "p".into()).ends_with("set b = excluded . \"b\" || excluded . \"a\""));
        assert!(Insert::without_late_uses(&tokens, |_| None).unwrap_err().contains("excluded.COLUMN"));
    }

    #[test]
    fn other_statements_are_left_as_they_are() {
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
            let reason = of(text).unwrap_err();
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }
}
