//! `kreplay runs leftovers`: consumer groups that hold the positions of runs without `--group`.

use std::{collections::BTreeMap, fmt::Write, path::Path, sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDateTime, Utc};
use clap::Args;
use kreplay_engine::journal::Status;
use kreplay_kafka::{Catalog, Client, KafkaConfig, delete_groups};
use kreplay_model::{
    domain::{number::counted, run_of_position_group},
    feed::report::printable_json,
};
use serde::Serialize;

use super::{
    CliError, Exit,
    args::{ClusterArgs, FileArgs, format::FormatArgs},
    print,
    resume::journals,
};
use crate::config::{Config, Environment, Overrides};

/// The flags of `runs leftovers`.
#[derive(Args, Clone)]
pub struct LeftoversArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Remove the groups of runs that are finished according to their journals
    #[arg(long)]
    remove: bool,
    /// Also remove groups of runs that this machine does not know; those runs can no longer be resumed
    ///
    /// Such a run may be active on another machine, without a journal, or with another state directory, however long
    /// ago it began. Without its group, it republishes records from the start of its plan.
    #[arg(long, requires = "remove")]
    unknown: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// Whether the group's run still needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Need {
    /// The run is finished.
    NotNeeded,
    /// The run is active or can be resumed.
    Needed,
    /// This machine does not know the run, which may be active elsewhere, whatever its age.
    Unknown,
    /// The group has members, so it does not hold positions of a run.
    HasMembers,
}

/// A group that holds the positions of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Leftover {
    group: String,
    run: String,
    need: Need,
    removed: bool,
    /// Why the group could not be removed.
    error: Option<String>,
}

pub(super) fn execute(args: &LeftoversArgs, environment: &Environment, directory: &Path) -> Result<Exit, CliError> {
    let mut overrides = Overrides { file: args.file.config.clone(), ..Overrides::default() };
    args.cluster.put(&mut overrides);
    let config = Config::load(&overrides, environment, directory)?;
    let Some(bootstrap_servers) = config.kafka.bootstrap_servers.clone() else {
        let missing = "no cluster given; use --bootstrap-server HOST:PORT or set kafka.bootstrap_servers";
        return Err(CliError::Usage(missing.into()));
    };
    let known = journals(&config, environment)?.list().map_err(|error| CliError::of(&error))?;
    let known: BTreeMap<String, Status> = known.into_iter().map(|entry| (entry.run_id, entry.status)).collect();
    let kafka = KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() };
    let client = Client::new(&kafka, &Arc::default()).map_err(|error| CliError::Usage(error.to_string()))?;
    let groups = Catalog::new(&client, config.kafka.connect_timeout).groups();
    client.close();
    let groups = groups.map_err(|error| CliError::Failed(error.to_string()))?;
    let mut leftovers: Vec<Leftover> = groups
        .into_iter()
        .filter_map(|group| {
            let run = run_of_position_group(&group.id)?.to_owned();
            let need = if group.empty { need(known.get(&run).copied()) } else { Need::HasMembers };
            Some(Leftover { group: group.id, run, need, removed: false, error: None })
        })
        .collect();
    if args.remove {
        remove(&kafka, &mut leftovers, args.unknown, config.kafka.connect_timeout)?;
    }
    print(&if args.format.is_json() { json(&leftovers)? } else { text(&leftovers, args.remove) })?;
    match problem(&leftovers) {
        None => Ok(Exit::Done),
        Some(text) => Err(CliError::Failed(text)),
    }
}

fn need(known: Option<Status>) -> Need {
    match known {
        Some(Status::Done) => Need::NotNeeded,
        Some(_) => Need::Needed,
        None => Need::Unknown,
    }
}

/// The start time encoded in a run id.
fn started(run: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(run.split('-').next()?, "%Y%m%dT%H%M%S").ok().map(|at| at.and_utc())
}

/// When a run began, as a part of a sentence; empty if its id does not say it.
fn began(run: &str) -> String {
    started(run).map_or_else(String::new, |at| format!(", which began on {},", at.format("%Y-%m-%d")))
}

