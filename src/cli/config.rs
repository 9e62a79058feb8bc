//! `kreplay config check` and `kreplay config show`.

use std::path::Path;

use clap::{Args, Subcommand};

use super::{
    CliError,
    args::{ClusterArgs, FileArgs, SelectionArgs, SettingsArgs},
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
