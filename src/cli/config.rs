//! `kreplay config check`, `kreplay config show` and `kreplay config schema`.

use std::{fmt::Write as _, path::Path};

use clap::{Args, Subcommand};
use kreplay_model::domain::printable;

use super::{
    CliError, ReportArgs, RunArgs, RunSettingsArgs, alerting::Silencer, args::PlanningArgs, rules::metrics_warnings,
    work,
};
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
/// [`CliError::Config`] with all problems; [`CliError::Usage`] if settings contradict each other.
pub(super) fn execute(args: &ConfigArgs, environment: &Environment, directory: &Path) -> Result<String, CliError> {
    let load = |settings: &RunSettingsArgs, planning: &PlanningArgs| {
        let mut overrides = settings.overrides();
        planning.put(&mut overrides);
        Config::load(&overrides, environment, directory)
    };
    match &args.command {
        ConfigCommand::Check(args) => check(&load(&args.run.settings, &args.planning)?, &args.run.report),
        ConfigCommand::Show(args) => Ok(load(&args.settings, &args.planning)?.show(args.changed)),
        ConfigCommand::Schema => Ok(schema()),
    }
}

fn check(config: &Config, report: &ReportArgs) -> Result<String, CliError> {
    let contradictions = contradictions(config, report);
    if !contradictions.is_empty() {
        return Err(CliError::Usage(contradictions.join("\n")));
    }
    let Some(file) = &config.file else { return Ok("the configuration is valid; no file was found\n".into()) };
    let mut answer = format!("the configuration is valid: {}\n", printable(&file.display().to_string()));
    for warning in metrics_warnings(config) {
        let _ = writeln!(answer, "note: {warning}");
    }
    Ok(answer)
}

/// The problems that concern several settings, in the words of the commands that refuse them before they contact
/// anything.
fn contradictions(config: &Config, report: &ReportArgs) -> Vec<String> {
    let settings = config.run_settings();
    let scope = &config.run.scope;
    let of_settings = [
        work::contradiction(&settings, scope),
        scope.rules.decoding.settings_error(),
        config.metrics.contradiction(),
        config.serve.contradiction(),
        config.topics.strategy.contradiction(),
    ];
    // Whether a console opens depends on the terminal of the run.
    let printed =
        if settings.dry_run.is_some() { Ok(()) } else { report.check_standard_output(&settings.handler, false) };
    let silenced = Silencer::start(config, None, &report.silence).map(drop);
    let of_flags = [printed, silenced].into_iter().filter_map(Result::err).map(|error| error.to_string());
    of_settings.into_iter().flatten().chain(of_flags).collect()
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
    fn check_refuses_what_run_refuses() {
        for (flags, file, part) in [
            (&["--silence", "no-such-rule"][..], "", "there is no rule `no-such-rule`"),
            (&[], "[run]\nsingle_threaded = true\ngroup = 'g'\n", "run it without a group"),
            (&[], "[run]\nprotect_group = 'billing'\n", "--max-lag"),
            (&[], "[run]\nquarantine = true\non_failure = 'skip'\n", "quarantine"),
            (&[], "[run]\nquarantine = true\nordering = 'partition'\n", "--ordering key"),
            (&[], "[run]\ngroup = 'g'\nbarriers = ['key=a']\n", "drop --group or the barriers"),
            (&[], "[run]\ngroup = 'g'\ntime_order = true\n", "needs all partitions in one process"),
            (&[], "[run]\nordering = 'none'\ntime_order = true\n", "requires --ordering key"),
            (&["--handler", "topic:copy"], "[run]\ntime_order = true\n", "topic.transactional = false"),
            (&[], "[metrics]\naddress = '0.0.0.0:9308'\n", "set metrics.token"),
            (&[], "[serve]\naddress = '127.0.0.1:9310'\n", "set a token"),
            (&[], "[decode]\nvalue = 'avro'\n", "--schema-registry"),
            (&["--handler", "ndjson", "--headless", "--report", "json"], "", "--output FILE"),
        ] {
            let error = run(&[&["check"], flags].concat(), Some(file)).unwrap_err();
            assert_eq!(error.exit(), Exit::Usage, "{file}");
            assert!(error.to_string().contains(part), "{file}: {error}");
        }
        let both = "[run]\nprotect_group = 'billing'\n[metrics]\naddress = '0.0.0.0:9308'\n";
        assert_eq!(run(&["check"], Some(both)).unwrap_err().to_string().lines().count(), 2, "all are reported");
    }

    /// It belongs to no group, and has no quarantine.
    #[test]
    fn check_accepts_for_a_dry_run_what_only_its_run_refuses() {
        for file in [
            "group = 'g'\nbarriers = ['key=a']\n",
            "group = 'g'\ntime_order = true\n",
            "quarantine = true\nordering = 'partition'\n",
        ] {
            let accepted = run(&["check"], Some(&format!("[run]\ndry_run = true\n{file}"))).unwrap();
            assert!(accepted.starts_with("the configuration is valid"), "{file}: {accepted}");
        }
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
