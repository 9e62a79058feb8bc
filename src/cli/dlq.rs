//! `kreplay dlq list`, `show` and `retry`.

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
    time::Duration,
};

use clap::{Args, Subcommand};
use kreplay_kafka::{Client, KafkaConfig, producer::Timestamps};
use kreplay_model::{
    domain::{
        Glob, RateLimit,
        number::{by_count, counted, counted_as},
        printable,
    },
    feed::report::printable_json,
};
use serde::Serialize;

use super::{
    CliError, Exit,
    args::{ClusterArgs, FileArgs, format::FormatArgs},
    print,
    signals::exit_on_first_signal,
};
use crate::{
    config::{Assignment, Config, Environment, Overrides, split_list},
    dlq::{self, DeadLetterTopics, LetterFilter, LetterPosition, RetryOptions, RetryResult},
};

/// The flags of `dlq`.
#[derive(Args, Clone)]
pub struct DlqArgs {
    #[command(subcommand)]
    command: DlqCommand,
}

#[derive(Subcommand, Clone)]
enum DlqCommand {
    /// Count dead letters by source topic, run and error
    List(ListArgs),
    /// Show individual dead letters
    Show(ShowArgs),
    /// Send dead letters back to the topics they came from
    ///
    /// Keeps the order of each key and removes the headers that kreplay added. The committed offsets of a consumer
    /// group record what was sent, so that running the command again does not resend it. After a kill, the last batch
    /// may be sent twice.
    Retry(RetryArgs),
}

/// The group of commands without `--group`.
const RETRY_GROUP: &str = "kreplay-dlq-retry";

#[derive(Args, Clone)]
struct Common {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Dead-letter topics to read, separated by spaces or commas [default: those of the configuration]
    #[arg(short, long, value_name = "NAME", num_args = 1.., value_delimiter = ',', conflicts_with = "topics_regex")]
    topics: Vec<String>,
    /// Read every dead-letter topic whose full name matches this regular expression
    #[arg(long, value_name = "RE")]
    topics_regex: Option<String>,
}

#[derive(Args, Clone)]
struct LetterArgs {
    /// Select letters by their offset in the dead-letter topic: OFFSET or PARTITION:OFFSET
    #[arg(long, value_name = "PLACE", value_delimiter = ',', num_args = 1..)]
    offset: Vec<LetterPosition>,
    /// Select letters whose key matches one of these patterns, separated by spaces or commas
    #[arg(long, value_name = "GLOB", num_args = 1.., value_parser = globs)]
    keys: Vec<Globs>,
    /// Select letters whose error contains this text
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
}

#[derive(Args, Clone)]
struct ListArgs {
    #[command(flatten)]
    common: Common,
    /// Consumer group given to `dlq retry`; its offsets tell which letters were sent back
    #[arg(long, value_name = "ID", default_value = RETRY_GROUP)]
    group: String,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Args, Clone)]
struct ShowArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    letters: LetterArgs,
    /// Maximum number of letters to show
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Args, Clone)]
struct RetryArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    letters: LetterArgs,
    /// Maximum records or bytes per second, such as 100/s or 1MiB/s
    #[arg(long, value_name = "RATE")]
    rate: Option<RateLimit>,
    /// Consumer group whose committed offsets record what was sent back; it must not have members
    #[arg(long, value_name = "ID", default_value = RETRY_GROUP)]
    group: String,
    /// Send each letter to the partition it came from, instead of the one that its key maps to
    #[arg(long)]
    same_partition: bool,
    /// Timestamp of the sent record: own to keep its original timestamp, or now
    #[arg(long, value_name = "WHICH", default_value = "own", value_parser = parse_timestamps)]
    timestamps: Timestamps,
    /// Count what would be sent, without sending it
    #[arg(long)]
    dry_run: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn parse_timestamps(text: &str) -> Result<Timestamps, String> {
    text.parse()
}

/// The patterns in one flag value.
type Globs = Vec<Glob>;

fn globs(text: &str) -> Result<Globs, String> {
    split_list(text).iter().map(|pattern| pattern.parse()).collect()
}

impl From<LetterArgs> for LetterFilter {
    fn from(args: LetterArgs) -> Self {
        Self { positions: args.offset, keys: args.keys.into_iter().flatten().collect(), error: args.error }
    }
}

/// A connection, and the dead-letter topics found with it.
struct Opened {
    client: Client,
    topics: DeadLetterTopics,
    timeout: Duration,
}

