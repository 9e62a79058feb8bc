//! `kreplay groups list` and `describe`.

use std::path::Path;

use clap::Args;
use kreplay_model::domain::Glob;
use kreplay_watcher::GroupSelection;

use crate::{
    cli::{
        CliError, Exit,
        args::format::FormatArgs,
        print,
        signals::exit_on_first_signal,
        watch::{TargetArgs, close_look, exit_of, json},
    },
    config::Environment,
    watch::{details, kafka_csv, type_table},
};

/// The flags of `groups list`.
#[derive(Args, Clone)]
pub(super) struct ListArgs {
    /// Only these groups: names or patterns such as 'billing-*' [default: all]
    #[arg(value_name = "GROUP")]
    groups: Vec<Glob>,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    format: FormatArgs,
}

/// The flags of `groups describe`.
#[derive(Args, Clone)]
pub(super) struct DescribeArgs {
    /// Groups to describe: names or patterns such as 'billing-*'
    #[arg(value_name = "GROUP", required = true)]
    groups: Vec<Glob>,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    format: FormatArgs,
    /// Print partitions as CSV, in the column order of Kafka's tool
    #[arg(long, conflicts_with_all = ["json", "output_format"], help_heading = "Output")]
    csv: bool,
}

impl ListArgs {
    pub(super) fn execute(&self, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
        let config = self.target.load(environment, directory)?;
        exit_on_first_signal()?;
        let selection = GroupSelection(self.groups.clone());
        let snapshot = close_look(&config, &selection)?;
        print(&if self.format.is_json() { json(&snapshot)? } else { type_table(&snapshot) })?;
        Ok(exit_of(&selection, &snapshot))
    }
}

impl DescribeArgs {
    pub(super) fn execute(&self, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
        let config = self.target.load(environment, directory)?;
        exit_on_first_signal()?;
        let selection = GroupSelection(self.groups.clone());
        let snapshot = close_look(&config, &selection)?;
        let text = if self.format.is_json() {
            json(&snapshot)?
        } else if self.csv {
            kafka_csv(&snapshot)
                .map_err(|problem| CliError::Failed(format!("the rows cannot be written: {problem}")))?
        } else {
            snapshot.groups.iter().map(details).collect::<Vec<_>>().join("\n")
        };
        print(&text)?;
        Ok(exit_of(&selection, &snapshot))
    }
}
