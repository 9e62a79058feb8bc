//! `kreplay open`: shows a recording in the console, sums it up, prints one frame, or writes it in another format.

mod cast;
mod console;
mod describe;
mod export;
mod frame;
mod moment;
mod size;

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use clap::{Args, ValueHint};
use kreplay_model::recording::Past as _;
use kreplay_recording::{OpenError, Recording};

use super::{CliError, Exit, ThemeArgs, args::FileArgs, console_options::is_terminal, print};
use crate::config::{Config, Environment, Overrides};

use export::Export;
use frame::FrameFormat;
use moment::Moment;
use size::FrameSize;

/// The flags of `open`.
#[derive(Args, Clone)]
pub struct OpenArgs {
    /// Recording, made with --record
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    recording: PathBuf,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    theme: ThemeArgs,
    #[command(flatten)]
    output: OpenOutputArgs,
}

/// What to show or print.
#[derive(Args, Clone)]
#[command(next_help_heading = "Output")]
struct OpenOutputArgs {
    /// Print one frame: the screen as text, or everything that is known at that moment as JSON
    #[arg(long, value_name = "FORMAT", conflicts_with = "export")]
    frame: Option<FrameFormat>,
    /// Moment to show: 1m30s after the start, -10s before the end, a time such as 2026-11-20T08:00:00Z, start or end
    /// [default: end for --frame, start for the console]
    #[arg(long, value_name = "MOMENT", conflicts_with = "export", allow_hyphen_values = true)]
    at: Option<Moment>,
    /// Write the recording in another format: asciicast (frames for asciinema), html (a page about the last run),
    /// perfetto (a trace of workers, figures and partition owners), csv (figures as a table)
    #[arg(long, value_name = "FORMAT")]
    export: Option<Export>,
    /// Size of frames in cells, 60x15 to 400x200 [default: 120x40]
    #[arg(long, value_name = "COLUMNSxROWS")]
    size: Option<FrameSize>,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
}

/// Opens a recording.
pub(super) fn execute(args: &OpenArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let mut overrides = Overrides { file: args.file.config.clone(), ..Overrides::default() };
    args.theme.put(&mut overrides);
    let config = Config::load(&overrides, environment, directory)?;
    let path = &args.recording;
    let recording = Recording::open(path).map_err(|error| cannot_open(path, &error))?;
    let output = &args.output;
    // The recording is read while the output is written.
    if output.output.as_deref().is_some_and(|target| is_same_file(path, target)) {
        let text = format!("--output names the recording itself, {}; choose another file", path.display());
        return Err(CliError::Usage(text));
    }
    let size = output.size.unwrap_or_default();
    match (output.frame, output.export) {
        (Some(format), _) => {
            let at_ms = output.at.unwrap_or_default().within(recording.range());
            export::to_output(output.output.as_deref(), &frame::render(&recording, at_ms, format, size)?)?;
        }
        (None, Some(format)) => export::execute(&recording, format, size, &config, output.output.as_deref())?,
        (None, None) if output.output.is_some() => {
            return Err(CliError::Usage("--output needs --frame or --export".to_owned()));
        }
        (None, None) if is_terminal() => console::show(recording, output.at, &config)?,
        (None, None) if output.at.is_some() => {
            return Err(CliError::Usage("--at needs --frame, or a terminal for the console".to_owned()));
        }
        (None, None) => print(&describe::text(path, &recording))?,
    }
    Ok(Exit::Done)
}

/// A missing file, or one that is not a recording, is a mistake of the command line.
fn cannot_open(path: &Path, error: &OpenError) -> CliError {
    let text = format!("cannot open {}: {error}", path.display());
    match error {
        OpenError::NotARecording => {
            CliError::Usage(format!("{text}; recordings are made with --record FILE, or with Ctrl-R in the console"))
        }
        OpenError::Read(error) if is_wrong_path(error) => CliError::Usage(text),
        _ => CliError::Failed(text),
    }
}

/// Whether both paths lead to one file, such as a link and its target. A path without a file equals no other.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|file| (file.dev(), file.ino())).ok();
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

fn is_wrong_path(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory)
}
