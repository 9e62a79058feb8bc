//! `kreplay watch`: consumer groups as seen from outside.

pub(super) mod background;
mod client;
mod cluster;
pub(super) mod commands;
pub(super) mod console;
mod follow;
pub(super) mod output;

use std::{path::Path, time::Duration};

use clap::Args;
use kreplay_model::domain::{Glob, printable};
use kreplay_watcher::GroupSelection;

use super::{
    CliError, Exit,
    alerting::SilenceRequest,
    args::{ClusterArgs, FileArgs, MetricsArgs, RecordArgs, ServeArgs, ThemeArgs, format::FormatArgs},
    print,
    signals::exit_on_first_signal,
};
use crate::{
    config::{Assignment, Config, Environment, Overrides},
    watch::{Until, overview, parse_duration, parse_history},
};

pub(super) use cluster::{close_look, json};

/// The shortest and the longest time between two looks.
const INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_millis(500)..=Duration::from_secs(3600);

/// The flags of `watch`.
#[derive(Args, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct WatchArgs {
    /// Groups to watch: names or patterns such as 'billing-*' [default: watch.groups, or all]
    #[arg(value_name = "GROUP")]
    groups: Vec<Glob>,
    /// Observe the groups until a verdict is known, which takes a few seconds, print the result, and exit
    #[arg(long, conflicts_with_all = ["duration", "until", "interval", "headless", "metrics", "serve", "record"])]
    once: bool,
    /// How long to watch [default: until stopped]
    #[arg(long = "for", id = "duration", value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Watch until a condition is true for all groups, such as 'lag = 0 for 10s'
    ///
    /// Figures: lag, max_partition_lag, readable, lost, records_left, members, idle_members, orphan_partitions, age,
    /// deadline, eta, no_progress, `rebalances in DURATION`, state, verdict, severity. Comparisons can be joined by
    /// `and`. The condition is false while one of its figures is unknown. With --for, the exit code is 4 if the time
    /// runs out first.
    #[arg(long, value_name = "CONDITION")]
    #[allow(clippy::doc_markdown, reason = "the help is not Markdown")]
    until: Option<Until>,
    /// Time between observations, 500ms to 1h [default: 2s]
    #[arg(long, value_name = "DURATION", value_parser = interval)]
    interval: Option<Duration>,
    /// Also read rebalances and commit times from before the watch, from the topic __consumer_offsets
    ///
    /// How far to go back: a duration from 1m to 7d, such as 2h, or `off`. Requires READ on that topic.
    #[arg(long, value_name = "DURATION", value_parser = history)]
    #[allow(clippy::doc_markdown, reason = "the help is not Markdown")]
    history: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// Silence a rule: take no actions on its alerts for DURATION, 1h by default; can be repeated
    ///
    /// `RULE=0s` ends a silence. Silences are stored per cluster in the state directory.
    #[arg(long, value_name = "RULE[=DURATION]", conflicts_with = "once")]
    silence: Vec<SilenceRequest>,
    /// Refuse to change any group in the console
    #[arg(long)]
    read_only: bool,
    /// Print lines instead of opening the console
    #[arg(long, help_heading = "Output")]
    headless: bool,
    /// Print plain lines and read commands from standard input, for screen readers and pipes; `help` lists them
    #[arg(long, conflicts_with_all = ["headless", "once"], help_heading = "Output")]
    plain: bool,
    #[command(flatten)]
    format: FormatArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
    #[command(flatten)]
    record: RecordArgs,
    #[command(flatten)]
    serve: ServeArgs,
    #[command(flatten)]
    theme: ThemeArgs,
}

/// The cluster to look at.
#[derive(Args, Clone)]
pub(super) struct TargetArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if INTERVALS.contains(&interval) { Ok(interval) } else { Err("the interval must be from 500ms to 1h".to_owned()) }
}

/// Checks the length of a history, and keeps its text.
fn history(text: &str) -> Result<String, String> {
    if text != "off" {
        parse_history(text)?;
    }
    Ok(text.to_owned())
}

impl WatchArgs {
    /// The settings that flags set.
    fn assignments(&self) -> Vec<Assignment> {
        let interval = self.interval.map(|interval| format!("{}ms", interval.as_millis()));
        let given = [("--interval", "watch.interval", interval), ("--history", "watch.history", self.history.clone())];
        given.into_iter().filter_map(|(flag, key, value)| Some(Assignment::flag(flag, key, &value?))).collect()
    }
}

impl TargetArgs {
    /// Loads the configuration, and checks that it has a cluster. Commands that look once read no history.
    pub(super) fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        Ok(self.load_with(Overrides::default(), environment, directory)?.without_history())
    }

    fn load_with(&self, overrides: Overrides, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let mut overrides = Overrides { file: self.file.config.clone(), ..overrides };
        self.cluster.put(&mut overrides);
        let config = Config::load(&overrides, environment, directory)?;
        if config.kafka.bootstrap_servers.is_none() {
            let missing = "no cluster given; use --bootstrap-server HOST:PORT or set kafka.bootstrap_servers";
            return Err(CliError::Usage(missing.into()));
        }
        Ok(config)
    }
}

/// The groups to watch: those that the command names, or else those of the configuration.
fn selection(named: &[Glob], config: &Config) -> GroupSelection {
    GroupSelection(if named.is_empty() { config.watch.groups.clone() } else { named.to_vec() })
}

/// Watches groups.
pub(super) fn execute(args: &WatchArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let read_only = args.read_only.then(|| Assignment::flag("--read-only", "kafka.read_only", "true"));
    let assignments = args.assignments().into_iter().chain(read_only).collect();
    let mut overrides = Overrides { assignments, ..Overrides::default() };
    args.metrics.put(&mut overrides);
    args.record.put(&mut overrides);
    args.serve.put(&mut overrides);
    args.theme.put(&mut overrides);
    let config = args.target.load_with(overrides, environment, directory)?;
    let selection = selection(&args.groups, &config);
    if !args.once {
        return follow::execute(args, &config, &selection, environment);
    }
    exit_on_first_signal()?;
    let snapshot = close_look(&config, &selection)?;
    print(&if args.format.is_json() { json(&snapshot)? } else { overview(&snapshot) })?;
    Ok(exit_of(&selection, &snapshot))
}

/// Reports patterns that no group matches. A result without the groups that were asked for is a failure.
pub(super) fn exit_of(selection: &GroupSelection, snapshot: &kreplay_model::watch::WatchSnapshot) -> Exit {
    let unmatched = unmatched(selection, snapshot);
    if unmatched { Exit::Failed } else { Exit::Done }
}

/// The names and patterns that have no group.
fn without_group<'a>(selection: &'a GroupSelection, snapshot: &kreplay_model::watch::WatchSnapshot) -> Vec<&'a str> {
    selection.without_match(&snapshot.groups.iter().map(|group| group.group.as_str()))
}

/// Reports each name or pattern that has no group; returns whether there is one.
fn unmatched(selection: &GroupSelection, snapshot: &kreplay_model::watch::WatchSnapshot) -> bool {
    let patterns = without_group(selection, snapshot);
    for pattern in &patterns {
        use std::io::Write as _;
        // A failed write to standard error is ignored: the exit code shows it, too.
        let _ = writeln!(std::io::stderr(), "kreplay: no group matches `{}`", printable(pattern));
    }
    !patterns.is_empty()
}
