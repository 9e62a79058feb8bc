//! A recording in formats of other programs.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use clap::ValueEnum;
use kreplay_console::theme::{ColorDepth, Theme, ThemeChoice};
use kreplay_model::feed::RunView;
use kreplay_recording::{
    Recording,
    export::{timeline, write_csv, write_trace},
};

use super::{FrameSize, cast, describe::damage};
use crate::{
    cli::{CliError, console_options::theme_choice, print},
    config::Config,
};

/// The formats that a recording is exported to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Export {
    /// Frames of the console for asciinema.
    Asciicast,
    /// A page about the last run.
    Html,
    /// A trace for Perfetto and Chrome.
    Perfetto,
    /// Figures over time.
    Csv,
}

/// Writes a recording.
pub(super) fn execute(
    recording: &Recording,
    format: Export,
    size: FrameSize,
    config: &Config,
    output: Option<&Path>,
) -> Result<(), CliError> {
    // Everything that can fail without writing comes before the file is created.
    let page = (format == Export::Html).then(|| page(recording)).transpose()?;
    let theme = theme(config)?;
    let write = |out: &mut dyn Write| match format {
        Export::Asciicast => cast::write(recording, &theme, size, out),
        Export::Html => out.write_all(page.as_deref().unwrap_or_default().as_bytes()).and_then(|()| out.flush()),
        Export::Perfetto => write_trace(recording.frames(), out),
        Export::Csv => write_csv(recording.frames(), out),
    };
    let written = match output {
        Some(path) => File::create(path).and_then(|file| write(&mut BufWriter::new(file))),
        None => write(&mut BufWriter::new(io::stdout().lock())),
    };
    match written {
        // A reader that has closed its pipe has read enough.
        Err(source) if output.is_some() || source.kind() != io::ErrorKind::BrokenPipe => {
            Err(CliError::Output { target: output.map(Path::to_owned), source })
        }
        _ => damage(recording).map_or(Ok(()), |text| Err(CliError::Failed(text))),
    }
}

/// The theme of the configuration with all colours, because the frames are not for this terminal.
fn theme(config: &Config) -> Result<Theme, CliError> {
    let choice = match theme_choice(config)? {
        ThemeChoice::Auto => ThemeChoice::DARK,
        chosen => chosen,
    };
    Theme::load_for(&choice, ColorDepth::True).map_err(|error| CliError::Usage(error.to_string()))
}

/// The page of the last run.
fn page(recording: &Recording) -> Result<String, CliError> {
    let mut last: Option<RunView> = None;
    let history = timeline(recording.frames().inspect(|frame| {
        if let Some(run) = frame.snapshot.as_ref().and_then(|snapshot| snapshot.run.as_ref()) {
            last = Some(run.clone());
        }
    }));
    let no_run = || CliError::Failed("html exports a run, but this recording contains none".to_owned());
    last.as_ref().map(|run| kreplay_page::render(run, &history)).ok_or_else(no_run)
}

/// Writes a text to a file or to standard output.
pub(super) fn to_output(output: Option<&Path>, text: &str) -> Result<(), CliError> {
    let Some(path) = output else { return print(text) };
    std::fs::write(path, text).map_err(|source| CliError::Output { target: Some(path.to_owned()), source })
}
