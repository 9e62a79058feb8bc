//! `kreplay man [DIR]`: the manual pages.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_mangen::{Man, generate_to};

use super::{Cli, CliError, Exit, print};

/// The flags of `man`.
#[derive(Args, Clone)]
pub struct ManArgs {
    /// Directory for the pages; it must exist [default: print the page of kreplay to standard output]
    directory: Option<PathBuf>,
}

pub(super) fn execute(args: &ManArgs) -> Result<Exit, CliError> {
    if let Some(directory) = &args.directory {
        generate_to(Cli::command(), directory)
            .map_err(|source| CliError::Output { target: Some(directory.clone()), source })?;
        return Ok(Exit::Done);
    }
    let mut page = Vec::new();
    Man::new(Cli::command()).render(&mut page).map_err(|source| CliError::Output { target: None, source })?;
    print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_each_command() {
        let dir = tempfile::tempdir().unwrap();
        execute(&ManArgs { directory: Some(dir.path().into()) }).unwrap();
        for page in ["kreplay.1", "kreplay-run.1", "kreplay-groups-reset.1", "kreplay-watch.1"] {
            let text = std::fs::read_to_string(dir.path().join(page)).unwrap();
            assert!(text.contains(".TH kreplay"), "{page}");
        }
    }

    #[test]
    fn a_directory_that_does_not_exist_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = execute(&ManArgs { directory: Some(dir.path().join("none")) }).unwrap_err();
        assert!(error.to_string().contains("none"), "{error}");
    }
}
