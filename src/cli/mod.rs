//! The command line: what can be asked for, and how each command ends.

mod args;
mod bench;
mod compare;
mod config;
mod demo;
mod dlq;
mod error;
mod leftovers;
mod plan;
mod resume;
mod run;
mod runs;
mod topics;
mod work;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

pub use args::{
    ClusterArgs, DatasetArgs, FileArgs, ThemeArgs,
    decode::DecodeArgs,
    report::ReportArgs,
    selection::{FilterArgs, ScopeArgs, SelectionArgs},
    settings::{CareArgs, SettingsArgs},
};
pub use bench::BenchArgs;
pub use compare::CompareArgs;
pub use config::ConfigArgs;
pub use dlq::DlqArgs;
pub use error::{CliError, Exit};
pub use plan::PlanArgs;
pub use resume::ResumeArgs;
pub use runs::RunsArgs;
pub use topics::TopicsArgs;

use crate::{
    config::{Assignment, Config, Environment, Overrides},
    replay::JournalOptions,
};

/// Replays Kafka topics in parallel, and shows what happens while it runs.
///
/// Without a command it opens the console: on the cluster that the configuration or --bootstrap-server names, where you
/// choose the topics unless you name them, otherwise on a demo that needs no cluster.
#[derive(Parser, Clone)]
#[command(name = "kreplay", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 done with dead letters, \
                        skipped or unjudged records, 4 stopped before the end, resumable")]
pub struct Cli {
    /// What to do; without one, the console opens.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// For the console.
    #[command(flatten)]
    pub console: ConsoleArgs,
}

/// What to do.
#[derive(Subcommand, Clone)]
pub enum Command {
    /// Replays generated events on a broker of its own; needs no cluster
    Demo(DemoArgs),
    /// Says what a run would do and how long it should take; changes nothing
    Plan(PlanArgs),
    /// Replays the topics of a selection
    Run(RunArgs),
    /// Compares consumer tiers and concurrency on a topic
    ///
    /// Every measurement is a run in a process of its own, and the report has the medians of interleaved rounds. Without a
    /// cluster it reads a topic on a broker inside kreplay, which shares the processors and limits many figures. On a cluster it
    /// reads the topics that are named, in full and without a group; with --create it makes a topic of its own.
    Bench(BenchArgs),
    /// Says where two handlers, or two versions of one, would do different things with the same records
    ///
    /// The effects of both are built, and none is applied. Exit code 0 says that they are the same, 1 that they differ. The result
    /// names the first record of each key with which they differ.
    ///
    /// Two projections in SQLite are compared by the rows that change, however their SQL is written: in scratch databases that
    /// begin empty, with one current time and the same random numbers for both, by one worker in order of arrival. Two in
    /// PostgreSQL are compared by their statements with the values in them, without comments and needless space: no server is
    /// asked. Commands and endpoints are compared by what they would be given. Handlers whose effects have nothing in common are
    /// refused; null goes with every handler, and shows all that it would do.
    Compare(CompareArgs),
    /// Goes on with a run that was interrupted or stopped
    Resume(ResumeArgs),
    /// Lists the runs that can be resumed, and those that are done
    Runs(RunsArgs),
    /// Lists and shows dead letters, and drives them back
    Dlq(DlqArgs),
    /// Creates topics by strategy, and migrates old topics into new ones
    Topics(TopicsArgs),
    /// Checks or shows the configuration
    Config(ConfigArgs),
}

/// The console's flags.
#[derive(Args, Clone)]
pub struct ConsoleArgs {
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
    #[command(flatten)]
    decode: DecodeArgs,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    care: CareArgs,
    #[command(flatten)]
    theme: ThemeArgs,
}

/// The flags of `run`.
#[derive(Args, Clone)]
pub struct RunArgs {
    #[command(flatten)]
    settings: RunSettingsArgs,
    /// What comes out.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// The flags of `run` that are settings.
#[derive(Args, Clone)]
pub struct RunSettingsArgs {
    #[command(flatten)]
    console: ConsoleArgs,
    /// Make a plan first, so that the report holds it against the result
    #[arg(long, help_heading = "Run")]
    plan: bool,
    /// Build every effect and apply none: no target, group or journal is touched, and the report says what would have happened
    #[arg(long, help_heading = "Run")]
    dry_run: bool,
}

/// The flags of `demo`.
#[derive(Args, Clone)]
pub struct DemoArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    datasets: DatasetArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    theme: ThemeArgs,
    /// What comes out.
    #[command(flatten)]
    pub report: ReportArgs,
}

