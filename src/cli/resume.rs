//! `kreplay resume`: resumes an interrupted or stopped run.

use std::path::Path;

use clap::Args;
use kreplay_engine::{journal::Journals, replay::JournalOptions};

use super::{
    CliError, Exit, ReportArgs,
    args::{ClusterArgs, FileArgs, MetricsArgs, RecordArgs, ServeArgs, ThemeArgs},
    launch::Launch,
    run,
};
use crate::config::{Assignment, Config, Environment, Overrides, ResumedSettings};

/// The flags of `resume`. Selection, ordering and handler stay as they were. The failure policy can change, so that a
/// run can get past a record that keeps failing.
#[derive(Args, Clone)]
pub struct ResumeArgs {
    /// Run to resume: its id, a prefix of its id, or `last`
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Number of workers, 1 to 1000, or auto to let kreplay find the best number [default: as before]
    #[arg(long, value_name = "N|auto", help_heading = "Run")]
    concurrency: Option<String>,
    /// Maximum records or bytes per second, such as 5000/s or 10MiB/s, or off [default: as before]
    #[arg(long, value_name = "RATE", help_heading = "Run")]
    rate: Option<String>,
    /// What to do with a record that has failed for good [default: as before]
    #[arg(long, value_parser = ["fail", "skip", "pause", "dead-letter"], help_heading = "Run")]
    on_failure: Option<String>,
    #[command(flatten)]
    metrics: MetricsArgs,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    theme: ThemeArgs,
    /// Console, report and its destination.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Resumes the run.
pub(super) fn execute(args: &ResumeArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let mut overrides = Overrides { file: args.file.config.clone(), ..Overrides::default() };
    args.cluster.put(&mut overrides);
    args.metrics.put(&mut overrides);
    args.record.put(&mut overrides);
    args.serve.put(&mut overrides);
    args.theme.put(&mut overrides);
    for (flag, key, value) in [
        ("--concurrency", "run.concurrency", &args.concurrency),
        ("--rate", "run.rate", &args.rate),
        ("--on-failure", "run.on_failure", &args.on_failure),
    ] {
        overrides.assignments.extend(value.as_ref().map(|value| Assignment::flag(flag, key, value)));
    }
    let (id, settings, left_out) =
        find(&args.run, &journals(&Config::load(&overrides, environment, directory)?, environment)?)?;
    overrides.resumed = Some(settings);
    let config = Config::load(&overrides, environment, directory)?;
    if let Some(missing) = config.missing_secrets(&id, &left_out) {
        return Err(CliError::Usage(missing));
    }
    let options = JournalOptions { resume: Some(id), ..config.journal_options(environment) };
    let launch = Launch::unavailable("this process resumes a run; start kreplay without resume to choose another one");
    run::execute(&config, &args.report, Some(options), launch)
}

/// The directory of all journals.
pub(super) fn journals(config: &Config, environment: &Environment) -> Result<Journals, CliError> {
    config.journals(environment).ok_or_else(|| {
        CliError::Usage(
            "no directory for journals; set run.state_dir, or the environment variable XDG_STATE_HOME".into(),
        )
    })
}

/// Returns the run's id, the settings in its journal, and the keys of secret settings that are not in the journal.
fn find(selector: &str, journals: &Journals) -> Result<(String, ResumedSettings, Vec<String>), CliError> {
    let id = journals.find(selector).map_err(|error| CliError::of(&error))?;
    let head = journals.resumable(&id).map_err(|error| CliError::of(&error))?;
    let origin = format!("journal of run {id}").into();
    let (connection, run, left_out) = (head.connection, head.settings, head.left_out.clone());
    let settings = ResumedSettings { origin, connection, run, left_out };
    Ok((id, settings, head.left_out))
}
