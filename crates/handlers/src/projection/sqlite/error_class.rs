//! Classes of SQLite's errors: errors of a record, and errors of the target.

use rusqlite::{Error, ErrorCode, ffi};

use crate::{Advice, RecordFailure};

/// An error of SQLite with its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::projection) struct ClassifiedError {
    /// One sentence, with the next step if there is one.
    pub(in crate::projection) text: String,
    pub(super) advice: Advice,
    /// Whether it is an error of the record; otherwise it is one of the target.
    pub(in crate::projection) is_record_error: bool,
}

impl ClassifiedError {
    /// An error of the target, which affects every record.
    pub(super) fn of_target(text: impl Into<String>, advice: Advice) -> Self {
        Self { text: text.into(), advice, is_record_error: false }
    }

    /// Classifies an error.
    pub(in crate::projection) fn classify(error: &Error) -> Self {
        let text = message(error);
        let record_error = |advice| Self { text: text.clone(), advice, is_record_error: true };
        let target_error = |next: &str| Self::of_target(format!("{text}; {next}"), Advice::Unable);
        let stop_error = |next: &str| Self::of_target(format!("{text}; {next}"), Advice::Stop);
        if let Error::ToSqlConversionFailure(_) = error {
            // The value would be rejected again.
            return record_error(Advice::GiveUp);
        }
        let Some(code) = error.sqlite_error_code() else { return record_error(Advice::Retry) };
        match code {
            ErrorCode::ConstraintViolation => match error.sqlite_extended_error_code() {
                // These depend on the record alone, so a retry would fail again.
                Some(ffi::SQLITE_CONSTRAINT_NOTNULL | ffi::SQLITE_CONSTRAINT_DATATYPE) => record_error(Advice::GiveUp),
                _ => record_error(Advice::Retry),
            },
            ErrorCode::TypeMismatch | ErrorCode::TooBig => record_error(Advice::GiveUp),
            ErrorCode::DiskFull => target_error("free disk space, or raise its max_page_count"),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
                target_error("another process has locked it for longer than projection.busy_timeout")
            }
            ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::PermissionDenied => {
                target_error("check its disk and its permissions")
            }
            ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OperationInterrupted
            | ErrorCode::SchemaChanged => target_error("it will be retried"),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                stop_error("restore it from a backup, or rebuild the projection in a new file")
            }
            ErrorCode::ReadOnly => stop_error("make it writable, then resume the run"),
            // The statements were valid when the run began, so the schema has changed.
            _ if text.contains("no such table") || text.contains("no such column") => {
                stop_error("the schema was changed during the run; restore it, then resume the run")
            }
            _ => record_error(Advice::Retry),
        }
    }
}

/// SQLite's message, without the statement.
pub(super) fn message(error: &Error) -> String {
    match error {
        Error::SqliteFailure(_, Some(message)) => message.clone(),
        Error::SqlInputError { msg, .. } => msg.clone(),
        Error::ToSqlConversionFailure(error) => error.to_string(),
        other => other.to_string(),
    }
}

impl From<ClassifiedError> for RecordFailure {
    fn from(error: ClassifiedError) -> Self {
        Self::new(error.text, error.advice)
    }
}

impl From<Error> for ClassifiedError {
    fn from(error: Error) -> Self {
        Self::classify(&error)
    }
}
