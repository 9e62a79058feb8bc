//! `kreplay config check` and `kreplay config show`.

use std::path::Path;

use clap::{Args, Subcommand};

use super::{
    CliError,
    args::{ClusterArgs, FileArgs, selection::SelectionArgs, settings::SettingsArgs},
};
use crate::{
    config::{Config, Environment, Overrides},
    feed::printable,
};

/// The configuration, without doing anything with it.
#[derive(Args, Clone)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Subcommand, Clone)]
enum ConfigCommand {
    /// Says what is wrong with the configuration, if anything is
    Check(Merged),
    /// Shows the settings in force and where each comes from, secrets masked
    Show(Merged),
}

#[derive(Args, Clone)]
struct Merged {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// The text for standard output.
///
/// # Errors
/// [`CliError::Config`] with everything that is wrong.
pub(super) fn execute(args: &ConfigArgs, environment: &Environment, directory: &Path) -> Result<String, CliError> {
    let (ConfigCommand::Check(merged) | ConfigCommand::Show(merged)) = &args.command;
    let mut overrides = Overrides { file: merged.file.config.clone(), ..Overrides::default() };
    merged.cluster.put(&mut overrides);
    merged.selection.put(&mut overrides);
    merged.settings.put("run", &mut overrides);
    let config = Config::load(&overrides, environment, directory)?;
    Ok(match (&args.command, &config.file) {
        (ConfigCommand::Show(_), _) => config.show(),
        (ConfigCommand::Check(_), Some(file)) => {
            format!("the configuration is valid: {}\n", printable(&file.display().to_string()))
        }
        (ConfigCommand::Check(_), None) => "the configuration is valid; there is no file\n".into(),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command, Exit};

    fn run(arguments: &[&str], file: Option<&str>) -> Result<String, CliError> {
        let dir = tempfile::tempdir().unwrap();
        if let Some(text) = file {
            std::fs::write(dir.path().join("kreplay.toml"), text).unwrap();
        }
        let cli = Cli::try_parse_from([&["kreplay", "config"], arguments].concat()).unwrap();
        let Some(Command::Config(args)) = cli.command else { panic!("another command") };
        execute(&args, &Environment::default(), dir.path())
    }

    #[test]
    fn check_says_in_one_line_that_all_is_well() {
        let good = Some("[run]\nbatch = 1\n");
        assert_eq!(run(&["check"], good).unwrap(), "the configuration is valid: kreplay.toml\n");
        assert_eq!(run(&["check"], None).unwrap(), "the configuration is valid; there is no file\n");
    }

    #[test]
    fn check_ends_with_the_code_for_a_wrong_configuration() {
        let error = run(&["check", "--batch", "0"], Some("[run]\nbacth = 1\n")).unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
        assert_eq!(error.to_string().lines().count(), 2);
    }

    #[test]
    fn show_masks_what_flags_bring() {
        let shown = run(&["show", "-X", "sasl.password=hunter2", "--topics", "a,b", "c"], None).unwrap();
        assert!(shown.contains("\"sasl.password\" = \"***\"  # -X"), "{shown}");
        assert!(shown.contains("topics = [\"a\", \"b\", \"c\"]  # --topics"), "{shown}");
    }
}
