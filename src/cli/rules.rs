//! `kreplay rules`: the alert rules that are in force, as text or as a rules file of Prometheus.

use std::{fmt::Write, path::Path};

use clap::Args;
use kreplay_alerts::{Rule, rules_file};
use kreplay_model::domain::{Glob, duration, printable};

use super::{CliError, args::FileArgs};
use crate::config::{Config, Environment, Overrides};

/// The flags of `rules`.
#[derive(Args, Clone)]
pub struct RulesArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Print the rules as a rules file of Prometheus, over metrics with the prefix of `metrics.prefix`
    #[arg(long)]
    prometheus: bool,
}

/// Returns the text for standard output.
pub(super) fn execute(args: &RulesArgs, environment: &Environment, directory: &Path) -> Result<String, CliError> {
    let overrides = Overrides { file: args.file.config.clone(), ..Overrides::default() };
    let config = Config::load(&overrides, environment, directory)?;
    let rules = config.alerts.rules();
    if !args.prometheus {
        return Ok(rules.iter().map(paragraph).collect::<Vec<_>>().join("\n"));
    }
    rules_file(&rules, &config.metrics.options.prefix.to_string()).map_err(|error| CliError::Failed(error.to_string()))
}

/// A rule, with one setting on each line.
fn paragraph(rule: &Rule) -> String {
    let rule = rule.definition();
    let mut text = format!("{} ({})\n  when {}", rule.name, rule.severity, printable(&rule.condition.to_string()));
    // Writing to a String cannot fail.
    for (word, time) in [(" for", rule.hold), (", and keep firing for", rule.keep)] {
        if !time.is_zero() {
            let _ = write!(text, "{word} {}", duration::in_units(time));
        }
    }
    for (name, globs) in [("groups", &rule.selector.groups), ("topics", &rule.selector.topics)] {
        if !globs.is_empty() {
            let globs = globs.iter().map(Glob::to_string).collect::<Vec<_>>().join(", ");
            let _ = write!(text, "\n  {name} {}", printable(&globs));
        }
    }
    for (name, pairs) in [("label", &rule.labels), ("annotation", &rule.annotations)] {
        for (key, value) in pairs {
            let _ = write!(text, "\n  {name} {key}={}", printable(value));
        }
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn run(flags: &[&str], file: &str) -> Result<String, CliError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("kreplay.toml"), file).unwrap();
        let cli = Cli::try_parse_from([&["kreplay", "rules"], flags].concat()).unwrap();
        let Some(Command::Rules(args)) = cli.command else { panic!("another command") };
        execute(&args, &Environment::default(), dir.path())
    }

    #[test]
    fn rules_are_listed_with_their_settings() {
        let file = "[alerts.lag]\ncondition = 'lag > 1000'\nfor = '5m'\ngroups = ['a', 'b*']\nlabels = ['team=x']\n";
        assert_eq!(
            run(&[], file).unwrap(),
            "verdict (critical)\n  when severity = error\n\n\
             lag (warning)\n  when lag > 1000 for 5m\n  groups a, b*\n  label team=x\n"
        );
    }

    #[test]
    fn a_rule_without_a_metric_is_refused() {
        let error = run(&["--prometheus"], "[alerts.still]\ncondition = 'no_progress > 5m'\n").unwrap_err().to_string();
        assert_eq!(error, "the rule still cannot be expressed in PromQL: no metric has the figure no_progress");
        let text = run(&["--prometheus"], "[metrics]\nprefix = 'k_'\n").unwrap();
        assert!(text.contains("expr: \"max by (group) (k_group_verdict{verdict=~"), "{text}");
    }
}
