//! The command line: parses it, runs its command, and turns the result into output and an exit code.

mod alerting;
mod args;
mod attach;
mod audit;
mod auditor;
mod bench;
mod command;
mod compare;
mod completions;
mod config;
mod console_options;
mod demo;
mod dlq;
mod error;
mod group_changes;
mod groups;
mod history;
mod inspector;
mod journal_listing;
mod keys;
mod launch;
mod layout_file;
mod leftovers;
mod man;
mod metrics;
mod open;
mod plain;
mod plan;
mod preset_file;
mod recording;
mod resume;
mod rules;
mod run;
mod run_args;
mod runs;
mod serve;
mod signals;
mod themes;
mod time_counter;
mod topics;
mod watch;
mod work;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use clap::{CommandFactory as _, FromArgMatches as _, ValueHint};

pub use args::{
    ClusterArgs, DatasetArgs, FileArgs, MetricsArgs, RecordArgs, ServeArgs, ThemeArgs,
    decode::DecodeArgs,
    report::ReportArgs,
    selection::{FilterArgs, ScopeArgs, SelectionArgs},
    settings::{SafeguardArgs, SettingsArgs},
};
pub use attach::AttachArgs;
pub use audit::AuditArgs;
pub use bench::BenchArgs;
pub use command::{Cli, Command};
pub use compare::CompareArgs;
pub use completions::CompletionsArgs;
pub use config::ConfigArgs;
pub use demo::WatchDemoArgs;
pub use dlq::DlqArgs;
pub use error::{CliError, Exit};
pub use groups::GroupsArgs;
pub use keys::KeysArgs;
pub use man::ManArgs;
pub use open::OpenArgs;
pub use plan::PlanArgs;
pub use resume::ResumeArgs;
pub use rules::RulesArgs;
pub use run_args::{ConsoleArgs, DemoArgs, RunArgs, RunSettingsArgs};
pub use runs::RunsArgs;
pub use themes::ThemesArgs;
pub use topics::TopicsArgs;
pub use watch::WatchArgs;

use kreplay_engine::replay::JournalOptions;

use self::launch::Launch;
use crate::config::{Config, Environment, RunTable};

/// Parses the arguments and runs the command. Prints errors to standard error.
#[must_use]
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match parse(arguments) {
        Ok(cli) => cli,
        // Help and version are not errors; clap chooses the stream and the exit code.
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    match execute(&cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            for line in error.to_string().lines() {
                // A failed write to standard error is ignored: the exit code still shows the failure.
                let _ = writeln!(io::stderr(), "kreplay: {line}");
            }
            error.exit().into()
        }
    }
}

/// Parses the arguments.
fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = with_negative_values(Cli::command());
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Takes plain numbers below zero as values of options with one value, so that an error names the option and its bounds
/// instead of an unexpected argument. Files are never called so.
fn with_negative_values(command: clap::Command) -> clap::Command {
    let takes_value = |arg: &clap::Arg| {
        let has_one = arg.get_num_args().is_none_or(|count| count.max_values() == 1);
        arg.get_long().is_some()
            && arg.get_action().takes_values()
            && has_one
            && arg.get_value_hint() == ValueHint::Unknown
    };
    command
        .mut_args(|arg| if takes_value(&arg) { arg.allow_negative_numbers(true) } else { arg })
        .mut_subcommands(with_negative_values)
}

/// Runs the command.
///
/// # Errors
/// [`CliError`] if the command fails.
pub fn execute(cli: &Cli) -> Result<Exit, CliError> {
    // An empty directory keeps relative paths relative to the working directory.
    let (environment, directory) = (Environment::of_process(), Path::new(""));
    match &cli.command {
        Some(Command::Config(args)) => {
            print(&config::execute(args, &environment, directory)?)?;
            Ok(Exit::Done)
        }
        Some(Command::Keys(args)) => {
            let keys::Listed { text, problems } = keys::execute(args, &environment, directory)?;
            print(&text)?;
            problems.map_or(Ok(Exit::Done), |problems| Err(problems.into()))
        }
        Some(Command::Rules(args)) => {
            print(&rules::execute(args, &environment, directory)?)?;
            Ok(Exit::Done)
        }
        Some(Command::Themes(args)) => themes::execute(args, &environment, directory),
        Some(Command::Completions(args)) => {
            print(&completions::execute(args))?;
            Ok(Exit::Done)
        }
        Some(Command::Man(args)) => man::execute(args),
        Some(Command::Bench(args)) => bench::execute(args, &environment, directory),
        Some(Command::Dlq(args)) => dlq::execute(args, &environment, directory),
        Some(Command::Topics(args)) => topics::execute(args, &environment, directory),
        Some(Command::Groups(args)) => groups::execute(args, &environment, directory),
        Some(Command::Watch(args)) => watch::execute(args, &environment, directory),
        Some(Command::Attach(args)) => attach::execute(args, &environment, directory),
        Some(Command::Demo(args)) if args.watch.watch => {
            demo::watch(&args.watch, &args.load(&environment, directory)?, &args.report)
        }
        Some(Command::Demo(args)) => {
            let config = args.load(&environment, directory)?;
            let launch = Launch::over(&config, RunTable::Demo, &args.overrides(), &environment, directory);
            demo::execute(&config, &args.report, launch)
        }
        Some(Command::Open(args)) => open::execute(args, &environment, directory),
        Some(Command::Plan(args)) => plan::execute(args, &environment, directory),
        Some(Command::Run(args)) => {
            let config = args.load(&environment, directory)?;
            let launch = Launch::over(&config, RunTable::Run, &args.settings.overrides(), &environment, directory);
            run::execute(&config, &args.report, journal_options(&config, &environment), launch)
        }
        Some(Command::Audit(args)) => audit::execute(args, &environment, directory),
        Some(Command::Compare(args)) => compare::execute(args, &environment, directory),
        Some(Command::Resume(args)) => resume::execute(args, &environment, directory),
        Some(Command::Runs(args)) => runs::execute(args, &environment, directory),
        None => {
            let config = cli.console.load(&environment, directory)?;
            let report = ReportArgs::default();
            let is_cluster = config.kafka.bootstrap_servers.is_some();
            let table = if is_cluster { RunTable::Run } else { RunTable::Demo };
            let launch = Launch::over(&config, table, &cli.console.overrides(table), &environment, directory);
            if is_cluster {
                run::execute(&config, &report, journal_options(&config, &environment), launch)
            } else {
                demo::execute(&config, &report, launch)
            }
        }
    }
}

/// Journal options for a run on a cluster; `None` if journals are disabled.
fn journal_options(config: &Config, environment: &Environment) -> Option<JournalOptions> {
    config.run.journal.enabled.then(|| config.journal_options(environment))
}

/// Writes a result to standard output. A closed pipe is not an error.
///
/// # Errors
/// [`CliError::Output`] if it cannot be written.
pub fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output { target: None, source }),
        _ => Ok(()),
    }
}
