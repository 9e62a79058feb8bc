//! The command that starts a child process.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process,
};

use kreplay_model::domain::Secret;

use super::ExecSettings;
use crate::HandlerError;

/// A command: program, arguments, working directory and environment.
#[derive(Clone, Debug)]
pub(super) struct Command {
    program: PathBuf,
    arguments: Vec<String>,
    directory: PathBuf,
    environment: Vec<Secret>,
    /// The command line, for display.
    shown: String,
}

impl Command {
    /// The command from the handler's text, or else from the settings.
    ///
    /// # Errors
    /// No command is configured, or it cannot be started.
    pub(super) fn new(words: &[String], settings: &ExecSettings) -> Result<Self, HandlerError> {
        let wrong = |reason: String| HandlerError::Settings { handler: "exec", reason };
        let words = if words.is_empty() { &settings.command } else { words };
        let [program, arguments @ ..] = words else {
            return Err(wrong("no command given; use exec:COMMAND, or set exec.command".into()));
        };
        let directory = match &settings.directory {
            Some(directory) => directory.clone(),
            None => std::env::current_dir()
                .map_err(|error| wrong(format!("cannot determine the working directory: {error}")))?,
        };
        if !directory.is_dir() {
            return Err(wrong(format!("exec.directory {} is not a directory", directory.display())));
        }
        let found = find(program, &directory, &search_path(&settings.environment));
        let program = found.ok_or_else(|| {
            wrong(if program.contains('/') {
                format!("{program} is not an executable file (relative to {})", directory.display())
            } else {
                format!("no program `{program}` in PATH; if it is in the working directory, use ./{program}")
            })
        })?;
        Ok(Self {
            program,
            arguments: arguments.to_vec(),
            directory,
            environment: settings.environment.clone(),
            shown: shell_words::join(words),
        })
    }

    /// The command line as it would be typed in a shell.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Builds the process. It gets its own process group, so that an interrupt typed at the terminal reaches only
    /// kreplay, which lets its children finish.
    pub(super) fn process(&self) -> process::Command {
        let mut command = process::Command::new(&self.program);
        let variables = self.environment.iter().filter_map(|variable| variable.value().split_once('='));
        command.args(&self.arguments).current_dir(&self.directory).envs(variables).process_group(0);
        command
    }
}

/// The search path: the `PATH` that the children will have.
fn search_path(environment: &[Secret]) -> OsString {
    let own = environment.iter().rev().find_map(|variable| variable.value().strip_prefix("PATH="));
    own.map_or_else(|| std::env::var_os("PATH").unwrap_or_default(), OsString::from)
}

/// Finds a program's file as a shell does, but relative to `directory` rather than the current working directory.
fn find(program: &str, directory: &Path, path: &OsStr) -> Option<PathBuf> {
    let executable =
        |file: &PathBuf| fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return Some(directory.join(program)).filter(executable);
    }
    // An empty program name would match the directories themselves.
    let folders = std::env::split_paths(path).filter(|_| !program.is_empty());
    folders.map(|folder| directory.join(folder).join(program)).find(executable)
}

#[cfg(test)]
mod tests {
    use kreplay_model::domain::Classified as _;

    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        let settings = ExecSettings { command: words(&["sh", "-c", "exit 3"]), ..ExecSettings::default() };
        let command = Command::new(&[], &settings).unwrap();
        assert_eq!(command.shown(), "sh -c 'exit 3'");
        assert_eq!(command.process().status().unwrap().code(), Some(3));
        let other = Command::new(&words(&["true"]), &settings).unwrap();
        assert!(other.program.is_absolute() && other.process().status().unwrap().success());
    }

    #[test]
    fn commands_that_cannot_be_started_are_rejected_before_the_run() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("plain"), "").unwrap();
        let settings = ExecSettings { directory: Some(dir.path().into()), ..ExecSettings::default() };
        for (command, part) in [
            (vec![], "no command given"),
            (words(&["no-such-program"]), "no program `no-such-program` in PATH"),
            (words(&["./plain"]), "./plain is not an executable file"),
            (words(&[""]), "no program ``"),
        ] {
            let error = Command::new(&command, &settings).unwrap_err();
            assert!(error.class().is_usage() && error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn a_relative_program_is_found_in_the_configured_directory() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("handler");
        fs::write(&file, "#!/bin/sh\npwd\necho $MODE\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let settings = ExecSettings {
            directory: Some(dir.path().into()),
            environment: vec![Secret::plain(kreplay_model::domain::SecretFormat::Variable, "MODE=a=b".into())],
            ..ExecSettings::default()
        };
        let output = Command::new(&words(&["./handler"]), &settings).unwrap().process().output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (first, second) = text.trim().split_once('\n').unwrap();
        assert_eq!((Path::new(first), second), (dir.path().canonicalize().unwrap().as_path(), "a=b"));
    }
}
