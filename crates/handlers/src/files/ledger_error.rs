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
}

impl From<rusqlite::Error> for ExportError {
    fn from(error: rusqlite::Error) -> Self {
        let text = format!("cannot update the database of exported records: {error}");
        let kept = "exported records are kept, and the run can be resumed";
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::retry(text),
            Some(ErrorCode::DiskFull) => Self::stop(format!("{text}; free space on the disk of the export; {kept}")),
            _ => Self::stop(format!("{text}; {kept}")),
        }
    }
}
