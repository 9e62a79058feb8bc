//! The command line: commands, flags and exit codes.

mod args;
mod attach;
mod audit;
mod bench;
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
mod keys;
mod leftovers;
mod man;
mod metrics;
mod plan;
mod resume;
mod rules;
mod run;
mod runs;
mod serve;
mod signals;
mod themes;
mod topics;
mod watch;
mod work;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

pub use args::{
    ClusterArgs, DatasetArgs, FileArgs, MetricsArgs, ServeArgs, ThemeArgs,
    decode::DecodeArgs,
    report::ReportArgs,
    selection::{FilterArgs, ScopeArgs, SelectionArgs},
    settings::{SafeguardArgs, SettingsArgs},
};
pub use attach::AttachArgs;
pub use audit::AuditArgs;
pub use bench::BenchArgs;
pub use compare::CompareArgs;
pub use completions::CompletionsArgs;
pub use config::ConfigArgs;
pub use demo::WatchDemoArgs;
pub use dlq::DlqArgs;
pub use error::{CliError, Exit};
pub use groups::GroupsArgs;
pub use keys::KeysArgs;
pub use man::ManArgs;
pub use plan::PlanArgs;
pub use resume::ResumeArgs;
pub use rules::RulesArgs;
pub use runs::RunsArgs;
pub use themes::ThemesArgs;
pub use topics::TopicsArgs;
pub use watch::WatchArgs;

use kreplay_engine::replay::JournalOptions;

use crate::config::{Assignment, Config, Environment, Overrides};

/// Replay Kafka topics in parallel without breaking the order of each key
///
/// Without a command, kreplay opens the console on the cluster given by --bootstrap-server or the configuration. Choose
/// topics in the console, or pass them with --topics. If no cluster is given, kreplay opens the demo.
#[derive(Parser, Clone)]
#[command(name = "kreplay", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done; 1 failed; 2 invalid flags or configuration; 3 done, but records were \
                        skipped, dead-lettered, lost to retention or unjudged; 4 stopped before the end")]
pub struct Cli {
    /// The command; `None` opens the console.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The flags of the console.
    #[command(flatten)]
    pub console: ConsoleArgs,
}

/// The commands.
#[derive(Subcommand, Clone)]
pub enum Command {
    /// Replay generated events on an embedded broker; needs no cluster
    Demo(DemoArgs),
    /// Show what a run would do and predict how long it takes; changes nothing
    Plan(PlanArgs),
    /// Replay topics
    Run(RunArgs),
    /// Measure how fast topics are read, by consumer tier and concurrency
    ///
    /// Each measurement is a run in a separate process, and the report shows medians of interleaved rounds. Without a
    /// cluster, bench reads a generated topic on the embedded broker, which shares the processors with the run and
    /// is the bottleneck of many measurements. On a cluster, it reads the given topics in full and without a group, or
    /// a temporary topic with --create.
    Bench(BenchArgs),
    /// Compare the effects that two handlers, or two versions of one, would have on the same records
    ///
    /// Builds the effects of both and applies none. Exit code 0 means that they are equal, 1 that they differ. For each
    /// key, the result names the first record with different effects.
    ///
    /// SQLite projections are compared by the rows that they change, however their SQL is written. Both run on one
    /// worker, in order of arrival, in scratch databases that are empty at first, with the same clock and random
    /// numbers. PostgreSQL projections are compared by their statements and bound values, ignoring comments and
    /// whitespace; no server is contacted. Commands and endpoints are compared by their input. Handlers with different
    /// kinds of effects cannot be compared, except with null, which shows everything that the other handler would do.
    Compare(CompareArgs),
    /// Audit keys, partitioners, order and distribution of topics; changes nothing
    ///
    /// Reads a sample, or everything with --scan, without a group: how even the partitions are, the hottest keys, keys
    /// in several partitions, which partitioner explains the places of the keys and which records break it, when
    /// partitions were added, whether timestamps and sequence numbers of a key decrease, and whether topics with common
    /// keys have them in the same partitions. With --key-template, keys that are made of a header or a field are
    /// audited, too. Ctrl-C ends reading and reports what was found so far. docs/audit.md explains each figure.
    Audit(AuditArgs),
    /// Resume an interrupted or stopped run
    Resume(ResumeArgs),
    /// List resumable and finished runs
    Runs(RunsArgs),
    /// List and show dead letters, and send them back to their topics
    Dlq(DlqArgs),
    /// Create topics, and migrate old topics into new ones
    Topics(TopicsArgs),
    /// List and describe consumer groups, and change their committed offsets: reset, skip, forget, delete, undo
    Groups(GroupsArgs),
    /// Watch consumer groups without joining them: lag, age, time to catch up, and a verdict
    ///
    /// Changes nothing, except for changes that you execute in the console. docs/watch.md explains each figure and says
    /// which records are read.
    Watch(WatchArgs),
    /// Open the console on running processes: runs and watches that were started with --serve
    ///
    /// Several addresses make one dashboard: partitions as their owners see them, the workers of all processes, and
    /// sums. The console changes nothing without --control, and closing it stops no run. A lost connection is opened
    /// again; until then, the last state is shown. docs/attach.md has examples.
    Attach(AttachArgs),
    /// List the alert rules of the configuration, or print them as a rules file of Prometheus
    Rules(RulesArgs),
    /// Check or show the configuration, or print its schema
    Config(ConfigArgs),
    /// List the keys of the console, with the changes of the configuration
    ///
    /// The first column has the names that [console.keys] in the configuration file uses. An action is listed more than
    /// once if its keys differ from place to place.
    Keys(KeysArgs),
    /// List the colour themes of the console, or check their contrast
    Themes(ThemesArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write the pages of all commands to a directory
    Man(ManArgs),
}

/// The flags of the console.
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
    safeguards: SafeguardArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    theme: ThemeArgs,
}

