//! What can be done about an error, for people.

use std::error::Error as _;

use tokio_postgres::Error;

/// The next step, where it is not in the server's own words. No error holds a password.
pub fn way_out(error: &Error) -> Option<&'static str> {
    match error.as_db_error() {
        Some(db) => by_state(db.code().code(), db.message()),
        None => by_client(&error.source()?.to_string()),
    }
}

/// By the error's SQLSTATE; words of poolers, which have no SQLSTATE of their own, come first.
fn by_state(state: &str, message: &str) -> Option<&'static str> {
    let says = |part: &str| message.contains(part);
    if says("statement pooling") {
        return Some("a projection needs transactions: set the pooler's pool_mode to transaction or session");
    }
    if says("unsupported startup parameter") {
        return Some("leave the parameter out of the target, or add it to the pooler's ignore_startup_parameters");
    }
    if says("query_wait_timeout") {
        return Some("the pooler has too few connections: raise its default_pool_size, or lower run.concurrency");
    }
    if says("max_client_conn") {
        return Some("raise the pooler's max_client_conn, or lower run.concurrency");
    }
    if says("in a read-only transaction") || says("during recovery") || state == "25006" {
        return Some(
            "the server only reads, as a standby does: name the primary in projection.target, or with several hosts \
             target_session_attrs=read-write",
        );
    }
    Some(match state {
        "28000" if says("no encryption") || says("SSL off") => {
            "the server wants encryption: add sslmode=require to projection.target"
        }
        "28000" | "28P01" => {
            "check user and password of projection.target, or set PGPASSWORD; and the server's pg_hba.conf"
        }
        "3D000" => "create it with CREATE DATABASE, or name another one in projection.target",
        "3F000" => "create it with CREATE SCHEMA, or name one in projection.schema",
        "42501" if says("for schema") => {
            "GRANT USAGE, CREATE ON SCHEMA … to the user of projection.target, or name a schema of its own in \
             projection.schema"
        }
        "42501" if says("must be owner") => "connect as its owner, or leave it out of the definition's schema",
        "42501" if says("for database") => "GRANT CREATE ON DATABASE … to the user, or create the schema beforehand",
        "42501" => "GRANT SELECT, INSERT, UPDATE, DELETE on it to the user of projection.target",
        "42P01" => "create it in the definition's schema, or name the schema that it is in with projection.schema",
        "42703" => {
            "compare the definition with the table: CREATE TABLE IF NOT EXISTS changes nothing where there is one; ALTER TABLE \
             does"
        }
        "42P10" => "ON CONFLICT needs a primary key or a unique index of exactly these columns",
        "42P08" | "42P18" => "say which type is meant, such as CAST(:json.id AS bigint)",
        "42883" | "42804" => "say which type is meant where the value is used, such as CAST(:json.id AS bigint)",
        "53300" => "each worker has a connection: lower run.concurrency, or raise the server's max_connections",
        "53100" => "make room on the server's disk",
        "57014" if says("statement timeout") => {
            "raise statement_timeout for this user (ALTER ROLE … SET statement_timeout), or lower run.batch"
        }
        "57014" => "somebody has ended it on the server; resume the run",
        "55P03" => "somebody else has locked it for long: look into pg_locks and pg_stat_activity",
        "26000" | "42P05" => "a pooler stands between: its pool_mode has to be transaction or session",
        _ => return None,
    })
}

/// By what the client itself says.
fn by_client(words: &str) -> Option<&'static str> {
    let says = |part: &str| words.contains(part);
    Some(if says("password missing") {
        "the server wants a password: write it as ${env:PGPASSWORD} in projection.target, or set PGPASSWORD"
    } else if says("does not support TLS") {
        "take sslmode=require out of projection.target, or set ssl = on at the server"
    } else if says("UnknownIssuer") || says("invalid peer certificate") {
        "name the file of its authority with sslrootcert=FILE in projection.target"
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_have_a_next_step_that_names_the_setting() {
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
            let way = by_state(state, message).unwrap();
            assert!(way.contains(part), "{message}: {way}");
        }
        assert_eq!(by_state("22P02", "invalid input syntax for type bigint: \"much\""), None);
        assert!(by_client("password missing").unwrap().contains("PGPASSWORD"));
        assert!(by_client("server does not support TLS").unwrap().contains("sslmode"));
        assert_eq!(by_client("Connection refused (os error 111)"), None);
    }
}