impl Common {
    fn open(&self, environment: &Environment, directory: &Path) -> Result<Opened, CliError> {
        let mut overrides = Overrides { file: self.file.config.clone(), ..Overrides::default() };
        self.cluster.put(&mut overrides);
        let named = !self.topics.is_empty() || self.topics_regex.is_some();
        if !self.topics.is_empty() {
            overrides.assignments.push(Assignment::flag_list("--topics", "run.topics", self.topics.clone()));
        }
        if let Some(regex) = &self.topics_regex {
            overrides.assignments.push(Assignment::flag("--topics-regex", "run.topics_regex", regex.clone()));
        }
        let config = Config::load(&overrides, environment, directory)?;
        let Some(bootstrap_servers) = config.kafka.bootstrap_servers.clone() else {
            let missing = "no cluster given; use --bootstrap-server HOST:PORT or set kafka.bootstrap_servers";
            return Err(CliError::Usage(missing.into()));
        };
        let kafka = KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() };
        let client = Client::new(&kafka, &Arc::default()).map_err(|error| CliError::Usage(error.to_string()))?;
        // The configured topics are those that runs read, so only topics given by flags are used here.
        let named = config.run.topics.as_ref().filter(|_| named);
        let timeout = config.kafka.connect_timeout;
        let topics = dlq::find(&client, named, &config.run.settings.dead_letter.topic, timeout)?;
        Ok(Opened { client, topics, timeout })
    }
}

/// Runs the subcommand.
pub(super) fn execute(args: &DlqArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    // A signal needs no cleanup: `retry` commits its progress after each batch.
    exit_on_first_signal()?;
    // A failed write to standard error is ignored: the result has the counts.
    let mut warn = |text: &str| drop(writeln!(io::stderr(), "kreplay: {text}"));
    match &args.command {
        DlqCommand::List(args) => {
            let Opened { client, topics, timeout } = args.common.open(environment, directory)?;
            let summary = dlq::list(client, &topics, &args.group, timeout, &mut warn)?;
            print(&if args.format.is_json() { summary.json()? } else { summary.text() })?;
        }
        DlqCommand::Show(args) => {
            let Opened { client, topics, .. } = args.common.open(environment, directory)?;
            let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
            print(&dlq::show(client, &topics, &args.letters.clone().into(), limit, args.format.is_json())?)?;
        }
        DlqCommand::Retry(args) => {
            let Opened { client, topics, timeout } = args.common.open(environment, directory)?;
            let options = RetryOptions {
                timeout,
                group: args.group.clone(),
                wanted: args.letters.clone().into(),
                rate: args.rate,
                same_partition: args.same_partition,
                timestamps: args.timestamps,
                dry_run: args.dry_run,
            };
            let done = dlq::retry(&client, &topics, &options, &mut warn)?;
            print(&if args.json { json(&done, args.dry_run)? } else { text(&done, args.dry_run) })?;
            if done.no_dead_letters > 0 {
                warn("records without kreplay's headers are not sent; they stay in the dead-letter topic");
            }
            for refusal in &done.refusals {
                warn(&format!("rejected: {}", printable(refusal)));
            }
            if done.refused > 0 {
                return Err(CliError::Failed(refused(&done, args.dry_run)));
            }
        }
    }
    Ok(Exit::Done)
}

fn text(done: &RetryResult, dry_run: bool) -> String {
    use std::fmt::Write as _;
    let verb = if dry_run { "would be sent back" } else { "sent back" };
    let mut text = format!(
        "{} {verb}; {} already sent, {}, {} filtered out, {}",
        counted(done.sent, "dead letter"),
        done.already_sent,
        counted(done.twice, "duplicate"),
        done.not_wanted,
        counted_as(done.no_dead_letters, "not a dead letter", "not dead letters")
    );
    for (count, what) in [
        (done.refused, "rejected"),
        (done.behind_refused, "behind a rejected one with the same key"),
        (done.older_than_retention, "older than the retention of their topic"),
    ] {
        if count > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, ", {count} {what}");
        }
    }
    text + "\n"
}

fn refused(done: &RetryResult, dry_run: bool) -> String {
    let refused = counted(done.refused, "dead letter");
    let their = by_count(done.refused, "its topic", "their topics");
    let behind = counted_as(done.behind_refused, "later one", "later ones");
    if dry_run {
        return format!("{refused} would be rejected by {their}, and {behind} with the same key held back");
    }
    let were = by_count(done.refused, "was", "were");
    format!(
        "{refused} {were} rejected by {their}, and {behind} with the same key held back; all others are settled. Fix \
         the cause, then run the same command again to send the remaining ones"
    )
}

fn json(done: &RetryResult, dry_run: bool) -> Result<String, CliError> {
    #[derive(Serialize)]
    struct Rendered<'a> {
        schema: u32,
        dry_run: bool,
        #[serde(flatten)]
        done: &'a RetryResult,
    }
    let text = printable_json(&Rendered { schema: 1, dry_run, done });
    text.map_err(|error| CliError::Failed(format!("the result cannot be written: {error}")))
}
