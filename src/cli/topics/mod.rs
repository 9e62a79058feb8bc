//! `kreplay topics create` and `kreplay topics migrate`.

mod create;
mod migrate;

use std::{path::Path, time::Duration};

use clap::{Args, Subcommand};

use super::{CliError, Exit};
use crate::{
    config::{Config, Environment},
    kafka::{CatalogError, Client, KafkaConfig},
};

/// How long the cluster may take for each answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Topics by strategy.
#[derive(Args, Clone)]
pub struct TopicsArgs {
    #[command(subcommand)]
    command: TopicsCommand,
}

#[derive(Subcommand, Clone)]
enum TopicsCommand {
    /// Creates topics, by name or for channels by strategy; what is there already is left alone
    Create(create::CreateArgs),
    /// Migrates old topics into new ones: plans, copies in the order of each key, reads back, carries offsets over
    ///
    /// Without --execute it only says what it would do. Stopped or killed at any point, the same command goes on.
    Migrate(migrate::MigrateArgs),
}

/// Does what was asked for.
pub(super) fn execute(args: &TopicsArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    match &args.command {
        TopicsCommand::Create(args) => create::execute(args, environment, directory),
        TopicsCommand::Migrate(args) => migrate::execute(args, environment, directory),
    }
}

/// A client of the cluster that the configuration names.
fn client(config: &Config) -> Result<Client, CliError> {
    let Some(bootstrap_servers) = config.kafka.bootstrap_servers.clone() else {
        let missing =
            "no cluster is named; use --bootstrap-server HOST:PORT, or kafka.bootstrap_servers in the configuration";
        return Err(CliError::Usage(missing.into()));
    };
    if let Some(text) = config.topics.strategy.contradiction() {
        return Err(CliError::Usage(text));
    }
    let kafka = KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() };
    Client::new(&kafka, &std::sync::Arc::default()).map_err(|error| CliError::Usage(error.to_string()))
}

fn of_catalog(error: &CatalogError) -> CliError {
    match error {
        CatalogError::UnknownTopic(_) => CliError::Usage(error.to_string()),
        _ => CliError::Failed(error.to_string()),
    }
}
