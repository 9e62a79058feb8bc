//! `kreplay config check`, `kreplay config show` and `kreplay config schema`.

use std::{fmt::Write as _, path::Path};

use clap::{Args, Subcommand};
use kreplay_model::domain::printable;

use super::{CliError, RunArgs, RunSettingsArgs, args::PlanningArgs, rules::metrics_warnings};
use crate::config::{Config, Environment, schema};

/// The flags of `config`.
#[derive(Args, Clone)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Subcommand, Clone)]
enum ConfigCommand {
    /// Check the configuration and report every problem
    ///
    /// Takes the flags of `run` and `plan`, and checks the settings that these commands would use.
    Check(CheckArgs),
    /// Show the effective settings and where each value comes from; secrets are masked
    Show(ShowArgs),
    /// Print a JSON Schema of the configuration file, for editors and validators
    Schema,
}

#[derive(Args, Clone)]
struct CheckArgs {
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    planning: PlanningArgs,
}

#[derive(Args, Clone)]
struct ShowArgs {
    /// Show only settings that are set by a file, the environment or a flag
    #[arg(long)]
    changed: bool,
    #[command(flatten)]
    settings: RunSettingsArgs,
    #[command(flatten)]
    planning: PlanningArgs,
}

/// Returns the text for standard output.
///
/// # Errors
/// [`CliError::Config`] with all problems.
pub(super) fn execute(args: &ConfigArgs, environment: &Environment, directory: &Path) -> Result<String, CliError> {
    let (settings, planning) = match &args.command {
        ConfigCommand::Check(args) => (&args.run.settings, &args.planning),
        ConfigCommand::Show(args) => (&args.settings, &args.planning),
        ConfigCommand::Schema => return Ok(schema()),
    };
    let mut overrides = settings.overrides();
    planning.put(&mut overrides);
    let config = Config::load(&overrides, environment, directory)?;
    if let ConfigCommand::Show(args) = &args.command {
        return Ok(config.show(args.changed));
    }
    let Some(file) = &config.file else { return Ok("the configuration is valid; no file was found\n".into()) };
    let mut answer = format!("the configuration is valid: {}\n", printable(&file.display().to_string()));
    for warning in metrics_warnings(&config) {
        let _ = writeln!(answer, "note: {warning}");
    }
    Ok(answer)
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
    fn check_confirms_a_valid_configuration_in_one_line() {
        let good = Some("[run]\nbatch = 1\n");
        assert_eq!(run(&["check"], good).unwrap(), "the configuration is valid: kreplay.toml\n");
        assert_eq!(run(&["check"], None).unwrap(), "the configuration is valid; no file was found\n");
        let rule = Some("[alerts.a]\ncondition = 'lag > 5'\ntopics = ['x']\n");
        assert!(run(&["check"], rule).unwrap().ends_with(
            "\nnote: the rule a never fires in Prometheus with \
            metrics.level = \"group\"; it needs \"topic\"\n"
        ));
    }

    #[test]
    fn check_exits_with_the_usage_code_for_an_invalid_configuration() {
        let error = run(&["check", "--batch", "0"], Some("[run]\nbacth = 1\n")).unwrap_err();
        assert_eq!(error.exit(), Exit::Usage);
        assert_eq!(error.to_string().lines().count(), 2);
    }

    #[test]
    fn check_accepts_the_flags_of_run_and_plan() {
        let flags = [
            "check",
            "-b",
            "a:1",
            "-t",
            "x",
            "--from",
            "-2h",
            "--keys",
            "a,b",
            "-H",
            "k=v",
            "--protect-group",
            "g",
            "--max-lag",
            "5",
            "--decode",
            "json",
            "--on-unjudged",
            "fail",
            "--plan",
            "--sample",
            "5000",
            "--headless",
            "--report",
            "json",
        ];
        assert_eq!(run(&flags, None).unwrap(), "the configuration is valid; no file was found\n");
        let error = run(&["check", "--from", "soon", "--keys", "["], None).unwrap_err();
        assert_eq!(error.to_string().lines().count(), 2, "{error}");
    }

    #[test]
    fn show_changed_omits_default_values() {
        let shown = run(&["show", "--changed", "--keys", "a,b", "-g", "g"], Some("[run]\nbatch = 5\n")).unwrap();
        let expected = "# configuration file: kreplay.toml\n\n[run]\nkeys = [\"a\", \"b\"]  # --keys\n\
                        batch = 5  # kreplay.toml:2:9\ngroup = \"g\"  # --group\n";
        assert_eq!(shown, expected);
        assert_eq!(run(&["show", "--changed"], None).unwrap(), "# configuration file: none\n");
    }

    #[test]
    fn show_masks_secrets_given_by_flags() {
        let shown = run(&["show", "-X", "sasl.password=hunter2", "--topics", "a,b", "c"], None).unwrap();
        assert!(shown.contains("\"sasl.password\" = \"***\"  # -X"), "{shown}");
        assert!(shown.contains("topics = [\"a\", \"b\", \"c\"]  # --topics"), "{shown}");
    }
}
