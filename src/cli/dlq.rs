//! `kreplay dlq list`, `show` and `retry`.

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{
    CliError, Exit,
    args::{ClusterArgs, FileArgs, format::FormatArgs},
    print,
    work::end_at_once,
};
use crate::{
    config::{Assignment, Config, Environment, Overrides, split_list},
    dlq::{self, DeadLetterTopics, Place, Retried, RetryOptions, Wanted},
    domain::RateLimit,
    feed::printable,
    kafka::{Client, KafkaConfig, producer::Timestamps},
    plan::Glob,
};

/// Dead letters.
#[derive(Args, Clone)]
pub struct DlqArgs {
    #[command(subcommand)]
    command: DlqCommand,
}

#[derive(Subcommand, Clone)]
enum DlqCommand {
    /// Counts dead letters by where they came from, run and error
    List(ListArgs),
    /// Shows single dead letters
    Show(ShowArgs),
    /// Drives dead letters back to the topic they came from
    ///
    /// In order for each key, with the headers of kreplay taken off. What was driven back is remembered by the committed offsets
    /// of a group, so that a second command does not send it again; one that is killed may repeat its last batch.
    Retry(RetryArgs),
}

#[derive(Args, Clone)]
struct Common {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Dead-letter topics by name, several with spaces or commas [default: those of the configuration]
    #[arg(short, long, value_name = "NAME", num_args = 1.., value_delimiter = ',', conflicts_with = "topics_regex")]
    topics: Vec<String>,
    /// Every dead-letter topic whose whole name matches a regular expression
    #[arg(long, value_name = "RE")]
    topics_regex: Option<String>,
}

#[derive(Args, Clone)]
struct WantedArgs {
    /// Only letters at these places of their dead-letter topic: OFFSET or PARTITION:OFFSET
    #[arg(long, value_name = "PLACE", value_delimiter = ',', num_args = 1..)]
    offset: Vec<Place>,
    /// Only letters whose key matches one of these patterns, several with spaces or commas
    #[arg(long, value_name = "GLOB", num_args = 1.., value_parser = globs)]
    keys: Vec<Globs>,
    /// Only letters whose error contains this
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
}

#[derive(Args, Clone)]
struct ListArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Args, Clone)]
struct ShowArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    wanted: WantedArgs,
    /// The most letters that are shown
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
    wanted: WantedArgs,
    /// The most that is sent in a second: 100/s or 1MiB/s
    #[arg(long, value_name = "RATE")]
    rate: Option<RateLimit>,
    /// Group whose committed offsets remember what was driven back; nobody may be a member of it
    #[arg(long, value_name = "ID", default_value = "kreplay-dlq-retry")]
    group: String,
    /// Back to the partition they came from, instead of the one of their key
    #[arg(long)]
    same_partition: bool,
    /// The timestamps that letters get: own, those of the records, or now
    #[arg(long, value_name = "WHICH", default_value = "own", value_parser = parse_timestamps)]
    timestamps: Timestamps,
    /// Only counts what would be sent
    #[arg(long)]
    dry_run: bool,
    /// JSON instead of text
    #[arg(long)]
    json: bool,
}

fn parse_timestamps(text: &str) -> Result<Timestamps, String> {
    text.parse()
}

/// The patterns of one value.
type Globs = Vec<Glob>;

fn globs(text: &str) -> Result<Globs, String> {
    split_list(text).iter().map(|pattern| pattern.parse()).collect()
}

impl From<WantedArgs> for Wanted {
    fn from(args: WantedArgs) -> Self {
        Self { places: args.offset, keys: args.keys.into_iter().flatten().collect(), error: args.error }
    }
}

impl Common {
    fn open(&self, environment: &Environment, directory: &Path) -> Result<(Client, DeadLetterTopics), CliError> {
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
            let missing = "no cluster is named; use --bootstrap-server HOST:PORT, or kafka.bootstrap_servers in the configuration";
            return Err(CliError::Usage(missing.into()));
        };
        let kafka = KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() };
        let client = Client::new(&kafka, &Arc::default()).map_err(|error| CliError::Usage(error.to_string()))?;
        // Topics of the configuration are those of runs; here only the flags count.
        let named = config.run.topics.as_ref().filter(|_| named);
        let topics = dlq::find(&client, named, &config.run.settings.dead_letter.topic)?;
        Ok((client, topics))
    }
}

/// Does what was asked for.
pub(super) fn execute(args: &DlqArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    // What was driven back is committed as it goes.
    end_at_once()?;
    match &args.command {
        DlqCommand::List(args) => {
            let (client, topics) = args.common.open(environment, directory)?;
            let summary = dlq::list(client, &topics)?;
            print(&if args.format.is_json() { summary.json()? } else { summary.text() })?;
        }
        DlqCommand::Show(args) => {
            let (client, topics) = args.common.open(environment, directory)?;
            let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
            print(&dlq::show(client, &topics, &args.wanted.clone().into(), limit, args.format.is_json())?)?;
        }
        DlqCommand::Retry(args) => {
            let (client, topics) = args.common.open(environment, directory)?;
            let options = RetryOptions {
                group: args.group.clone(),
                wanted: args.wanted.clone().into(),
                rate: args.rate,
                same_partition: args.same_partition,
                timestamps: args.timestamps,
                dry_run: args.dry_run,
            };
            // Nobody reads it: the counts are in the result.
            let mut warn = |text: &str| drop(writeln!(io::stderr(), "kreplay: {text}"));
            let done = dlq::retry(&client, &topics, &options, &mut warn)?;
            print(&if args.json { json(&done, args.dry_run)? } else { text(&done, args.dry_run) })?;
            if done.no_dead_letters > 0 {
                warn("records without kreplay's headers stay where they are");
            }
            for refusal in &done.refusals {
                warn(&format!("refused: {}", printable(refusal)));
            }
            if done.refused > 0 {
                return Err(CliError::Failed(refused(&done, args.dry_run)));
            }
        }
    }
    Ok(Exit::Done)
}

fn text(done: &Retried, dry_run: bool) -> String {
    use std::fmt::Write as _;
    let verb = if dry_run { "would be driven back" } else { "driven back" };
    let mut text = format!(
        "{} dead letters {verb}; {} already sent before, {} there twice, {} not wanted, {} no dead letters",
        done.sent, done.already_sent, done.twice, done.not_wanted, done.no_dead_letters
    );
    for (count, what) in [
        (done.refused, "refused"),
        (done.behind_refused, "waiting behind a refused one"),
        (done.older_than_retention, "older than the retention of their topic"),
    ] {
        if count > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, ", {count} {what}");
        }
    }
    text + "\n"
}

fn refused(done: &Retried, dry_run: bool) -> String {
    let (count, behind) = (done.refused, done.behind_refused);
    if dry_run {
        return format!(
            "{count} dead letters would be refused by their topics, and {behind} wait behind them in the order of their keys"
        );
    }
    format!(
        "{count} dead letters are refused by their topics, and {behind} wait behind them in the order of their keys; all others are \
         dealt with, and the same command goes on with these"
    )
}

fn json(done: &Retried, dry_run: bool) -> Result<String, CliError> {
    #[derive(Serialize)]
    struct Rendered<'a> {
        schema: u32,
        dry_run: bool,
        #[serde(flatten)]
        done: &'a Retried,
    }
    let text = serde_json::to_string_pretty(&Rendered { schema: 1, dry_run, done });
    text.map(|text| text + "\n").map_err(|error| CliError::Failed(format!("the result cannot be written: {error}")))
}
