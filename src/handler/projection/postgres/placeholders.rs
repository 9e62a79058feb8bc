//! Which placeholder each use of a parameter has.
//!
//! PostgreSQL gives a placeholder one type, which its first use decides. As a rule all uses of a parameter share one. Where
//! their types differ (`VALUES (:json, :json)` into a JSONB and a TEXT column) each use has one of its own.

use super::super::statement::{Statement, Token};

/// The placeholders of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholders {
    /// By use, in the order of the text: its placeholder, from 0.
    uses: Vec<usize>,
    /// By placeholder: which of the statement's parameters it stands for.
    parameters: Vec<usize>,
}

impl Placeholders {
    /// One for each parameter, and one more for each further type that a parameter is cast to: what `:json::jsonb` makes of a
    /// value is not what `:json::text` should begin with.
    pub fn shared(statement: &Statement) -> Self {
        let parameters = statement.uses();
        let casts = casts(&statement.tokens(), parameters.len());
        let first_cast = |parameter: usize| {
            let mut theirs = parameters.iter().zip(&casts).filter(|(other, _)| **other == parameter);
            theirs.find_map(|(_, cast)| cast.as_ref())
        };
        let groups = parameters.iter().zip(&casts).map(|(parameter, cast)| {
            // Uses without a cast go with the first that has one, as ever.
            let cast = cast.as_ref().filter(|cast| first_cast(*parameter) != Some(cast));
            (*parameter, cast)
        });
        Self::grouped(&groups.collect::<Vec<_>>(), |group| group.0)
    }

    /// One for each use.
    pub fn apart(statement: &Statement) -> Self {
        let parameters = statement.uses();
        Self { uses: (0..parameters.len()).collect(), parameters }
    }

    /// The same, with a placeholder whose type cannot be told taken together with another one of its parameter; `None` where
    /// there is no other.
    pub fn joined(&self, placeholder: usize) -> Option<Self> {
        let parameter = *self.parameters.get(placeholder)?;
        let other = (0..self.parameters.len()).find(|at| *at != placeholder && self.parameters[*at] == parameter)?;
        let group = |number: &usize| if *number == placeholder { other } else { *number };
        let groups: Vec<usize> = self.uses.iter().map(group).collect();
        Some(Self::grouped(&groups, |group| self.parameters[*group]))
    }

    fn grouped<T: PartialEq>(groups: &[T], parameter: impl Fn(&T) -> usize) -> Self {
        let mut known: Vec<&T> = Vec::new();
        let mut uses = Vec::with_capacity(groups.len());
        for group in groups {
            let number = known.iter().position(|other| *other == group).unwrap_or(known.len());
            if number == known.len() {
                known.push(group);
            }
            uses.push(number);
        }
        Self { uses, parameters: known.into_iter().map(parameter).collect() }
    }

    /// By placeholder: which of the statement's parameters it stands for.
    pub fn parameters(&self) -> &[usize] {
        &self.parameters
    }

    /// By use: its placeholder.
    pub fn uses(&self) -> &[usize] {
        &self.uses
    }

    /// The statement as the server takes it.
    pub fn text(&self, statement: &Statement) -> String {
        statement.numbered(&self.uses)
    }

    /// A text of the server with the names of parameters in the place of `$1`.
    pub fn named(&self, statement: &Statement, text: &str) -> String {
        let mut named = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let digits = rest[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
            let end = at + 1 + digits;
            let number = rest[at + 1..end].parse::<usize>().ok();
            named.push_str(&rest[..at]);
            match number.and_then(|number| self.parameters.get(number.checked_sub(1)?)) {
                Some(parameter) => named += &statement.parameters()[*parameter].to_string(),
                None => named.push_str(&rest[at..end]),
            }
            rest = &rest[end..];
        }
        named + rest
    }
}

/// The type that each use is cast to where it stands, as one word.
fn casts(tokens: &[Token], uses: usize) -> Vec<Option<String>> {
    let mut casts = vec![None; uses];
    for (at, token) in tokens.iter().enumerate() {
        let Token::Use(number) = token else { continue };
        let (behind, ends) = (tokens.get(at + 1), tokens.get(at + 2));
        let is_cast = at >= 2 && tokens[at - 1].is_symbol("(") && tokens[at - 2].is("cast");
        casts[*number] = match behind {
            Some(symbol) if symbol.is_symbol("::") => ends.and_then(Token::name),
            Some(word) if is_cast && word.is("as") => ends.and_then(Token::name),
            _ => None,
        };
    }
    casts
}

#[cfg(test)]
mod tests {
    use super::super::super::statement::Dialect;
    use super::*;

    fn statement(text: &str) -> Statement {
        Statement::parse_all(text, Dialect::Postgres).unwrap().remove(0)
    }

    #[test]
    fn a_parameter_has_one_placeholder_unless_it_is_cast_to_several_types() {
        for (text, shared) in [
            ("VALUES (:key, :json, :key)", "VALUES ($1, $2, $1)"),
            ("VALUES (:json::jsonb, :json :: text, :json)", "VALUES ($1::jsonb, $2 :: text, $1)"),
            (
                "VALUES (:json, CAST(:json AS text), cast ( :json AS TEXT))",
                "VALUES ($1, CAST($1 AS text), cast ( $1 AS TEXT))",
            ),
            ("VALUES (:json.a::int, :json.a::\"T\", :json.a::\"T\")", "VALUES ($1::int, $2::\"T\", $2::\"T\")"),
        ] {
            let statement = statement(text);
            assert_eq!(Placeholders::shared(&statement).text(&statement), shared);
        }
    }

    #[test]
    fn each_use_can_have_its_own_and_some_can_be_joined_again() {
        let statement = statement("VALUES (:json, :key, :json, :json IS NULL)");
        let apart = Placeholders::apart(&statement);
        assert_eq!(apart.text(&statement), "VALUES ($1, $2, $3, $4 IS NULL)");
        assert_eq!(apart.parameters(), [0, 1, 0, 0]);
        let joined = apart.joined(3).unwrap();
        assert_eq!(joined.text(&statement), "VALUES ($1, $2, $3, $1 IS NULL)");
        assert_eq!(joined.parameters(), [0, 1, 0]);
        assert_eq!(joined.joined(1), None);
        assert_eq!(apart.named(&statement, "type of $4, $2 and $9 costs 3$"), "type of :json, :key and $9 costs 3$");
    }
}
