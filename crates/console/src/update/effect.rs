//! What the console asks its runtime to do.

use std::path::PathBuf;

use kreplay_model::audit::AuditCommand;
use kreplay_model::control::Command;
use kreplay_model::inspect::InspectCommand;
use kreplay_model::time_counts::TimeCountCommand;
use kreplay_model::timeline::Moment;
use kreplay_model::watch::{GroupChangeCommand, SilenceCommand, WatchCommand};

#[cfg(doc)]
use super::Event;
use crate::state::Preset;

/// An effect for the runtime to execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send a command to the session.
    Send(Command),
    /// Send a command to the watcher.
    Watch(WatchCommand),
    /// Look up what the feed had said at a moment, and answer with [`Event::Moment`].
    ShowMoment(Moment),
    /// Send a command to what evaluates alerts.
    Silence(SilenceCommand),
    /// Send a command to what changes groups.
    ChangeGroup(GroupChangeCommand),
    /// List the runs that have a journal.
    ListJournals,
    /// List the presets of the launch form, and answer with [`Event::Presets`].
    ListPresets,
    /// Keep a preset, and answer with [`Event::PresetKept`].
    KeepPreset {
        /// The preset.
        preset: Box<Preset>,
        /// Whether it replaces one with the same name.
        replace: bool,
    },
    /// Delete the preset with a name, and answer with [`Event::PresetDeleted`].
    DeletePreset(String),
    /// Send a command to what reads single records.
    Inspect(InspectCommand),
    /// Send a command to what audits topics.
    Audit(AuditCommand),
    /// Send a command to what counts records by time.
    CountTimes(TimeCountCommand),
    /// End the session and close the console.
    Quit,
    /// Suspend the process and return the terminal to the shell.
    Suspend,
    /// Redraw every cell.
    Redraw,
    /// Record the feed from now on, and what was said before, and answer with [`Event::RecordingBegan`].
    StartRecording,
    /// Complete the recording, and answer with [`Event::RecordingEnded`].
    StopRecording,
    /// Put a text into the clipboard of the terminal.
    Copy(String),
    /// Capture the mouse, or release it.
    CaptureMouse(bool),
    /// Write a new file, without replacing an existing one, and say with [`Event::Exported`] whether it was written.
    Export {
        /// Its path, absolute or relative to the working directory.
        path: PathBuf,
        /// Its content.
        content: String,
    },
    /// Write the screen without its dialog as an SVG picture to a new file, and answer like [`Effect::Export`].
    ExportPicture(PathBuf),
}
