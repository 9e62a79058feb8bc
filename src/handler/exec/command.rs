//! What a child is started with.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process,
};

use super::ExecSettings;
use crate::{domain::Masked, handler::HandlerError};

/// What a child is started with.
#[derive(Clone, Debug)]
pub(super) struct Command {
    program: PathBuf,
    arguments: Vec<String>,
    directory: PathBuf,
    environment: Vec<Masked>,
    /// For people.
    shown: String,
}

impl Command {
    /// The words of the handler's name, or those of the settings.
    ///
    /// # Errors
    /// There is no command, or what it names cannot be started.
    pub(super) fn new(words: &[String], settings: &ExecSettings) -> Result<Self, HandlerError> {
        let wrong = |reason: String| HandlerError::Settings { handler: "exec", reason };
        let words = if words.is_empty() { &settings.command } else { words };
        let [program, arguments @ ..] = words else {
            return Err(wrong("there is no command; write exec:COMMAND, or set exec.command".into()));
        };
        let directory = match &settings.directory {
            Some(directory) => directory.clone(),
            None => std::env::current_dir().map_err(|error| wrong(format!("no working directory: {error}")))?,
        };
        if !directory.is_dir() {
            return Err(wrong(format!("exec.directory {} is not a directory", directory.display())));
        }
        let found = find(program, &directory, &search_path(&settings.environment));
        let program = found.ok_or_else(|| {
            wrong(if program.contains('/') {
                format!("{program} is not a file that can be executed (looked for in {})", directory.display())
            } else {
                format!("there is no program `{program}` in PATH; for one in the working directory write ./{program}")
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

    /// As it would be typed.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// A process of its own group: an interrupt typed at the terminal is kreplay's, which lets its children finish.
    pub(super) fn process(&self) -> process::Command {
        let mut command = process::Command::new(&self.program);
        let variables = self.environment.iter().filter_map(|variable| variable.value().split_once('='));
        command.args(&self.arguments).current_dir(&self.directory).envs(variables).process_group(0);
        command
    }
}

/// Where programs are looked for: in the path that children will have.
fn search_path(environment: &[Masked]) -> OsString {
    let own = environment.iter().rev().find_map(|variable| variable.value().strip_prefix("PATH="));
    own.map_or_else(|| std::env::var_os("PATH").unwrap_or_default(), OsString::from)
}

/// The file of a program: as a shell finds it, and so that it does not depend on whose working directory counts.
fn find(program: &str, directory: &Path, path: &OsStr) -> Option<PathBuf> {
    let executable =
        |file: &PathBuf| fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return Some(directory.join(program)).filter(executable);
    }
    // An empty program would name the folders themselves.
    let folders = std::env::split_paths(path).filter(|_| !program.is_empty());
    folders.map(|folder| directory.join(folder).join(program)).find(executable)
}

#[cfg(test)]
mod tests {
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
    fn what_cannot_be_started_is_told_before_the_run() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("plain"), "").unwrap();
        let settings = ExecSettings { directory: Some(dir.path().into()), ..ExecSettings::default() };
        for (command, part) in [
            (vec![], "there is no command"),
            (words(&["no-such-program"]), "no program `no-such-program` in PATH"),
            (words(&["./plain"]), "./plain is not a file that can be executed"),
            (words(&[""]), "no program ``"),
        ] {
            let error = Command::new(&command, &settings).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn a_relative_program_belongs_to_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("handler");
        fs::write(&file, "#!/bin/sh\npwd\necho $MODE\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let settings = ExecSettings {
            directory: Some(dir.path().into()),
            environment: vec![Masked::plain(crate::domain::Form::Variable, "MODE=a=b".into())],
            ..ExecSettings::default()
        };
        let output = Command::new(&words(&["./handler"]), &settings).unwrap().process().output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (first, second) = text.trim().split_once('\n').unwrap();
        assert_eq!((Path::new(first), second), (dir.path().canonicalize().unwrap().as_path(), "a=b"));
    }
}
