//! `kreplay topics create`.

use std::{fmt::Write as _, path::Path};

use clap::Args;

use super::{TIMEOUT, client, of_catalog};
use crate::{
    cli::{
        CliError, Exit,
        args::{ClusterArgs, FileArgs, format::FormatArgs, topics::StrategyArgs},
        print,
        work::end_at_once,
    },
    config::{Config, Environment, Overrides, split_list},
    topics::create::{TopicOutcome, TopicState, create, wanted},
};

/// The flags of `topics create`.
#[derive(Args, Clone)]
pub(super) struct CreateArgs {
    /// Topics by name, several with spaces or commas [default: those that the strategy names]
    #[arg(value_name = "NAME", value_delimiter = ',')]
    names: Vec<String>,
    /// Channels, whose topics the strategy says; several with spaces or commas
    #[arg(long, value_name = "CHANNEL", num_args = 1..)]
    channels: Vec<String>,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    strategy: StrategyArgs,
    /// Only say what would be created; the broker is asked whether it would
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
}

pub(super) fn execute(args: &CreateArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let mut overrides = Overrides { file: args.file.config.clone(), ..Overrides::default() };
    args.cluster.put(&mut overrides);
    args.strategy.put(&mut overrides);
    let config = Config::load(&overrides, environment, directory)?;
    let strategy = &config.topics.strategy;
    let channels: Vec<String> = args.channels.iter().flat_map(|list| split_list(list)).collect();
    let wanted = wanted(strategy, &args.names, &channels).map_err(CliError::Usage)?;
    if wanted.is_empty() {
        let text = "no topics are named; give names, --channels, or --map and --default-topic with topics of their own";
        return Err(CliError::Usage(text.into()));
    }
    let client = client(&config)?;
    // A request that has been sent is done or not, whoever waits for it.
    end_at_once()?;
    let made = create(&client, &wanted, strategy.replication, args.dry_run, TIMEOUT);
    client.close();
    let outcomes = made.map_err(|error| of_catalog(&error))?;
    print(&if args.format.is_json() { json(&outcomes)? } else { text(&outcomes) })?;
    match problem(&outcomes) {
        None => Ok(Exit::Done),
        Some(text) => Err(CliError::Failed(text)),
    }
}

fn json(outcomes: &[TopicOutcome]) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(&serde_json::json!({ "schema": 1, "topics": outcomes }));
    text.map(|text| text + "\n").map_err(|error| CliError::Failed(format!("the result cannot be written: {error}")))
}

fn text(outcomes: &[TopicOutcome]) -> String {
    let mut out = String::new();
    for TopicOutcome { topic, partitions, state } in outcomes {
        let said = match state {
            TopicState::Missing => format!("would be created with {partitions} partitions"),
            TopicState::Created => format!("created with {partitions} partitions"),
            TopicState::Exists => format!("is there already, with {partitions} partitions"),
            TopicState::Differs { has } => {
                format!("is there already, with {has} partitions instead of {partitions}; it was left alone")
            }
            TopicState::Failed { reason } => format!("cannot be created: {reason}"),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{topic}: {said}");
    }
    out
}

fn problem(outcomes: &[TopicOutcome]) -> Option<String> {
    let count = |wanted: fn(&TopicState) -> bool| outcomes.iter().filter(|one| wanted(&one.state)).count();
    let failed = count(|state| matches!(state, TopicState::Failed { .. }));
    let differ = count(|state| matches!(state, TopicState::Differs { .. }));
    let of = outcomes.len();
    if failed > 0 {
        Some(format!("{failed} of {of} topics cannot be created, for the reason that stands with each"))
    } else {
        (differ > 0).then(|| {
            format!(
                "{differ} of {of} topics are there with another number of partitions; say that number, or choose other names"
            )
        })
    }
}
