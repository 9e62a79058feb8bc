//! What an error of PostgreSQL means for the run, by its SQLSTATE
//! (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).

use std::error::Error as _;

use tokio_postgres::Error;

use super::{parameter::Unsendable, way_out::way_out};
use crate::feed::printable;

/// The most of a server's words that is repeated, in characters.
const LONGEST: usize = 500;

/// What an error means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The record cannot be handled: its data, or a rule of the database, stand against it.
    Record,
    /// Only others were in the way: the same again may succeed at once.
    Again,
    /// The server is gone, or about to go; there may be another one soon.
    Gone,
    /// The connection is of no use any more, a new one is.
    Stale,
    /// The server cannot do it now, such as on a full disk.
    Unable,
    /// Nothing can be handled before somebody changes something: a table, a right, a password.
    Broken,
}

/// What an error means for the run.
#[must_use]
pub fn verdict(error: &Error) -> Verdict {
    match error.as_db_error() {
        Some(error) => by_state(error.code().code()),
        // Values are made into text before they are sent; what cannot be sent is the record's fault.
        None if is_conversion(error) => Verdict::Record,
        None if lacks_password(error) => Verdict::Broken,
        None => Verdict::Gone,
    }
}

fn is_conversion(error: &Error) -> bool {
    error.source().is_some_and(<dyn std::error::Error>::is::<Unsendable>)
}

fn lacks_password(error: &Error) -> bool {
    error.source().is_some_and(|source| source.to_string().contains("password missing"))
}

fn by_state(state: &str) -> Verdict {
    match state {
        "40001" | "40P01" | "55P03" => Verdict::Again,
        // Plans and statements that a change of tables, or a proxy, has made invalid.
        "0A000" | "26000" | "25P03" => Verdict::Stale,
        // Shut down, crashed, about to start; and a server that has become somebody's copy.
        "57P01" | "57P02" | "57P03" | "57P05" | "25006" => Verdict::Gone,
        _ => match state.get(..2) {
            Some("08") => Verdict::Gone,
            Some("25" | "40" | "53" | "55" | "57" | "58" | "XX" | "F0") => Verdict::Unable,
            Some("28" | "3D" | "3F" | "42") => Verdict::Broken,
            _ => Verdict::Record,
        },
    }
}

/// The error for people, in one line, with what can be done about it, and without what could drive a terminal.
#[must_use]
pub fn sentence(error: &Error) -> String {
    let text = match (error.as_db_error(), error.source()) {
        (Some(db), _) => {
            let hint = db.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            format!("{} (SQLSTATE {}){hint}", db.message(), db.code().code())
        }
        (None, Some(source)) => source.to_string(),
        (None, None) => error.to_string(),
    };
    let short: String = text.chars().take(LONGEST).collect();
    let way = way_out(error).map(|way| format!("; {way}")).unwrap_or_default();
    printable(&short).into_owned() + &way
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_of_errors_has_its_meaning() {
        for (state, expected) in [
            ("22P02", Verdict::Record),
            ("23505", Verdict::Record),
            ("21000", Verdict::Record),
            ("P0001", Verdict::Record),
            ("54000", Verdict::Record),
            ("40P01", Verdict::Again),
            ("40001", Verdict::Again),
            ("53100", Verdict::Unable),
            ("53300", Verdict::Unable),
            ("57P01", Verdict::Gone),
            ("57P03", Verdict::Gone),
            ("57014", Verdict::Unable),
            ("08006", Verdict::Gone),
            ("25006", Verdict::Gone),
            ("0A000", Verdict::Stale),
            ("28P01", Verdict::Broken),
            ("3D000", Verdict::Broken),
            ("42P01", Verdict::Broken),
            ("42501", Verdict::Broken),
        ] {
            assert_eq!(by_state(state), expected, "{state}");
        }
    }
}
