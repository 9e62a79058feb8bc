//! Errors of writing part files and recording them.

use rusqlite::ErrorCode;

use crate::Advice;

/// Why a batch could not be exported.
#[derive(Debug)]
pub(super) struct ExportError {
    /// One sentence.
    pub(super) text: String,
    pub(super) advice: Advice,
}

impl ExportError {
    /// An error that affects every record, such as a directory that is not writable.
    pub(super) fn stop(text: String) -> Self {
        Self { text, advice: Advice::Stop }
    }

    /// A transient error.
    pub(super) fn retry(text: String) -> Self {
        Self { text, advice: Advice::Retry }
    }

    /// The claim on a partition was lost, so the batch must be repeated under a new one.
    pub(super) fn fenced(text: String) -> Self {
        Self { text, advice: Advice::Fenced }
    }
}

impl From<rusqlite::Error> for ExportError {
    fn from(error: rusqlite::Error) -> Self {
        let text = format!("cannot update the database of exported records: {error}");
        let kept = "exported records are kept, and the run can be resumed";
        match error.sqlite_error_code() {
            // Another process is at fault, not a record.
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self { text, advice: Advice::Unable },
            Some(ErrorCode::DiskFull) => Self::stop(format!("{text}; free space on the disk of the export; {kept}")),
            _ => Self::stop(format!("{text}; {kept}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::{Error, ffi};

    use super::*;

    #[test]
    fn a_locked_database_is_not_the_fault_of_a_record() {
        for (code, advice) in [
            (ffi::SQLITE_BUSY, Advice::Unable),
            (ffi::SQLITE_LOCKED, Advice::Unable),
            (ffi::SQLITE_FULL, Advice::Stop),
            (ffi::SQLITE_CORRUPT, Advice::Stop),
        ] {
            let error: ExportError = Error::SqliteFailure(ffi::Error::new(code), None).into();
            assert_eq!(error.advice, advice, "{}", error.text);
        }
    }
}
