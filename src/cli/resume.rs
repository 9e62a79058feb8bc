//! `kreplay resume`: goes on with a run that was interrupted.

use std::path::Path;

use clap::Args;

use super::{
    CliError, Exit, ReportArgs,
    args::{ClusterArgs, FileArgs, ThemeArgs},
    run,
};
use crate::{
    config::{Assignment, Config, Environment, Overrides, ResumedSettings},
    journal::{JournalError, Journals},
    replay::JournalOptions,
};

/// The flags of `resume`. What is read, in which order, and what is done with it stays as it was; what becomes of records that fail
/// may change, so that a run gets past one.
#[derive(Args, Clone)]
pub struct ResumeArgs {
    /// The run: its id, the beginning of its id, or `last`
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Workers that handle records side by side, 1 to 1000, or auto: as many as are worth it [default: as before]
    #[arg(long, value_name = "N|auto", help_heading = "Run")]
    concurrency: Option<String>,
    /// The most records or bytes handed out in a second, such as 5000/s or 10MiB/s, or off [default: as before]
    #[arg(long, value_name = "RATE", help_heading = "Run")]
    rate: Option<String>,
    /// What happens to a record that fails for good [default: as before]
    #[arg(long, value_parser = ["fail", "skip", "pause", "dead-letter"], help_heading = "Run")]
    on_failure: Option<String>,
    #[command(flatten)]
    theme: ThemeArgs,
    /// What comes out.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// Goes on with the run.
pub(super) fn execute(args: &ResumeArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let mut overrides = Overrides { file: args.file.config.clone(), ..Overrides::default() };
    args.cluster.put(&mut overrides);
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
    run::execute(&config, &args.report, Some(options))
}

/// Where runs leave their journals.
pub(super) fn journals(config: &Config, environment: &Environment) -> Result<Journals, CliError> {
    config.journals(environment).ok_or_else(|| {
        CliError::Usage(
            "no directory for the journals of runs is known; name one with run.state_dir, or with XDG_STATE_HOME"
                .into(),
        )
    })
}

/// The run's id, what its journal holds of its settings, and what it does not hold.
fn find(wanted: &str, journals: &Journals) -> Result<(String, ResumedSettings, Vec<String>), CliError> {
    let id = journals.find(wanted).map_err(|error| of_journal(&error))?;
    let head = journals.resumable(&id).map_err(|error| of_journal(&error))?;
    let origin = format!("journal of run {id}").into();
    let settings = ResumedSettings { origin, connection: head.connection, run: head.settings };
    Ok((id, settings, head.left_out))
}

pub(super) fn of_journal(error: &JournalError) -> CliError {
    if error.is_usage() { CliError::Usage(error.to_string()) } else { CliError::Failed(error.to_string()) }
}
