//! `kreplay topics create`.

use std::{fmt::Write as _, path::Path};

use clap::Args;
use kreplay_model::{
    domain::number::{by_count, counted},
    feed::report::printable_json,
};
use kreplay_topics::create::{TopicOutcome, TopicState, create, wanted};

use super::client;
use crate::{
    cli::{
        CliError, Exit,
        args::{ClusterArgs, FileArgs, format::FormatArgs, topics::StrategyArgs},
        print,
        signals::exit_on_first_signal,
    },
    config::{Config, Environment, Overrides, split_list},
};

/// The flags of `topics create`.
#[derive(Args, Clone)]
pub(super) struct CreateArgs {
    /// Topics to create, separated by spaces or commas [default: the topics named by the strategy]
    #[arg(value_name = "NAME", value_delimiter = ',')]
    names: Vec<String>,
    /// Create the topics of these channels, as mapped by the strategy; separated by spaces or commas
    #[arg(long, value_name = "CHANNEL", num_args = 1..)]
    channels: Vec<String>,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    strategy: StrategyArgs,
    /// Show what would be created, without creating it; the broker checks the request
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
        let text = "no topics given; name topics, or use --channels, --map or --default-topic";
        return Err(CliError::Usage(text.into()));
    }
    let client = client(&config)?;
    // The broker completes a request that was sent, whether or not this process waits for the answer.
    exit_on_first_signal()?;
    let made = create(&client, &wanted, strategy.replication, args.dry_run, config.kafka.connect_timeout);
    client.close();
    let outcomes = made.map_err(|error| CliError::of(&error))?;
    print(&if args.format.is_json() { json(&outcomes)? } else { text(&outcomes) })?;
    match problem(&outcomes) {
        None => Ok(Exit::Done),
        Some(text) => Err(CliError::Failed(text)),
    }
}

fn json(outcomes: &[TopicOutcome]) -> Result<String, CliError> {
    let text = printable_json(&serde_json::json!({ "schema": 1, "topics": outcomes }));
    text.map_err(|error| CliError::Failed(format!("the result cannot be written: {error}")))
}

fn text(outcomes: &[TopicOutcome]) -> String {
    let mut out = String::new();
    for TopicOutcome { topic, partitions, state } in outcomes {
        let wanted = partitions;
        let partitions = counted(*partitions, "partition");
        let text = match state {
            TopicState::Missing => format!("would be created with {partitions}"),
            TopicState::Created => format!("created with {partitions}"),
            TopicState::Exists => format!("already exists with {partitions}"),
            TopicState::Differs { has } => {
                format!("already exists with {} instead of {wanted}; left unchanged", counted(*has, "partition"))
            }
            TopicState::Failed { reason } => format!("cannot be created: {reason}"),
            TopicState::Invisible { seconds } => format!(
                "the brokers do not show it within {seconds} s after its creation was requested; check that all are \
                 running and that DESCRIBE on it is granted, and run the same command again"
            ),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{topic}: {text}");
    }
    out
}

fn problem(outcomes: &[TopicOutcome]) -> Option<String> {
    let count = |has_state: fn(&TopicState) -> bool| outcomes.iter().filter(|one| has_state(&one.state)).count();
    let failed = count(|state| matches!(state, TopicState::Failed { .. }));
    let invisible = count(|state| matches!(state, TopicState::Invisible { .. }));
    let differ = count(|state| matches!(state, TopicState::Differs { .. }));
    let of = counted(outcomes.len(), "topic");
    if failed > 0 {
        Some(format!("{failed} of {of} cannot be created; the reason is shown next to each"))
    } else if invisible > 0 {
        Some(format!("the brokers do not show {invisible} of {of} yet; the next step is shown next to each"))
    } else {
        (differ > 0).then(|| {
            format!(
                "{differ} of {of} {} with a different number of partitions; request that number, or choose other names",
                by_count(differ, "exists", "exist")
            )
        })
    }
}
