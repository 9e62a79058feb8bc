//! `kreplay topics migrate`.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;

use super::client;
use crate::{
    cli::{
        CliError, Exit,
        args::{ClusterArgs, FileArgs, format::FormatArgs, topics::StrategyArgs},
        print,
        run::no_topics,
        work::stop_flag,
    },
    config::{Assignment, Config, Environment, Overrides, split_list},
    kafka::producer::Timestamps,
    topics::migrate::{Carry, MigrateError, MigrateOptions, Migration, Tell},
};

/// The flags of `topics migrate`.
#[derive(Args, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "flags")]
pub(super) struct MigrateArgs {
    /// Old topics by name, several with spaces or commas
    #[arg(short, long, value_name = "NAME", num_args = 1.., value_delimiter = ',', conflicts_with = "topics_regex")]
    topics: Vec<String>,
    /// Every old topic whose whole name matches a regular expression
    #[arg(long, value_name = "RE")]
    topics_regex: Option<String>,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    strategy: StrategyArgs,
    /// What the channel of a record is: topic, the name of its old topic, or a template such as {key} or {header.room}
    /// [default: topic]
    #[arg(long, value_name = "CHANNEL", help_heading = "Strategy")]
    channel: Option<String>,
    /// What becomes the key of a record: channel, or keep for the one it has [default: channel]
    #[arg(long, value_parser = ["channel", "keep"], help_heading = "Strategy")]
    key: Option<String>,
    /// The timestamps that records get: own, or now for the time of copying
    #[arg(long, value_name = "WHICH", default_value = "own", value_parser = parse_timestamps, help_heading = "Strategy")]
    timestamps: Timestamps,
    /// Groups whose committed offsets are carried over [default: every group that has any on the old topics]
    #[arg(long, value_name = "GROUP", num_args = 1.., conflicts_with = "no_carry")]
    carry_group: Vec<String>,
    /// Leave the offsets of groups alone
    #[arg(long)]
    no_carry: bool,
    /// Do it: create, copy, read back, carry offsets over. Without this nothing is changed
    #[arg(long)]
    execute: bool,
    /// Go on copying what is written to the old topics, until Ctrl-C
    #[arg(long, requires = "execute")]
    follow: bool,
    #[command(flatten)]
    format: FormatArgs,
}

fn parse_timestamps(text: &str) -> Result<Timestamps, String> {
    text.parse()
}

impl MigrateArgs {
    fn load(&self, environment: &Environment, directory: &Path) -> Result<Config, CliError> {
        let mut overrides = Overrides { file: self.file.config.clone(), ..Overrides::default() };
        self.cluster.put(&mut overrides);
        self.strategy.put(&mut overrides);
        let mut flag = |flag: &str, key: &str, value: Option<&String>| {
            overrides.assignments.extend(value.map(|value| Assignment::flag(flag, key, value)));
        };
        flag("--topics-regex", "run.topics_regex", self.topics_regex.as_ref());
        flag("--channel", "topics.channel", self.channel.as_ref());
        flag("--key", "topics.key", self.key.as_ref());
        if !self.topics.is_empty() {
            overrides.assignments.push(Assignment::flag_list("--topics", "run.topics", self.topics.clone()));
        }
        Ok(Config::load(&overrides, environment, directory)?)
    }
}

pub(super) fn execute(args: &MigrateArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let config = args.load(environment, directory)?;
    let client = client(&config)?;
    let Some(topics) = config.run.topics.clone() else { return Err(no_topics()) };
    let carry = match (args.no_carry, args.carry_group.is_empty()) {
        (true, _) => Carry::Nobody,
        (false, true) => Carry::All,
        (false, false) => Carry::Only(args.carry_group.iter().flat_map(|list| split_list(list)).collect()),
    };
    let options = MigrateOptions {
        topics,
        strategy: config.topics.strategy.clone(),
        channel: config.topics.channel.clone(),
        key: config.topics.key,
        timestamps: args.timestamps,
        carry,
        follow: args.follow,
    };
    let stop = stop_flag()?;
    let mut progress = Progress::default();
    let done = Migration::open(&client, &options, &stop, &mut progress).and_then(|mut migration| {
        if args.execute {
            let report = migration.execute(options.strategy.replication)?;
            Ok((rendered(args.format.is_json(), &report, || report.text()), report.not_carried().join(", ")))
        } else {
            let plan = migration.plan()?;
            Ok((rendered(args.format.is_json(), &plan, || plan.text()), String::new()))
        }
    });
    progress.end();
    client.close();
    match done {
        Ok((text, left)) => {
            print(&text?)?;
            if left.is_empty() {
                return Ok(Exit::Done);
            }
            // Nobody reads it: the report and the exit code tell.
            let _ = writeln!(io::stderr(), "kreplay: offsets not carried over: {left}; the same command goes on");
            Ok(Exit::Stopped)
        }
        Err(MigrateError::Stopped) => {
            let _ = writeln!(io::stderr(), "kreplay: {}", MigrateError::Stopped);
            Ok(Exit::Stopped)
        }
        Err(error) if error.is_usage() => Err(CliError::Usage(error.to_string())),
        Err(error) => Err(CliError::Failed(error.to_string())),
    }
}

fn rendered(json: bool, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<String, CliError> {
    if !json {
        return Ok(text());
    }
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|error| CliError::Failed(format!("the result cannot be written: {error}")))
}

/// How far it is, on standard error: a line that is written over on a terminal, a line now and then elsewhere.
struct Progress {
    terminal: bool,
    told: Instant,
    what: String,
    done: u64,
    of: u64,
    open: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            told: Instant::now(),
            what: String::new(),
            done: 0,
            of: 0,
            open: false,
        }
    }
}

impl Progress {
    fn end(&mut self) {
        if std::mem::take(&mut self.open) {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

impl Tell for Progress {
    fn step(&mut self, what: &str, offsets: u64) {
        self.end();
        (self.what, self.done, self.of) = (what.to_owned(), 0, offsets);
        if offsets > 0 && !self.terminal {
            let _ = writeln!(io::stderr(), "{what}: {offsets} offsets");
        }
    }

    fn progress(&mut self, records: u64) {
        self.done += records;
        let every = if self.terminal { Duration::from_millis(100) } else { Duration::from_secs(5) };
        if self.told.elapsed() < every {
            return;
        }
        self.told = Instant::now();
        let percent = self.done.saturating_mul(100) / self.of.max(1);
        let text = format!("{}: {} of {} offsets, {percent} %", self.what, self.done, self.of);
        // Nobody sees it: what is done is the same.
        let _ = if self.terminal { write!(io::stderr(), "\r\u{1b}[K{text}") } else { writeln!(io::stderr(), "{text}") };
        self.open = self.terminal;
    }

    fn notice(&mut self, text: &str) {
        self.end();
        let _ = writeln!(io::stderr(), "kreplay: {text}");
    }
}
