//! What SQLite's errors mean: for a record, for a transaction, for the run.

use rusqlite::{Error, ErrorCode, ffi};

use crate::handler::Advice;

/// What an error of SQLite means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::handler::projection) struct Fault {
    /// One sentence, with the next step where there is one.
    pub(in crate::handler::projection) text: String,
    pub(super) advice: Advice,
    /// It is the fault of the record; otherwise of what it is written to.
    pub(in crate::handler::projection) of_record: bool,
}

impl Fault {
    /// A fault that concerns every record alike.
    pub(super) fn of_target(text: impl Into<String>, advice: Advice) -> Self {
        Self { text: text.into(), advice, of_record: false }
    }

    /// What an error means.
    pub(in crate::handler::projection) fn of(error: &Error) -> Self {
        let text = text(error);
        let record = |advice| Self { text: text.clone(), advice, of_record: true };
        let retry = |next: &str| Self::of_target(format!("{text}; {next}"), Advice::Unable);
        let stop = |next: &str| Self::of_target(format!("{text}; {next}"), Advice::Stop);
        if let Error::ToSqlConversionFailure(_) = error {
            // The value would not fit next time either.
            return record(Advice::GiveUp);
        }
        let Some(code) = error.sqlite_error_code() else { return record(Advice::Retry) };
        match code {
            ErrorCode::ConstraintViolation => match error.sqlite_extended_error_code() {
                // Nothing but the record itself decides about these: they would fail for ever.
                Some(ffi::SQLITE_CONSTRAINT_NOTNULL | ffi::SQLITE_CONSTRAINT_DATATYPE) => record(Advice::GiveUp),
                _ => record(Advice::Retry),
            },
            ErrorCode::TypeMismatch | ErrorCode::TooBig => record(Advice::GiveUp),
            ErrorCode::DiskFull => retry("make room on its disk, or raise its max_page_count"),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                retry("another process has locked it for longer than projection.busy_timeout")
            }
            ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
                retry("look after its disk and its permissions")
            }
            ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OperationInterrupted
            | ErrorCode::SchemaChanged => retry("it is tried again"),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                stop("restore it from a backup, or rebuild the projection in a new file")
            }
            ErrorCode::ReadOnly => stop("make it writable, and resume the run"),
            // What was there when the run began is gone: that is not the fault of any record.
            _ if text.contains("no such table") || text.contains("no such column") => {
                stop("somebody has changed the schema during the run; put it back, and resume the run")
            }
            _ => record(Advice::Retry),
        }
    }
}

/// SQLite's own words, without the statement.
pub(super) fn text(error: &Error) -> String {
    match error {
        Error::SqliteFailure(_, Some(message)) => message.clone(),
        Error::SqlInputError { msg, .. } => msg.clone(),
        Error::ToSqlConversionFailure(error) => error.to_string(),
        other => other.to_string(),
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::of(&error)
    }
}
