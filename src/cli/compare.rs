//! `kreplay compare`: what two handlers, or two versions of one, would do with the same records, and where they differ.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint, value_parser};

use super::{
    CliError, Exit, ReportArgs,
    args::{
        ClusterArgs, FileArgs,
        report::report_formats,
        selection::{FilterArgs, ScopeArgs, SelectionArgs},
    },
    print, run,
    work::Show,
};
use crate::{
    config::{Assignment, Config, Environment, Overrides},
    feed::{
        RunState, RunView,
        report::{ComparisonReport, ReportFormat},
    },
    handler::{HandlerSpec, Rehearsal},
};

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
    /// One handler, as --handler of `run` takes it, such as projection:old.toml
    #[arg(long, value_name = "HANDLER", help_heading = "Handlers")]
    left: String,
    /// The other one
    #[arg(long, value_name = "HANDLER", help_heading = "Handlers")]
    right: String,
    /// Workers that build effects side by side, 1 to 1000 [default: 6]
    #[arg(long, value_name = "N", help_heading = "Run")]
    concurrency: Option<String>,
    /// How many keys that differ are shown, 1 to 10000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = value_parser!(u32).range(1..=10_000), help_heading = "Output")]
    limit: u32,
    /// Format of the report
    #[arg(long = "output-format", visible_alias = "report", value_name = "FORMAT", value_parser = report_formats())]
    #[arg(default_value = "text", help_heading = "Output")]
    report: ReportFormat,
    /// File for the result instead of standard output
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

/// Compares, and writes what was found.
pub(super) fn execute(args: &CompareArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let config = args.load(environment, directory)?;
    let right: HandlerSpec = args.right.parse().map_err(|error| CliError::Usage(format!("--right: {error}")))?;
    let report = ReportArgs { headless: true, ..ReportArgs::default() };
    let mut options = run::options(&config, None)?;
    if options.selection.is_none() {
        return Err(run::no_topics());
    }
    // The records of a key in their order are what both need to see; whose group the file names does not matter.
    options.settings.rehearsal = Some(Rehearsal::Comparison { right, shown: args.limit as usize });
    options.settings.group = None;
    options.settings.ordering = crate::domain::Ordering::Key;
    let Some(run) = (Show { config: &config, report: &report, hint: None }).session(options)?.run else {
        return Ok(Exit::Stopped);
    };
    let Some(found) = ComparisonReport::new(&run) else {
        // It was stopped, or failed, before anything was compared.
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

/// 0 where both do the same, 1 where they differ; what kept the comparison from its end counts first.
fn exit(run: &RunView, found: &ComparisonReport) -> Exit {
    match run.state {
        RunState::Done if found.is_equal() => Exit::of_view(run),
        RunState::Done => Exit::Failed,
        _ => Exit::of_view(run),
    }
}
