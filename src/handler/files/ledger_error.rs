//! Why a batch, or a file, could not be noted.

use rusqlite::ErrorCode;

use crate::handler::Advice;

/// Why something could not be written.
#[derive(Debug)]
pub(super) struct Refusal {
    /// One sentence.
    pub(super) text: String,
    pub(super) advice: Advice,
}

impl Refusal {
    /// The directory cannot be written to: no record fares better than this one.
    pub(super) fn stop(text: String) -> Self {
        Self { text, advice: Advice::Stop }
    }

    /// It may be otherwise in a moment.
    pub(super) fn retry(text: String) -> Self {
        Self { text, advice: Advice::Retry }
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        let text = format!("cannot note what is in the files: {error}");
        let kept = "what is exported so far is kept, and the run can be resumed";
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::retry(text),
            Some(ErrorCode::DiskFull) => Self::stop(format!("{text}; make room on the disk of the export; {kept}")),
            _ => Self::stop(format!("{text}; {kept}")),
        }
    }
}
