//! Next steps for errors of PostgreSQL.

use std::error::Error as _;

use tokio_postgres::Error;

/// The next step for an error, if the server's message does not contain it. Errors of the client contain no password.
pub fn hint(error: &Error) -> Option<&'static str> {
    match error.as_db_error() {
        Some(db) => hint_for_sqlstate(db.code().code(), db.message()),
        None => hint_for_client_error(&error.source()?.to_string()),
    }
}

/// By SQLSTATE. Messages of poolers, which have no SQLSTATE of their own, are matched first.
fn hint_for_sqlstate(state: &str, message: &str) -> Option<&'static str> {
    let contains = |part: &str| message.contains(part);
    if contains("statement pooling") {
        return Some("a projection needs transactions: set the pooler's pool_mode to transaction or session");
    }
    if contains("unsupported startup parameter") {
        return Some("leave the parameter out of the target, or add it to the pooler's ignore_startup_parameters");
    }
    if contains("query_wait_timeout") {
        return Some("the pooler has too few connections: raise its default_pool_size, or lower run.concurrency");
    }
    if contains("max_client_conn") {
        return Some("raise the pooler's max_client_conn, or lower run.concurrency");
    }
    if contains("in a read-only transaction") || contains("during recovery") || state == "25006" {
        return Some(
            "the server is read-only, such as a standby: name the primary in projection.target, or with several hosts \
             target_session_attrs=read-write",
        );
    }
    Some(match state {
        "28000" if contains("no encryption") || contains("SSL off") => {
            "the server requires encryption: add sslmode=require to projection.target"
        }
        "28000" | "28P01" => "check user and password in projection.target or PGPASSWORD, and the server's pg_hba.conf",
        "3D000" => "create it with CREATE DATABASE, or name another one in projection.target",
        "3F000" => "create it with CREATE SCHEMA, or name one in projection.schema",
        "42501" if contains("for schema") => {
            "GRANT USAGE, CREATE ON SCHEMA … to the user of projection.target, or name a separate schema in \
             projection.schema"
        }
        "42501" if contains("must be owner") => "connect as its owner, or remove it from the definition's schema",
        "42501" if contains("for database") => {
            "GRANT CREATE ON DATABASE … to the user, or create the schema beforehand"
        }
        "42501" => "GRANT SELECT, INSERT, UPDATE, DELETE on it to the user of projection.target",
        "42P01" => "create it in the definition's schema, or set projection.schema to the schema that contains it",
        "42703" => {
            "compare the definition with the table: CREATE TABLE IF NOT EXISTS does not change an existing table; use \
             ALTER TABLE"
        }
        "42P10" => "ON CONFLICT needs a primary key or a unique index of exactly these columns",
        "42P08" | "42P18" => "add a cast to the intended type, such as CAST(:json.id AS bigint)",
        "42883" | "42804" => {
            "add a cast to the intended type where the value is used, such as CAST(:json.id AS bigint)"
        }
        "53300" => "each worker uses a connection: lower run.concurrency, or raise the server's max_connections",
        "53100" => "free disk space on the server",
        "57014" if contains("statement timeout") => {
            "raise statement_timeout for this user (ALTER ROLE … SET statement_timeout), or lower run.batch"
        }
        "57014" => "it was cancelled on the server; resume the run",
        "55P03" => "another session holds a lock on it: see pg_locks and pg_stat_activity",
        "26000" | "42P05" => "a pooler is in between: set its pool_mode to transaction or session",
        _ => return None,
    })
}

/// By the client's message.
fn hint_for_client_error(text: &str) -> Option<&'static str> {
    let contains = |part: &str| text.contains(part);
    Some(if contains("password missing") {
        "the server requires a password: use ${env:PGPASSWORD} in projection.target, or set PGPASSWORD"
    } else if contains("does not support TLS") {
        "remove sslmode=require from projection.target, or set ssl = on on the server"
    } else if contains("UnknownIssuer") || contains("invalid peer certificate") {
        "set sslrootcert=FILE in projection.target to the file with its certificate authority"
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_name_the_setting_to_change() {
        for (state, message, part) in [
            ("42501", "permission denied for schema public", "projection.schema"),
            ("42501", "permission denied for table t", "GRANT SELECT"),
            ("42P01", "relation \"t\" does not exist", "definition's schema"),
            ("25006", "cannot execute INSERT in a read-only transaction", "target_session_attrs"),
            ("0A000", "cannot set transaction read-write mode during recovery", "primary"),
            ("53300", "sorry, too many clients already", "max_connections"),
            ("57014", "canceling statement due to statement timeout", "statement_timeout"),
            (
                "28000",
                "no pg_hba.conf entry for host \"h\", user \"u\", database \"d\", no encryption",
                "sslmode=require",
            ),
            ("28P01", "password authentication failed for user \"u\"", "PGPASSWORD"),
            ("08P01", "unsupported startup parameter: options", "ignore_startup_parameters"),
            ("08P01", "transactions not allowed in statement pooling mode", "pool_mode"),
            ("08P01", "query_wait_timeout", "default_pool_size"),
        ] {
            let hint = hint_for_sqlstate(state, message).unwrap();
            assert!(hint.contains(part), "{message}: {hint}");
        }
        assert_eq!(hint_for_sqlstate("22P02", "invalid input syntax for type bigint: \"much\""), None);
        assert!(hint_for_client_error("password missing").unwrap().contains("PGPASSWORD"));
        assert!(hint_for_client_error("server does not support TLS").unwrap().contains("sslmode"));
        assert_eq!(hint_for_client_error("Connection refused (os error 111)"), None);
    }
}
