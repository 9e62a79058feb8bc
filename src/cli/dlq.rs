//! `kreplay dlq list`, `show` and `retry`.

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use clap::{Args, Subcommand};

use super::{
    CliError, Exit,
    args::{ClusterArgs, FileArgs},
    print,
    work::end_at_once,
};
use crate::{
    config::{Assignment, Config, Environment, Overrides},
    dlq::{self, DeadLetterTopics, Place, RetryOptions, Wanted},
    domain::RateLimit,
    kafka::{Client, KafkaConfig},
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
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',', conflicts_with = "topics_regex")]
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
    /// Only letters whose key matches one of these patterns
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    keys: Vec<Glob>,
    /// Only letters whose error contains this
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,
}

#[derive(Args, Clone)]
struct ListArgs {
    #[command(flatten)]
    common: Common,
    /// JSON instead of text
    #[arg(long)]
    json: bool,
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
    /// JSON instead of text
    #[arg(long)]
    json: bool,
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
    /// Only counts what would be sent
    #[arg(long)]
    dry_run: bool,
}

impl From<WantedArgs> for Wanted {
    fn from(args: WantedArgs) -> Self {
        Self { places: args.offset, keys: args.keys, error: args.error }
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
            print(&if args.json { summary.json()? } else { summary.text() })?;
        }
        DlqCommand::Show(args) => {
            let (client, topics) = args.common.open(environment, directory)?;
            let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
            print(&dlq::show(client, &topics, &args.wanted.clone().into(), limit, args.json)?)?;
        }
        DlqCommand::Retry(args) => {
            let (client, topics) = args.common.open(environment, directory)?;
            let options = RetryOptions {
                group: args.group.clone(),
                wanted: args.wanted.clone().into(),
                rate: args.rate,
                same_partition: args.same_partition,
                dry_run: args.dry_run,
            };
            let done = dlq::retry(&client, &topics, &options)?;
            let verb = if args.dry_run { "would be driven back" } else { "driven back" };
            let text = format!(
                "{} dead letters {verb}; {} had been before, {} were there twice, {} not wanted, {} are no dead letters\n",
                done.sent, done.before, done.twice, done.left, done.strange
            );
            print(&text)?;
            if done.strange > 0 {
                // Nobody reads it: the count is in the result.
                let _ = writeln!(io::stderr(), "kreplay: records without kreplay's headers stay where they are");
            }
        }
    }
    Ok(Exit::Done)
}