fn remove(
    kafka: &KafkaConfig,
    leftovers: &mut [Leftover],
    with_unknown: bool,
    timeout: Duration,
) -> Result<(), CliError> {
    let is_removable = |one: &Leftover| one.need == Need::NotNeeded || with_unknown && one.need == Need::Unknown;
    let mut removable: Vec<&mut Leftover> = leftovers.iter_mut().filter(|one| is_removable(one)).collect();
    let names: Vec<&str> = removable.iter().map(|one| one.group.as_str()).collect();
    // The broker refuses to delete a group that has gained members since it was listed.
    let mut failed = delete_groups(kafka, &names, timeout).map_err(|error| CliError::Failed(error.to_string()))?;
    for one in &mut removable {
        one.error = failed.remove(&one.group);
        one.removed = one.error.is_none();
    }
    Ok(())
}

fn json(leftovers: &[Leftover]) -> Result<String, CliError> {
    let text = printable_json(&serde_json::json!({ "schema": 1, "groups": leftovers }));
    text.map_err(|error| CliError::Failed(format!("the list cannot be written: {error}")))
}

fn text(leftovers: &[Leftover], has_removed: bool) -> String {
    let mut out = String::new();
    if leftovers.is_empty() {
        return "no groups on this cluster hold positions of runs\n".into();
    }
    for Leftover { group, run, need, removed, error } in leftovers {
        let text = match (removed, error, need) {
            (true, ..) => "removed".to_owned(),
            (_, Some(reason), _) => format!("cannot be removed: {reason}"),
            (_, _, Need::NotNeeded) => "no longer needed; use --remove to remove it".to_owned(),
            (_, _, Need::Needed) => "needed: its run is active or can be resumed (see kreplay runs)".to_owned(),
            (_, _, Need::Unknown) => format!(
                "its run{} is unknown on this machine and may be active elsewhere; use --remove --unknown to remove \
                 the group",
                began(run)
            ),
            (_, _, Need::HasMembers) => "has members; left unchanged".to_owned(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{group}: {text}");
    }
    if has_removed {
        let _ = writeln!(out, "{} removed", leftovers.iter().filter(|one| one.removed).count());
    }
    out
}

/// The groups that could not be removed, in a sentence.
fn problem(leftovers: &[Leftover]) -> Option<String> {
    let failed = leftovers.iter().filter(|one| one.error.is_some()).count();
    let removed = leftovers.iter().filter(|one| one.removed).count();
    let of = counted(failed + removed, "group");
    (failed > 0).then(|| format!("{failed} of {of} cannot be removed; the reason is shown next to each"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_cannot_be_removed_is_a_problem() {
        let leftover = |need: Need, error: Option<&str>| Leftover {
            group: "kreplay-1".into(),
            run: "1".into(),
            need,
            removed: need == Need::NotNeeded && error.is_none(),
            error: error.map(str::to_owned),
        };
        let mut leftovers = vec![leftover(Need::NotNeeded, None), leftover(Need::Needed, None)];
        assert_eq!(problem(&leftovers), None);
        leftovers.push(leftover(Need::NotNeeded, Some("it has members")));
        let expected = "1 of 2 groups cannot be removed; the reason is shown next to each";
        assert_eq!(problem(&leftovers).as_deref(), Some(expected));
    }

    #[test]
    fn only_the_groups_of_finished_runs_are_not_needed() {
        assert_eq!(need(Some(Status::Done)), Need::NotNeeded);
        for status in [Status::Running, Status::Interrupted, Status::Failed, Status::Cancelled, Status::Corrupt] {
            assert_eq!(need(Some(status)), Need::Needed, "{status:?}");
        }
        assert_eq!(need(None), Need::Unknown, "it may be active elsewhere, however old it is");
    }

    #[test]
    fn the_start_of_an_unknown_run_is_shown_if_its_id_has_it() {
        let leftover = |run: &str| Leftover {
            group: format!("kreplay-{run}"),
            run: run.to_owned(),
            need: Need::Unknown,
            removed: false,
            error: None,
        };
        let shown = text(&[leftover("20200101T090501-0f3a2"), leftover("no-time")], false);
        assert!(shown.contains("0f3a2: its run, which began on 2020-01-01, is unknown on this machine"), "{shown}");
        assert!(shown.contains("no-time: its run is unknown on this machine"), "{shown}");
    }
}