impl ConsoleArgs {
    /// The configuration with these flags over it. Where it names no cluster, the demo will be opened, and the flags are
    /// those of the demo.
    ///
    /// # Errors
    /// Everything that is wrong with file, environment and flags; flags that only a cluster gives a meaning, without one.
    pub fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let config = Config::load(&self.overrides("run"), environment, directory)?;
        if config.kafka.bootstrap_servers.is_some() {
            return Ok(config);
        }
        let needing = self.cluster.needs_a_cluster().or_else(|| self.selection.needs_a_cluster());
        match needing
            .or_else(|| self.filter.needs_a_cluster())
            .or_else(|| self.decode.needs_a_cluster())
            .or_else(|| self.care.needs_a_cluster())
        {
            Some(flag) => Err(CliError::Usage(format!(
                "{flag} needs a cluster; name one with --bootstrap-server HOST:PORT, or with kafka.bootstrap_servers in \
                 the configuration"
            ))),
            None => Ok(Config::load(&self.overrides("demo"), environment, directory)?),
        }
    }

    fn overrides(&self, table: &str) -> Overrides {
        let mut overrides = Overrides { file: self.file.config.clone(), ..Overrides::default() };
        self.cluster.put(&mut overrides);
        self.selection.put(&mut overrides);
        self.scope.put(table, &mut overrides);
        if table == "run" {
            self.filter.put(&mut overrides);
            self.decode.put(&mut overrides);
        }
        self.settings.put(table, &mut overrides);
        self.care.put(&mut overrides);
        self.theme.put(&mut overrides);
        overrides
    }
}

impl RunSettingsArgs {
    fn overrides(&self) -> Overrides {
        let mut overrides = self.console.overrides("run");
        overrides.assignments.extend(self.plan.then(|| Assignment::flag("--plan", "plan.before_run", "true")));
        overrides.assignments.extend(self.dry_run.then(|| Assignment::flag("--dry-run", "run.dry_run", "true")));
        overrides
    }
}

impl RunArgs {
    /// The configuration with these flags over it. It names a cluster and a selection.
    ///
    /// # Errors
    /// Everything that is wrong with file, environment and flags; no cluster; no topics.
    pub fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let config = Config::load(&self.settings.overrides(), environment, directory)?;
        if config.kafka.bootstrap_servers.is_none() {
            let missing = "no cluster is named; use --bootstrap-server HOST:PORT, or kafka.bootstrap_servers in the configuration";
            return Err(CliError::Usage(missing.into()));
        }
        if config.run.topics.is_none() { Err(run::no_topics()) } else { Ok(config) }
    }
}

impl DemoArgs {
    /// The configuration with these flags over it.
    ///
    /// # Errors
    /// Everything that is wrong with file, environment and flags.
    pub fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let mut overrides = Overrides { file: self.file.config.clone(), ..Overrides::default() };
        self.datasets.put(&mut overrides);
        self.scope.put("demo", &mut overrides);
        self.settings.put("demo", &mut overrides);
        self.theme.put(&mut overrides);
        Ok(Config::load(&overrides, environment, directory)?)
    }
}

/// Reads the arguments, does what they ask for, and says on standard error why it could not.
#[must_use]
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        // Help and version are no errors; clap knows which stream and which code they take.
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    match execute(&cli) {
        Ok(exit) => exit.into(),
        Err(error) => {
            for line in error.to_string().lines() {
                // Nobody reads it: the exit code still tells.
                let _ = writeln!(io::stderr(), "kreplay: {line}");
            }
            error.exit().into()
        }
    }
}

/// Does what was asked for.
///
/// # Errors
/// [`CliError`] says why it could not be done.
pub fn execute(cli: &Cli) -> Result<Exit, CliError> {
    // Paths are relative to the working directory anyway.
    let (environment, directory) = (Environment::of_process(), Path::new(""));
    match &cli.command {
        Some(Command::Config(args)) => {
            print(&config::execute(args, &environment, directory)?)?;
            Ok(Exit::Done)
        }
        Some(Command::Bench(args)) => bench::execute(args, &environment, directory),
        Some(Command::Dlq(args)) => dlq::execute(args, &environment, directory),
        Some(Command::Topics(args)) => topics::execute(args, &environment, directory),
        Some(Command::Demo(args)) => demo::execute(&args.load(&environment, directory)?, &args.report),
        Some(Command::Plan(args)) => plan::execute(args, &environment, directory),
        Some(Command::Run(args)) => {
            let config = args.load(&environment, directory)?;
            run::execute(&config, &args.report, kept(&config, &environment))
        }
        Some(Command::Compare(args)) => compare::execute(args, &environment, directory),
        Some(Command::Resume(args)) => resume::execute(args, &environment, directory),
        Some(Command::Runs(args)) => {
            print(&runs::execute(args, &environment, directory)?)?;
            Ok(Exit::Done)
        }
        None => {
            let config = cli.console.load(&environment, directory)?;
            let report = ReportArgs::default();
            if config.kafka.bootstrap_servers.is_some() {
                run::execute(&config, &report, kept(&config, &environment))
            } else {
                demo::execute(&config, &report)
            }
        }
    }
}

/// Where the runs of a cluster leave their journals, unless they are to leave none.
fn kept(config: &Config, environment: &Environment) -> Option<JournalOptions> {
    config.run.journal.enabled.then(|| config.journal_options(environment))
}

/// Writes a result to standard output. A reader that has seen enough is no error.
///
/// # Errors
/// [`CliError::Output`] where it cannot be written.
pub fn print(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output { target: None, source }),
        _ => Ok(()),
    }
}
