//! Recording a session or a watch, for all commands that have `--record`.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use kreplay_console::{ConsoleOptions, recording_switch::RecordingOption};
use kreplay_model::{feed::Feed, watch::WatchLog};
use kreplay_recording::{About, Censor, Recorder, RecordingWriter, Source, Summary};

use super::CliError;
use crate::config::Config;

mod on_request;

use on_request::RecordingOnRequest;

/// The recording of a command; it does nothing if none is configured. In a console, the user can then start others.
pub(super) struct SessionRecording {
    path: PathBuf,
    command: String,
    limit_bytes: u64,
    state: State,
    censor: Censor,
    on_request: Option<Arc<RecordingOnRequest>>,
}

enum State {
    Off,
    Created(Box<RecordingWriter>),
    Recording(Recorder),
}

impl SessionRecording {
    /// Creates the file, if one is configured. To be called before anything is contacted.
    ///
    /// # Errors
    /// [`CliError::Usage`] if the file exists or cannot be created.
    pub(super) fn create(config: &Config, command: &str) -> Result<Self, CliError> {
        let Some(path) = config.recording.file.clone() else { return Ok(Self::on_request_only(config, command)) };
        let created = RecordingWriter::create(&path, &About::now(command), config.recording.limit_bytes);
        let writer =
            created.map_err(|error| CliError::Usage(format!("cannot record to {}: {error}", path.display())))?;
        Ok(Self { path, state: State::Created(Box::new(writer)), ..Self::on_request_only(config, command) })
    }

    /// Records only what the user of a console requests.
    pub(super) fn on_request_only(config: &Config, command: &str) -> Self {
        Self {
            path: PathBuf::new(),
            command: command.to_owned(),
            limit_bytes: config.recording.limit_bytes,
            state: State::Off,
            censor: Censor::new(config.secrets()),
            on_request: None,
        }
    }

    /// Options of a console in which the user can record a feed, unless it is recorded already.
    pub(super) fn offer(
        &mut self,
        feed: &Feed,
        group_events: Option<WatchLog>,
        options: ConsoleOptions,
    ) -> ConsoleOptions {
        let recording = match self.state {
            State::Off => {
                let about = on_request::Details {
                    command: self.command.clone(),
                    limit_bytes: self.limit_bytes,
                    censor: self.censor.clone(),
                };
                let switch = Arc::new(RecordingOnRequest::new(feed.clone(), group_events, about));
                self.on_request = Some(Arc::clone(&switch));
                RecordingOption::Switch(switch)
            }
            State::Created(_) | State::Recording(_) => RecordingOption::ByCommand(self.path.display().to_string()),
        };
        ConsoleOptions { recording: Some(recording), ..options }
    }

    /// Begins to record a feed. A problem is reported as an event of the feed.
    pub(super) fn start(&mut self, feed: Feed, group_events: Option<WatchLog>) {
        self.state = match std::mem::replace(&mut self.state, State::Off) {
            State::Created(writer) => {
                let events = feed.events.clone();
                let source = Source::new(feed, group_events);
                match Recorder::start(*writer, source, self.censor.clone(), events.clone()) {
                    Ok(recorder) => State::Recording(recorder),
                    Err(error) => {
                        events.warn(format!("recording failed: {error}"));
                        State::Off
                    }
                }
            }
            other => other,
        };
    }

    /// Records the last values and completes the file. Says on standard error how to open it, and what it lacks.
    pub(super) fn finish(self) {
        if let State::Recording(recorder) = self.state {
            report(&self.path, &recorder.finish());
        }
        for (path, summary) in self.on_request.iter().flat_map(|switch| switch.finish()) {
            report(&path, &summary);
        }
    }
}

/// Says on standard error how to open a recording, and what it lacks.
fn report(path: &Path, summary: &Summary) {
    // A failed write to standard error does not affect the recording.
    let mut stderr = io::stderr();
    if let Some(problem) = &summary.problem {
        let _ = writeln!(stderr, "kreplay: {}: {problem}", path.display());
    }
    if summary.frames > 0 {
        let _ = writeln!(stderr, "kreplay: open the recording with: kreplay open {}", quoted(path));
    }
}

/// A path as a word for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "/._-+:@%,".contains(c));
    if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_needs_a_new_file_in_a_folder_that_exists() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        assert!(matches!(SessionRecording::create(&config, "run").map(|off| off.state), Ok(State::Off)));
        config.recording.file = Some(folder.path().join("a.krec"));
        assert!(SessionRecording::create(&config, "run").is_ok());
        for path in [folder.path().join("a.krec"), folder.path().join("none/a.krec")] {
            config.recording.file = Some(path.clone());
            let error = SessionRecording::create(&config, "run").err().map(|error| error.to_string());
            assert!(error.is_some_and(|text| text.contains(&path.display().to_string())));
        }
    }

    #[test]
    fn paths_are_words_of_a_shell() {
        assert_eq!(quoted(Path::new("runs/a-1.krec")), "runs/a-1.krec");
        assert_eq!(quoted(Path::new("it's a run")), r"'it'\''s a run'");
    }
}
