//! `kreplay rules`: the alert rules that are in force, as text or as a rules file of Prometheus.

use std::{
    fmt::{Display, Write as _},
    io::Write as _,
    path::Path,
};

use clap::Args;
use kreplay_alerts::{MetricsDetail, Rule, RuleDefinition, metrics_detail, rules_file};
use kreplay_metrics::Level;
use kreplay_model::domain::{Glob, duration, printable};

use super::{CliError, args::FileArgs};
use crate::config::{Config, Environment, Overrides};

/// The flags of `rules`.
#[derive(Args, Clone)]
pub struct RulesArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Print the rules as a Prometheus rules file, for metrics with the prefix set in `metrics.prefix`
    #[arg(long)]
    prometheus: bool,
}

/// Returns the text for standard output.
pub(super) fn execute(args: &RulesArgs, environment: &Environment, directory: &Path) -> Result<String, CliError> {
    let overrides = Overrides { file: args.file.config.clone(), ..Overrides::default() };
    let config = Config::load(&overrides, environment, directory)?;
    let rules = config.alerts.rules();
    let of_runs = config.alerts.run_rules();
    if !args.prometheus {
        let paragraphs = rules.iter().map(|rule| paragraph(rule.definition(), ""));
        let of_runs = of_runs.iter().map(|rule| paragraph(rule.definition(), "on runs, "));
        return Ok(paragraphs.chain(of_runs).collect::<Vec<_>>().join("\n"));
    }
    let left_out = of_runs.iter().map(|rule| format!("rule {} is omitted: it applies to runs", rule.definition().name));
    for warning in metrics_warnings(&config).into_iter().chain(left_out) {
        // A failed write to standard error is ignored: the rules are complete without it.
        let _ = writeln!(std::io::stderr(), "kreplay: {warning}");
    }
    rules_file(&rules, &config.metrics.options.prefix.to_string()).map_err(|error| CliError::Failed(error.to_string()))
}

/// The rules that Prometheus cannot evaluate on the metrics of this configuration, a sentence for each.
pub(super) fn metrics_warnings(config: &Config) -> Vec<String> {
    let exported = config.metrics.options.level.unwrap_or(Level::Group);
    let warning = |rule: &Rule| {
        let needed = match metrics_detail(rule) {
            MetricsDetail::Group => Level::Group,
            MetricsDetail::Topic => Level::Topic,
            MetricsDetail::Partition => Level::Partition,
        };
        let name = &rule.definition().name;
        (exported < needed).then(|| {
            format!(
                "the rule {name} never fires in Prometheus with metrics.level = \"{exported}\"; it needs \"{needed}\""
            )
        })
    };
    config.alerts.rules().iter().filter_map(warning).collect()
}

/// A rule, with one setting on each line. `about` is what it is about, if not groups.
fn paragraph<C: Display>(rule: &RuleDefinition<C>, about: &str) -> String {
    let condition = rule.condition.to_string();
    let mut text = format!("{} ({})\n  {about}when {}", rule.name, rule.severity, printable(&condition));
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
    if !rule.actions.is_empty() {
        let _ = write!(text, "\n  actions {}", rule.actions.join(", "));
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
        let file = "[alerts.lag]\ncondition = 'lag > 1000'\nfor = '5m'\ngroups = ['a', 'b*']\nlabels = ['team=x']\n\
                    [alerts.slow]\non = 'runs'\ncondition = 'rate < 5'\nactions = ['bell']\n";
        assert_eq!(
            run(&[], file).unwrap(),
            "verdict (critical)\n  when severity = error\n\n\
             lag (warning)\n  when lag > 1000 for 5m\n  groups a, b*\n  label team=x\n\n\
             slow (warning)\n  on runs, when rate < 5\n  actions bell\n"
        );
    }

    #[test]
    fn rules_that_need_more_metrics_are_named() {
        let warnings = |level: &str| {
            let dir = tempfile::tempdir().unwrap();
            let rules = "[alerts.lag]\ncondition = 'lag > 5'\ntopics = ['orders']\n";
            std::fs::write(dir.path().join("kreplay.toml"), format!("{rules}{level}")).unwrap();
            metrics_warnings(&Config::load(&Overrides::default(), &Environment::default(), dir.path()).unwrap())
        };
        let expected = "the rule lag never fires in Prometheus with metrics.level = \"group\"; it needs \"topic\"";
        assert_eq!(warnings(""), [expected]);
        assert!(warnings("[metrics]\nlevel = 'topic'\n").is_empty());
    }

    #[test]
    fn a_rule_without_a_metric_is_refused() {
        let error = run(&["--prometheus"], "[alerts.still]\ncondition = 'no_progress > 5m'\n").unwrap_err().to_string();
        assert_eq!(error, "the rule still cannot be expressed in PromQL: no metric exports the figure no_progress");
        let text = run(&["--prometheus"], "[metrics]\nprefix = 'k_'\n").unwrap();
        assert!(text.contains("expr: \"max by (group) (k_group_verdict{verdict=~"), "{text}");
    }
}
