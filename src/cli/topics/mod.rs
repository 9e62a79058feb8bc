//! `kreplay topics create` and `kreplay topics migrate`.

mod create;
mod migrate;

use std::path::Path;

use clap::{Args, Subcommand};
use kreplay_kafka::{Client, KafkaConfig};
use kreplay_topics::migrate::read::committed_only;

use super::{CliError, Exit};
use crate::config::{Config, Environment};

/// The flags of `topics`.
#[derive(Args, Clone)]
pub struct TopicsArgs {
    #[command(subcommand)]
    command: TopicsCommand,
}

#[derive(Subcommand, Clone)]
enum TopicsCommand {
    /// Create topics by name, or for channels by strategy; existing topics are left unchanged
    Create(create::CreateArgs),
    /// Migrate old topics into new ones: plan, copy in key order, verify, and carry committed offsets over
    ///
    /// Without --execute, this only shows what it would do. If it is stopped or killed, run the same command again to
    /// continue.
    Migrate(migrate::MigrateArgs),
}

/// Runs the subcommand.
pub(super) fn execute(args: &TopicsArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    match &args.command {
        TopicsCommand::Create(args) => create::execute(args, environment, directory),
        TopicsCommand::Migrate(args) => migrate::execute(args, environment, directory),
    }
}

/// A client for the configured cluster.
fn client(config: &Config) -> Result<Client, CliError> {
    let Some(bootstrap_servers) = config.kafka.bootstrap_servers.clone() else {
        let missing = "no cluster given; use --bootstrap-server HOST:PORT or set kafka.bootstrap_servers";
        return Err(CliError::Usage(missing.into()));
    };
    if let Some(text) = config.topics.strategy.contradiction() {
        return Err(CliError::Usage(text));
    }
    let kafka = KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() };
    // A migration reads committed records only. With the ends of all records it would wait for some that never arrive.
    Client::new(&committed_only(&kafka), &std::sync::Arc::default()).map_err(|error| CliError::Usage(error.to_string()))
}
