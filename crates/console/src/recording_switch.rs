//! Recording the feed at the request of the user. The program that opens the console writes the file: the console
//! itself writes none but exports.

use std::{fmt, sync::Arc};

use kreplay_model::recording::RecentFrames;

/// What a recording begins with.
#[derive(Debug)]
pub struct RecordingStart {
    /// What was said before, as far as the console still has it.
    pub past: RecentFrames,
    /// The id of the run, for the name of the file. External data.
    pub run: Option<String>,
    /// The sequence number of the first event of the session that is not in the past.
    pub next_event: u64,
    /// The sequence number of the first event of watched groups that is not in the past.
    pub next_group_event: u64,
}

/// Starts and ends recordings of the feed.
pub trait RecordingSwitch: fmt::Debug + Send + Sync {
    /// Begins a recording in a new file. Returns the name of the file, or why nothing is recorded. It does not wait
    /// until the past is written.
    ///
    /// # Errors
    /// Why nothing is recorded, in one sentence.
    fn start(&self, start: RecordingStart) -> Result<String, String>;

    /// Whether the recording goes on. It ends by itself if it cannot be written any more. It does not wait.
    fn is_recording(&self) -> bool;

    /// Completes the recording. Called on a thread that may block. Returns what was recorded.
    ///
    /// # Errors
    /// What the recording lacks, and why, in one sentence.
    fn stop(&self) -> Result<String, String>;
}

/// How a console can record.
#[derive(Clone, Debug)]
pub enum RecordingOption {
    /// The user starts and ends recordings.
    Switch(Arc<dyn RecordingSwitch>),
    /// Everything is recorded to this file already.
    ByCommand(String),
}
