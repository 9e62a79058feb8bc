//! `kreplay runs`: lists runs that have a journal.

use std::{fmt::Write, path::Path};

use chrono::Local;
use clap::{Args, Subcommand};
use kreplay_engine::journal::{Entry, Journals, Summary};
use kreplay_model::{
    domain::{number::Count, printable},
    feed::{
        cells::{padding, width},
        report::printable_json,
    },
};

use super::{
    CliError, Exit,
    args::{FileArgs, format::FormatArgs},
    leftovers::{self, LeftoversArgs},
    print,
    resume::journals,
};
use crate::config::{Config, Environment, Overrides};

/// The flags of `runs`.
#[derive(Args, Clone)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RunsArgs {
    #[command(subcommand)]
    command: Option<RunsCommand>,
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    format: FormatArgs,
    /// Delete a run's journal; the run can no longer be resumed
    #[arg(long, value_name = "RUN", conflicts_with_all = ["json", "output_format"])]
    forget: Option<String>,
}

#[derive(Subcommand, Clone)]
enum RunsCommand {
    /// List or remove consumer groups that hold the positions of runs without --group
    ///
    /// A run that republishes records (--handler topic) without a group keeps its positions in a group kreplay-RUN,
    /// which has no members. Groups of active and resumable runs that this machine knows are never removed; those of
    /// runs that it does not know are removed only with --unknown.
    Leftovers(LeftoversArgs),
}

pub(super) fn execute(args: &RunsArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    if let Some(RunsCommand::Leftovers(args)) = &args.command {
        return leftovers::execute(args, environment, directory);
    }
    let overrides = Overrides { file: args.file.config.clone(), ..Overrides::default() };
    let journals = journals(&Config::load(&overrides, environment, directory)?, environment)?;
    let text = match &args.forget {
        Some(selector) => forget(&journals, selector)?,
        None => list(&journals, args.format.is_json())?,
    };
    print(&text)?;
    Ok(Exit::Done)
}

fn forget(journals: &Journals, selector: &str) -> Result<String, CliError> {
    let id = journals.find(selector).map_err(|error| CliError::of(&error))?;
    journals.forget(&id).map_err(|error| CliError::of(&error))?;
    Ok(format!("deleted the journal of run {}\n", printable(&id)))
}

fn list(journals: &Journals, json: bool) -> Result<String, CliError> {
    let runs = journals.list().map_err(|error| CliError::of(&error))?;
    if json {
        let text = printable_json(&runs);
        return text.map_err(|error| CliError::Failed(format!("the list cannot be written: {error}")));
    }
    if runs.is_empty() {
        return Ok(format!("no runs found in {}\n", printable(&journals.dir().display().to_string())));
    }
    Ok(table(&runs))
}

const TITLES: [&str; 7] = ["RUN", "STATE", "DONE", "HANDLED", "STARTED", "LAST SEEN", "TOPICS"];

fn table(runs: &[Entry]) -> String {
    let rows: Vec<[String; 7]> = std::iter::once(TITLES.map(str::to_owned)).chain(runs.iter().rev().map(row)).collect();
    let widths: [usize; 7] =
        std::array::from_fn(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or_default());
    let mut text = String::new();
    for row in rows {
        for (column, (cell, cells)) in row.iter().zip(widths).enumerate() {
            let filled = padding(cell, cells);
            // Writing to a String cannot fail.
            let _ = match column {
                6 => writeln!(text, "{cell}"),
                2 | 3 => write!(text, "{filled}{cell}  "),
                _ => write!(text, "{cell}{filled}  "),
            };
        }
    }
    text
}

fn row(entry: &Entry) -> [String; 7] {
    let state = match &entry.process {
        Some(process) => format!("{} ({process})", entry.status.as_str()),
        None => entry.status.as_str().into(),
    };
    let id = printable(&entry.run_id).to_string();
    let Some(summary) = &entry.summary else {
        let reason = entry.reason.clone().unwrap_or_default();
        let unknown = || "-".to_owned();
        return [id, state, unknown(), unknown(), unknown(), unknown(), printable(&reason).to_string()];
    };
    let time = |at: chrono::DateTime<chrono::Utc>| at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string();
    let (started, seen) = (time(summary.started_at), time(summary.seen_at));
    let mut topics = printable(&summary.topics.join(", ")).to_string();
    if let Some(group) = &summary.group {
        let _ = write!(topics, " (group {})", printable(group));
    }
    [id, state, progress(summary), Count(summary.handled).to_string(), started, seen, topics]
}

fn progress(summary: &Summary) -> String {
    let Some(lag) = summary.lag else { return "?".into() };
    // 100 % is shown only if nothing is left.
    let left = lag.saturating_sub(summary.ahead).max(u64::from(lag > 0));
    let percent = summary.records.saturating_sub(left).saturating_mul(100).checked_div(summary.records).unwrap_or(100);
    format!("{percent} %")
}