/// The flags of `run`.
#[derive(Args, Clone)]
pub struct RunArgs {
    #[command(flatten)]
    settings: RunSettingsArgs,
    /// Console, report and its destination.
    #[command(flatten)]
    pub report: ReportArgs,
}

/// The flags of `run` that are settings; `config show` has them, too.
#[derive(Args, Clone)]
pub struct RunSettingsArgs {
    #[command(flatten)]
    console: ConsoleArgs,
    /// Make a plan first, so that the report compares the prediction with the result
    #[arg(long, help_heading = "Run")]
    plan: bool,
    /// Build all effects and apply none: no target, group or journal is touched; the report shows what would happen
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
    /// A simulated cluster to watch.
    #[command(flatten)]
    pub watch: WatchDemoArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    theme: ThemeArgs,
    /// Console, report and its destination.
    #[command(flatten)]
    pub report: ReportArgs,
}

impl ConsoleArgs {
    /// Loads the configuration with these flags applied. Without a cluster, the flags apply to the demo.
    ///
    /// # Errors
    /// All problems of file, environment and flags; a flag that requires a cluster when there is none.
    pub fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let config = Config::load(&self.overrides("run"), environment, directory)?;
        if config.kafka.bootstrap_servers.is_some() {
            return Ok(config);
        }
        let flag = self.cluster.needs_a_cluster().or_else(|| self.selection.needs_a_cluster());
        match flag
            .or_else(|| self.filter.needs_a_cluster())
            .or_else(|| self.decode.needs_a_cluster())
            .or_else(|| self.safeguards.needs_a_cluster())
        {
            Some(flag) => Err(CliError::Usage(format!(
                "{flag} needs a cluster; use --bootstrap-server HOST:PORT or set kafka.bootstrap_servers"
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
        self.safeguards.put(&mut overrides);
        self.metrics.put(&mut overrides);
        self.serve.put(&mut overrides);
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
    /// Loads the configuration with these flags applied, and checks that it has a cluster and topics.
    ///
    /// # Errors
    /// All problems of file, environment and flags; no cluster; no topics.
    pub fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let config = Config::load(&self.settings.overrides(), environment, directory)?;
        if config.kafka.bootstrap_servers.is_none() {
            let missing = "no cluster given; use --bootstrap-server HOST:PORT or set kafka.bootstrap_servers";
            return Err(CliError::Usage(missing.into()));
        }
        if config.run.topics.is_none() { Err(run::no_topics()) } else { Ok(config) }
    }
}

impl DemoArgs {
    /// Loads the configuration with these flags applied.
    ///
    /// # Errors
    /// All problems of file, environment and flags.
    pub fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let mut overrides = Overrides { file: self.file.config.clone(), ..Overrides::default() };
        self.datasets.put(&mut overrides);
        self.scope.put("demo", &mut overrides);
        self.settings.put("demo", &mut overrides);
        self.metrics.put(&mut overrides);
        self.serve.put(&mut overrides);
        self.theme.put(&mut overrides);
        Ok(Config::load(&overrides, environment, directory)?)
    }
}

/// Parses the arguments and runs the command. Prints errors to standard error.
#[must_use]
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
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
            print(&keys::execute(args, &environment, directory)?)?;
            Ok(Exit::Done)
        }
        Some(Command::Rules(args)) => {
            print(&rules::execute(args, &environment, directory)?)?;
            Ok(Exit::Done)
        }
        Some(Command::Themes(args)) => themes::execute(args),
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
            demo::watch(&args.watch, &args.load(&environment, directory)?, args.report.headless)
        }
        Some(Command::Demo(args)) => demo::execute(&args.load(&environment, directory)?, &args.report),
        Some(Command::Plan(args)) => plan::execute(args, &environment, directory),
        Some(Command::Run(args)) => {
            let config = args.load(&environment, directory)?;
            run::execute(&config, &args.report, journal_options(&config, &environment))
        }
        Some(Command::Audit(args)) => audit::execute(args, &environment, directory),
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
                run::execute(&config, &report, journal_options(&config, &environment))
            } else {
                demo::execute(&config, &report)
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
