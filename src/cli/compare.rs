//! `kreplay compare`: compares the effects of two handlers, or two versions of one, on the same records.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint, value_parser};
use kreplay_console::state::LaunchAccess;
use kreplay_handlers::{DryRunMode, HandlerSpec};
use kreplay_model::feed::{
    RunState, RunView,
    report::{ComparisonReport, ReportFormat},
};

use super::{
    CliError, Exit, ReportArgs,
    args::{
        ClusterArgs, FileArgs,
        report::{check_output, report_formats},
        selection::{FilterArgs, ScopeArgs, SelectionArgs},
    },
    print, run,
    work::SessionView,
};
use crate::config::{Assignment, Config, Environment, Overrides};

/// The flags of `compare`.
#[derive(Args, Clone)]
pub struct CompareArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    filter: FilterArgs,
    /// First handler, as for --handler of `run`, such as projection:old.toml
    #[arg(long, value_name = "HANDLER", help_heading = "Handlers")]
    left: String,
    /// Second handler
    #[arg(long, value_name = "HANDLER", help_heading = "Handlers")]
    right: String,
    /// Number of workers, 1 to 1000 [default: 6]
    #[arg(long, value_name = "N", help_heading = "Run")]
    concurrency: Option<String>,
    /// Maximum number of differing keys to show, 1 to 10000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u32).range(1..=10_000), help_heading = "Output")]
    limit: u32,
    /// Report format
    #[arg(long = "output-format", visible_alias = "report", value_name = "FORMAT", value_parser = report_formats())]
    #[arg(default_value = "text", help_heading = "Output")]
    report: ReportFormat,
    /// Write the result to this file instead of standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Output")]
    output: Option<PathBuf>,
}

impl CompareArgs {
    fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let mut overrides = Overrides { file: self.file.config.clone(), ..Overrides::default() };
        self.cluster.put(&mut overrides);
        self.selection.put(&mut overrides);
        self.scope.put("run", &mut overrides);
        self.filter.put(&mut overrides);
        overrides.assignments.push(Assignment::flag("--left", "run.handler", &self.left));
        overrides
            .assignments
            .extend(self.concurrency.as_ref().map(|value| Assignment::flag("--concurrency", "run.concurrency", value)));
        Ok(Config::load(&overrides, environment, directory)?)
    }
}

/// Compares the handlers and writes the result.
pub(super) fn execute(args: &CompareArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let config = args.load(environment, directory)?;
    check_output(args.output.as_deref())?;
    let right: HandlerSpec = args.right.parse().map_err(|error| CliError::Usage(format!("--right: {error}")))?;
    let report = ReportArgs { headless: true, ..ReportArgs::default() };
    let mut options = run::options(&config, None)?;
    if options.selection.is_none() {
        return Err(run::no_topics());
    }
    // Both handlers must see the records of each key in order. The configured group does not apply.
    options.settings.dry_run = Some(DryRunMode::Compare { right: config.handler(right), shown: args.limit as usize });
    options.settings.group = None;
    options.settings.ordering = kreplay_model::domain::Ordering::Key;
    let Some(run) = (SessionView {
        config: &config,
        report: &report,
        command: "compare",
        hint: None,
        launch: LaunchAccess::default(),
    })
    .session(options)?
    .run
    else {
        return Ok(Exit::Stopped);
    };
    let Some(found) = ComparisonReport::new(&run) else {
        // The run was stopped or failed before it compared any record.
        return Ok(Exit::of_view(&run));
    };
    let text = found
        .render(args.report == ReportFormat::Json)
        .map_err(|error| CliError::Failed(format!("the result cannot be written: {error}")))?;
    match &args.output {
        None => print(&text)?,
        Some(path) => {
            std::fs::write(path, text).map_err(|source| CliError::Output { target: Some(path.clone()), source })?;
        }
    }
    Ok(exit(&run, &found))
}

/// `Done` if both are equal, `Failed` if they differ, and `Skipped` if no record differs but some fail with both, about
/// which nothing is known. If the run did not complete, its own exit code takes precedence.
fn exit(run: &RunView, found: &ComparisonReport) -> Exit {
    match run.state {
        RunState::Done if !found.is_equal() => Exit::Failed,
        RunState::Done if found.has_uncompared_records() => Exit::Skipped,
        _ => Exit::of_view(run),
    }
}

#[cfg(test)]
mod tests {
    use kreplay_model::feed::{ComparisonView, DryRunFindings};

    use super::*;

    #[test]
    fn records_that_fail_with_both_are_not_a_success() {
        for (state, differing_records, failed_with_both, expected) in [
            (RunState::Done, 0, 0, Exit::Done),
            (RunState::Done, 0, 1, Exit::Skipped),
            (RunState::Done, 1, 1, Exit::Failed),
            (RunState::Failed, 0, 1, Exit::Failed),
            (RunState::Cancelled, 1, 1, Exit::Stopped),
        ] {
            let found = ComparisonView { records: 2, differing_records, failed_with_both, ..ComparisonView::default() };
            let rehearsal = Some(DryRunFindings::Comparison(found));
            let run = RunView { state, rehearsal, ..RunView::default() };
            assert_eq!(exit(&run, &ComparisonReport::new(&run).unwrap()), expected, "{state} {failed_with_both}");
        }
    }
}
