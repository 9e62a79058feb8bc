//! Recordings that the user of a console starts and ends.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError, TryLockError},
};

use chrono::{DateTime, Utc};
use kreplay_console::recording_switch::{RecordingStart, RecordingSwitch};
use kreplay_model::{domain::number::counted, feed::Feed, watch::WatchLog};
use kreplay_recording::{About, Censor, CreateError, Recorder, RecordingWriter, Source, Summary};

/// Names that are tried for a file before it is given up.
const MAX_NAMES: u32 = 100;
/// Characters of a run's id in the name of a file, at most.
const MAX_ID_CHARACTERS: usize = 60;

/// What all recordings of a console have in common.
#[derive(Debug)]
pub(super) struct Details {
    /// The command, which the recordings name.
    pub(super) command: String,
    /// The maximum size of a file in bytes.
    pub(super) limit_bytes: u64,
    /// What is left out.
    pub(super) censor: Censor,
}

/// Records a feed to files in the current directory at the request of the user.
#[derive(Debug)]
pub(super) struct RecordingOnRequest {
    feed: Feed,
    group_events: Option<WatchLog>,
    details: Details,
    /// Held while a file is completed.
    recordings: Mutex<Recordings>,
}

#[derive(Debug, Default)]
struct Recordings {
    current: Option<(PathBuf, Recorder)>,
    completed: Vec<(PathBuf, Summary)>,
}

impl Recordings {
    fn complete(&mut self) -> Option<Summary> {
        let (path, recorder) = self.current.take()?;
        let summary = recorder.finish();
        self.completed.push((path, summary.clone()));
        Some(summary)
    }
}

impl RecordingOnRequest {
    pub(super) fn new(feed: Feed, group_events: Option<WatchLog>, details: Details) -> Self {
        Self { feed, group_events, details, recordings: Mutex::default() }
    }

    /// Completes the current recording. Returns all of them.
    pub(super) fn finish(&self) -> Vec<(PathBuf, Summary)> {
        let mut recordings = self.lock();
        recordings.complete();
        std::mem::take(&mut recordings.completed)
    }

    fn lock(&self) -> MutexGuard<'_, Recordings> {
        self.recordings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RecordingSwitch for RecordingOnRequest {
    fn start(&self, start: RecordingStart) -> Result<String, String> {
        let mut recordings = self.lock();
        if let Some((path, _)) = &recordings.current {
            return Err(format!("already recording to {}", path.display()));
        }
        let about = About::now(&self.details.command);
        let id = start.run.as_deref().unwrap_or("watch");
        let (path, writer) = create(Path::new(""), id, &about, self.details.limit_bytes)?;
        let source = Source::new(self.feed.clone(), self.group_events.clone())
            .from_events(start.next_event, start.next_group_event);
        let (censor, events) = (self.details.censor.clone(), self.feed.events.clone());
        let recorder = Recorder::start_after(start.past, writer, source, censor, events);
        let recorder = recorder.map_err(|error| format!("cannot start a thread: {error}"))?;
        let name = path.display().to_string();
        recordings.current = Some((path, recorder));
        Ok(name)
    }

    fn is_recording(&self) -> bool {
        match self.recordings.try_lock() {
            Ok(recordings) => recordings.current.as_ref().is_some_and(|(_, recorder)| !recorder.has_ended()),
            // It is being completed, and the answer follows.
            Err(TryLockError::WouldBlock) => true,
            Err(TryLockError::Poisoned(_)) => false,
        }
    }

    fn stop(&self) -> Result<String, String> {
        let Some(summary) = self.lock().complete() else { return Err("nothing was being recorded".to_owned()) };
        let recorded = counted(summary.frames, "frame");
        summary.problem.map_or(Ok(recorded), Err)
    }
}

/// Creates a new file whose name has the run and the time.
fn create(folder: &Path, id: &str, about: &About, limit_bytes: u64) -> Result<(PathBuf, RecordingWriter), String> {
    for number in 1..=MAX_NAMES {
        let path = folder.join(file_name(id, about.began_at, number));
        match RecordingWriter::create(&path, about, limit_bytes) {
            Ok(writer) => return Ok((path, writer)),
            Err(CreateError::Exists) => {}
            Err(error) => return Err(format!("cannot create {}: {error}", path.display())),
        }
    }
    Err(format!("{} and all alternative names already exist", file_name(id, about.began_at, 1)))
}

/// The name of a file: the id of the run, the time in UTC, and a number if others have these. An id is external data,
/// of which only harmless characters are kept.
fn file_name(id: &str, at: DateTime<Utc>, number: u32) -> String {
    let harmless = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let id: String = id.chars().take(MAX_ID_CHARACTERS).map(harmless).collect();
    let id = id.trim_matches('-');
    let id = if id.is_empty() { "run" } else { id };
    let number = if number == 1 { String::new() } else { format!("-{number}") };
    format!("{id}-{}{number}.krec", at.format("%Y%m%d-%H%M%S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_run_and_the_time_and_nothing_harmful() {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        assert_eq!(file_name("demo-1", at, 1), "demo-1-20270115-080000.krec");
        assert_eq!(file_name("../a b\u{1b}[31m/", at, 2), "a-b--31m-20270115-080000-2.krec");
        assert_eq!(file_name("../..", at, 1), "run-20270115-080000.krec");
    }

    #[test]
    fn an_existing_file_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let about = About::now("run");
        let (first, _) = create(folder.path(), "a", &about, 1 << 20).unwrap();
        let (second, _) = create(folder.path(), "a", &about, 1 << 20).unwrap();
        assert_ne!(first, second);
        assert!(second.display().to_string().ends_with("-2.krec"), "{}", second.display());
        assert!(
            create(&folder.path().join("none"), "a", &about, 1 << 20).is_err_and(|why| why.contains("cannot create"))
        );
    }
}
