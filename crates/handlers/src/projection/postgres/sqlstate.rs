//! Classes of PostgreSQL's errors, by their SQLSTATE
//! (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).

use std::error::Error as _;

use kreplay_model::domain::printable;
use tokio_postgres::Error;

use super::{parameter::UnsendableValue, way_out::hint};

/// The maximum number of characters of a server's message that is shown.
const MAX_MESSAGE_CHARS: usize = 500;

/// What an error means for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlstateClass {
    /// The record cannot be applied because of its data or a rule of the database.
    Record,
    /// A conflict with another transaction: an immediate retry may succeed.
    Conflict,
    /// The server is unavailable or shutting down; a later connection may succeed.
    Unavailable,
    /// The connection can no longer be used; a new one can.
    StaleConnection,
    /// The server cannot do it at present, for example because its disk is full.
    ServerUnable,
    /// Nothing can be applied until the setup is changed: a table, a privilege, a password.
    Setup,
}

/// The class of an error.
#[must_use]
pub fn classify(error: &Error) -> SqlstateClass {
    match error.as_db_error() {
        Some(error) => class_of_sqlstate(error.code().code()),
        // Values are converted to text before they are sent. A value that cannot be sent is an error of the record.
        None if is_unsendable_value(error) => SqlstateClass::Record,
        None if lacks_password(error) => SqlstateClass::Setup,
        None => SqlstateClass::Unavailable,
    }
}

fn is_unsendable_value(error: &Error) -> bool {
    error.source().is_some_and(<dyn std::error::Error>::is::<UnsendableValue>)
}

fn lacks_password(error: &Error) -> bool {
    error.source().is_some_and(|source| source.to_string().contains("password missing"))
}

fn class_of_sqlstate(state: &str) -> SqlstateClass {
    match state {
        "40001" | "40P01" | "55P03" => SqlstateClass::Conflict,
        // Plans and statements that were invalidated by a change of tables, or by a proxy.
        "0A000" | "26000" | "25P03" => SqlstateClass::StaleConnection,
        // Shut down, crashed, or starting; 25006: the server has become a standby.
        "57P01" | "57P02" | "57P03" | "57P05" | "25006" => SqlstateClass::Unavailable,
        _ => match state.get(..2) {
            Some("08") => SqlstateClass::Unavailable,
            Some("25" | "40" | "53" | "55" | "57" | "58" | "XX" | "F0") => SqlstateClass::ServerUnable,
            Some("28" | "3D" | "3F" | "42") => SqlstateClass::Setup,
            _ => SqlstateClass::Record,
        },
    }
}

/// The error as one line, with the next step if one is known. Control characters are escaped.
#[must_use]
pub fn error_message(error: &Error) -> String {
    let text = match (error.as_db_error(), error.source()) {
        (Some(db), _) => {
            let hint = db.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
            format!("{} (SQLSTATE {}){hint}", db.message(), db.code().code())
        }
        (None, Some(source)) => source.to_string(),
        (None, None) => error.to_string(),
    };
    let short: String = text.chars().take(MAX_MESSAGE_CHARS).collect();
    let next_step = hint(error).map(|hint| format!("; {hint}")).unwrap_or_default();
    printable(&short).into_owned() + &next_step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_are_classified() {
        for (state, expected) in [
            ("22P02", SqlstateClass::Record),
            ("23505", SqlstateClass::Record),
            ("21000", SqlstateClass::Record),
            ("P0001", SqlstateClass::Record),
            ("54000", SqlstateClass::Record),
            ("40P01", SqlstateClass::Conflict),
            ("40001", SqlstateClass::Conflict),
            ("53100", SqlstateClass::ServerUnable),
            ("53300", SqlstateClass::ServerUnable),
            ("57P01", SqlstateClass::Unavailable),
            ("57P03", SqlstateClass::Unavailable),
            ("57014", SqlstateClass::ServerUnable),
            ("08006", SqlstateClass::Unavailable),
            ("25006", SqlstateClass::Unavailable),
            ("0A000", SqlstateClass::StaleConnection),
            ("28P01", SqlstateClass::Setup),
            ("3D000", SqlstateClass::Setup),
            ("42P01", SqlstateClass::Setup),
            ("42501", SqlstateClass::Setup),
        ] {
            assert_eq!(class_of_sqlstate(state), expected, "{state}");
        }
    }
}
