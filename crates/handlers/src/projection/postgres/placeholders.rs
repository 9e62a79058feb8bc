//! The placeholder of each use of a parameter.
//!
//! PostgreSQL infers one type per placeholder, from its first use. Normally all uses of a parameter share a
//! placeholder. If their types differ (`VALUES (:json, :json)` into a JSONB and a TEXT column), each use has a separate
//! one.

use super::super::statement::{Statement, Token};

/// The placeholders of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholders {
    /// By use, in the order of the text: its placeholder, from 0.
    uses: Vec<usize>,
    /// By placeholder: the index of the statement's parameter that it stands for.
    parameters: Vec<usize>,
}

impl Placeholders {
    /// One placeholder for each parameter, and one for each further type that a parameter is cast to: with a shared
    /// one, `:json::text` would be the text of `:json::jsonb`.
    pub fn shared(statement: &Statement) -> Self {
        let parameters = statement.uses();
        let casts = casts(&statement.tokens(), parameters.len());
        let first_cast = |parameter: usize| {
            let mut own_uses = parameters.iter().zip(&casts).filter(|(other, _)| **other == parameter);
            own_uses.find_map(|(_, cast)| cast.as_ref())
        };
        let groups = parameters.iter().zip(&casts).map(|(parameter, cast)| {
            // Uses without a cast share the placeholder of the first cast.
            let cast = cast.as_ref().filter(|cast| first_cast(*parameter) != Some(cast));
            (*parameter, cast)
        });
        Self::grouped(&groups.collect::<Vec<_>>(), |group| group.0)
    }

    /// One placeholder for each use.
    pub fn separate(statement: &Statement) -> Self {
        let parameters = statement.uses();
        Self { uses: (0..parameters.len()).collect(), parameters }
    }

    /// Merges a placeholder whose type cannot be inferred with another one of its parameter; `None` if there is no
    /// other.
    pub fn merged(&self, placeholder: usize) -> Option<Self> {
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

    /// By placeholder: the index of the statement's parameter that it stands for.
    pub fn parameters(&self) -> &[usize] {
        &self.parameters
    }

    /// By use: its placeholder.
    pub fn uses(&self) -> &[usize] {
        &self.uses
    }

    /// The statement with its placeholders.
    pub fn text(&self, statement: &Statement) -> String {
        statement.numbered(&self.uses)
    }

    /// A message of the server with `$1` replaced by the name of its parameter.
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

/// By use: the type that it is cast to in place, if that is a single word.
fn casts(tokens: &[Token], uses: usize) -> Vec<Option<String>> {
    let mut casts = vec![None; uses];
    for (at, token) in tokens.iter().enumerate() {
        let Token::Use(number) = token else { continue };
        let (after, type_name) = (tokens.get(at + 1), tokens.get(at + 2));
        let is_cast = at >= 2 && tokens[at - 1].is_symbol("(") && tokens[at - 2].is("cast");
        casts[*number] = match after {
            Some(symbol) if symbol.is_symbol("::") => type_name.and_then(Token::name),
            Some(word) if is_cast && word.is("as") => type_name.and_then(Token::name),
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
    fn a_parameter_has_one_placeholder_per_cast_type() {
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
    fn separate_placeholders_can_be_merged_again() {
        let statement = statement("VALUES (:json, :key, :json, :json IS NULL)");
        let separate = Placeholders::separate(&statement);
        assert_eq!(separate.text(&statement), "VALUES ($1, $2, $3, $4 IS NULL)");
        assert_eq!(separate.parameters(), [0, 1, 0, 0]);
        let merged = separate.merged(3).unwrap();
        assert_eq!(merged.text(&statement), "VALUES ($1, $2, $3, $1 IS NULL)");
        assert_eq!(merged.parameters(), [0, 1, 0]);
        assert_eq!(merged.merged(1), None);
        assert_eq!(separate.named(&statement, "type of $4, $2 and $9 costs 3$"), "type of :json, :key and $9 costs 3$");
    }
}
