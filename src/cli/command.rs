//! The commands, with their help.

use clap::{Parser, Subcommand};

use super::{
    AttachArgs, AuditArgs, BenchArgs, CompareArgs, CompletionsArgs, ConfigArgs, ConsoleArgs, DemoArgs, DlqArgs,
    GroupsArgs, KeysArgs, ManArgs, OpenArgs, PlanArgs, ResumeArgs, RulesArgs, RunArgs, RunsArgs, ThemesArgs,
    TopicsArgs, WatchArgs,
};

/// Replay Kafka topics in parallel without breaking the order of each key
///
/// Without a command, kreplay opens the console on the cluster given by --bootstrap-server or the configuration. Choose
/// topics in the console, or pass them with --topics. If no cluster is given, kreplay opens the demo.
#[derive(Parser, Clone)]
#[command(name = "kreplay", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done; 1 failed; 2 invalid flags or configuration; 3 done, but records were \
                        skipped, dead-lettered, lost to retention or unjudged; 4 stopped early")]
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
    /// Show what a run would do and predict how long it would take; changes nothing
    Plan(PlanArgs),
    /// Replay topics
    Run(RunArgs),
    /// Measure how fast topics are read, by consumer tier and concurrency
    ///
    /// Each measurement is a run in a separate process, and the report shows medians of interleaved rounds. Without a
    /// cluster, bench reads a generated topic on the embedded broker, which shares the processors with the run and
    /// is the bottleneck in many measurements. On a cluster, it reads the given topics in full and without a group, or
    /// a temporary topic with --create.
    Bench(BenchArgs),
    /// Compare the effects that two handlers, or two versions of one, would have on the same records
    ///
    /// Builds the effects of both and applies none. Exit code 0 means that they are equal, 1 that they differ. For each
    /// key, the result names the first record with different effects.
    ///
    /// SQLite projections are compared by the rows they change, regardless of how their SQL is written. Both run on one
    /// worker, in order of arrival, in scratch databases that are empty at first, with the same clock and random
    /// numbers. PostgreSQL projections are compared by their statements and bound values, ignoring comments and
    /// whitespace; no server is contacted. Commands and endpoints are compared by their input. Handlers with different
    /// kinds of effects cannot be compared, except with null, which shows everything that the other handler would do.
    Compare(CompareArgs),
    /// Audit keys, partitioners, order and distribution of topics; changes nothing
    ///
    /// Reads a sample, or everything with --scan, without a group. Reports how evenly records are distributed over
    /// partitions, the hottest keys, keys with records in several partitions, which partitioner the producers use and
    /// which records deviate from it, when partitions were added, whether timestamps and sequence numbers of a key
    /// decrease, and whether topics that share keys are co-partitioned. With --key-template, keys built from a header
    /// or a field are audited as well. Ctrl-C stops reading and reports what was found so far. docs/audit.md explains
    /// each figure.
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
    /// Open a recording in the console, print one frame of it, or export it to another format
    ///
    /// A recording is made with --record FILE. It can be opened while it is being made, and after its process was
    /// killed. Without a terminal, a summary is printed. docs/recording.md describes what is in it.
    Open(OpenArgs),
    /// Open the console on running processes: runs and watches that were started with --serve
    ///
    /// Several addresses are combined into one dashboard: partitions as their owners see them, the workers of all
    /// processes, and totals. The console changes nothing without --control, and closing it stops no run. A lost
    /// connection is reopened; until then, the last state is shown. docs/attach.md has examples.
    Attach(AttachArgs),
    /// List the configured alert rules, or print them as a Prometheus rules file
    Rules(RulesArgs),
    /// Check or show the configuration, or print its schema
    Config(ConfigArgs),
    /// List the keys of the console, including those set in the configuration
    ///
    /// The first column has the names that [console.keys] in the configuration file uses. An action is listed more than
    /// once if its keys differ between screens.
    Keys(KeysArgs),
    /// List the colour themes of the console, or check their contrast
    Themes(ThemesArgs),
    /// Print completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write the pages of all commands to a directory
    Man(ManArgs),
}
