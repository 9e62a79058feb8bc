//! `kreplay groups list` and `describe`.

use std::path::Path;

use clap::Args;
use kreplay_model::domain::Glob;
use kreplay_watcher::GroupSelection;

use super::record;
use crate::{
    cli::{
        CliError, Exit,
        args::format::FormatArgs,
        inspector, print,
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
    /// Also print the record at the committed offset of each partition that makes no progress
    ///
    /// Reads at most 10 records of each group. The decode settings apply.
    #[arg(long, conflicts_with = "csv", help_heading = "Output")]
    record: bool,
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
        let inspector = self.record.then(|| inspector::of_config(&config));
        let text = if let (true, Some(inspector)) = (self.format.is_json(), &inspector) {
            record::json(&snapshot, inspector)?
        } else if self.format.is_json() {
            json(&snapshot)?
        } else if self.csv {
            kafka_csv(&snapshot)
                .map_err(|problem| CliError::Failed(format!("the rows cannot be written: {problem}")))?
        } else {
            let records =
                |group| inspector.as_ref().map(|inspector| record::text(group, inspector)).unwrap_or_default();
            snapshot.groups.iter().map(|group| details(group) + &records(group)).collect::<Vec<_>>().join("\n")
        };
        print(&text)?;
        Ok(exit_of(&selection, &snapshot))
    }
}
