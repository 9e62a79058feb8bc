//! `kreplay topics migrate`.

use std::{
    io::{self, IsTerminal, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use clap::Args;
use kreplay_kafka::producer::Timestamps;
use kreplay_model::{
    domain::number::{Count, counted},
    feed::report::printable_json,
};
use kreplay_topics::migrate::{Carry, MigrateOptions, Migration, ProgressListener};
use serde::Serialize;

use super::client;
use crate::{
    cli::{
        CliError, Exit,
        args::{ClusterArgs, FileArgs, format::FormatArgs, topics::StrategyArgs},
        print,
        run::no_topics,
        signals::{exit_soon_after_unless, stop_flag},
    },
    config::{Assignment, Config, Environment, Overrides, split_list, without_duplicates},
};

/// The flags of `topics migrate`.
#[derive(Args, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a separate flag")]
pub(super) struct MigrateArgs {
    /// Old topics to migrate, separated by spaces or commas
    #[arg(short, long, value_name = "NAME", num_args = 1.., value_delimiter = ',', conflicts_with = "topics_regex")]
    topics: Vec<String>,
    /// Migrate every old topic whose full name matches this regular expression
    #[arg(long, value_name = "RE")]
    topics_regex: Option<String>,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    strategy: StrategyArgs,
    /// Channel of a record: topic for the name of its old topic, or a template such as {key} or {header.room}
    /// [default: topic]
    #[arg(long, value_name = "CHANNEL", help_heading = "Strategy")]
    channel: Option<String>,
    /// Key of the new record: channel, or keep to keep its old key [default: channel]
    #[arg(long, value_parser = ["channel", "keep"], help_heading = "Strategy")]
    key: Option<String>,
    /// Timestamp of the new record: own to keep its old timestamp, or now for the time of copying
    #[arg(long, value_name = "WHICH", default_value = "own", value_parser = parse_timestamps, help_heading = "Strategy")]
    timestamps: Timestamps,
    /// Carry over the committed offsets of these groups [default: all groups with offsets on the old topics]
    #[arg(long, value_name = "GROUP", num_args = 1.., conflicts_with = "no_carry")]
    carry_group: Vec<String>,
    /// Do not carry over any committed offsets
    #[arg(long)]
    no_carry: bool,
    /// Create the new topics, copy, verify and carry offsets over; without this flag, nothing is changed
    #[arg(long)]
    execute: bool,
    /// Keep copying new records of the old topics until Ctrl-C
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

    fn carry(&self) -> Carry {
        let groups: Vec<String> = self.carry_group.iter().flat_map(|list| split_list(list)).collect();
        match (self.no_carry, groups.is_empty()) {
            (true, _) => Carry::None,
            (false, true) => Carry::All,
            (false, false) => Carry::Only(without_duplicates(groups)),
        }
    }
}

pub(super) fn execute(args: &MigrateArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let config = args.load(environment, directory)?;
    let client = client(&config)?;
    let Some(topics) = config.run.topics.clone() else { return Err(no_topics()) };
    let options = MigrateOptions {
        topics,
        strategy: config.topics.strategy.clone(),
        channel: config.topics.channel.clone(),
        key: config.topics.key,
        timestamps: args.timestamps,
        carry: args.carry(),
        follow: args.follow,
        timeout: config.kafka.connect_timeout,
    };
    let (stop, is_executing) = (stop_flag()?, Arc::<AtomicBool>::default());
    exit_soon_after_unless(&stop, &is_executing)?;
    let mut progress = Progress::default();
    let done = Migration::open(&client, &options, &stop, &mut progress).and_then(|mut migration| {
        if args.execute {
            is_executing.store(true, Relaxed);
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
        Ok((text, not_carried)) => {
            print(&text?)?;
            if not_carried.is_empty() {
                return Ok(Exit::Done);
            }
            // A failed write to standard error is ignored: the report and the exit code show it, too.
            let _ = writeln!(
                io::stderr(),
                "kreplay: offsets not carried over: {not_carried}; run the same command again to continue"
            );
            Ok(Exit::Stopped)
        }
        Err(error) => Err(CliError::of(&error)),
    }
}

fn rendered(json: bool, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<String, CliError> {
    if !json {
        return Ok(text());
    }
    printable_json(value).map_err(|error| CliError::Failed(format!("the result cannot be written: {error}")))
}

/// Progress on standard error: one line, rewritten in place, on a terminal; otherwise a new line every 5 seconds.
struct Progress {
    terminal: bool,
    shown_at: Instant,
    what: String,
    done: u64,
    of: u64,
    open: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            terminal: io::stderr().is_terminal(),
            shown_at: Instant::now(),
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

impl ProgressListener for Progress {
    fn step(&mut self, what: &str, offsets: u64) {
        self.end();
        (self.what, self.done, self.of) = (what.to_owned(), 0, offsets);
        if offsets > 0 && !self.terminal {
            let _ = writeln!(io::stderr(), "{what}: {}", counted(offsets, "offset"));
        }
    }

    fn progress(&mut self, records: u64) {
        self.done += records;
        let every = if self.terminal { Duration::from_millis(100) } else { Duration::from_secs(5) };
        if self.shown_at.elapsed() < every {
            return;
        }
        self.shown_at = Instant::now();
        let percent = self.done.saturating_mul(100) / self.of.max(1);
        let text = format!("{}: {} of {}, {percent} %", self.what, Count(self.done), counted(self.of, "offset"));
        // A failed write to standard error does not affect the migration.
        let _ = if self.terminal { write!(io::stderr(), "\r\u{1b}[K{text}") } else { writeln!(io::stderr(), "{text}") };
        self.open = self.terminal;
    }

    fn notice(&mut self, text: &str) {
        self.end();
        let _ = writeln!(io::stderr(), "kreplay: {text}");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command, topics::TopicsCommand};

    #[test]
    fn a_group_that_is_named_twice_is_carried_once() {
        let carry = |flags: &[&str]| {
            let cli = Cli::try_parse_from([&["kreplay", "topics", "migrate", "-t", "a"], flags].concat()).unwrap();
            let Some(Command::Topics(args)) = cli.command else { panic!("another command") };
            let TopicsCommand::Migrate(args) = args.command else { panic!("another subcommand") };
            args.carry()
        };
        let groups = ["b", "a"].map(str::to_owned).to_vec();
        assert_eq!(carry(&["--carry-group", "b,a", "b"]), Carry::Only(groups));
        assert_eq!((carry(&[]), carry(&["--no-carry"])), (Carry::All, Carry::None));
    }
}
