//! `kreplay runs leftovers`: the consumer groups in which runs without a group of their own have kept positions.

use std::{collections::BTreeMap, fmt::Write, path::Path, sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDateTime, Utc};
use clap::Args;
use serde::Serialize;

use super::{
    CliError,
    args::{ClusterArgs, FileArgs, format::FormatArgs},
    resume::{journals, of_journal},
};
use crate::{
    config::{Config, Environment, Overrides},
    domain::run_of_position_group,
    journal::Status,
    kafka::{Catalog, Client, KafkaConfig, delete_groups},
};

/// How long the cluster may take for each answer.
const WITHIN: Duration = Duration::from_secs(30);
/// A run that is not known on this machine may be going on elsewhere; after so many days it is not expected to.
const UNKNOWN_RUN_DAYS: i64 = 7;

/// The flags of `runs leftovers`.
#[derive(Args, Clone)]
pub struct LeftoversArgs {
    #[command(flatten)]
    file: FileArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    /// Remove those that no run needs any more
    #[arg(long)]
    remove: bool,
    /// Also those of recent runs that this machine does not know; such a run cannot be resumed then
    #[arg(long, requires = "remove")]
    unknown: bool,
    #[command(flatten)]
    format: FormatArgs,
}

/// What is known of a group's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Need {
    /// The run is over, or long ago.
    NotNeeded,
    /// The run goes on, or can be resumed.
    Needed,
    /// The run is recent, and this machine does not know it.
    Unknown,
    /// The group has members, so it is none of a run's positions.
    HasMembers,
}

/// A group in which a run has kept positions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Leftover {
    group: String,
    run: String,
    need: Need,
    removed: bool,
    /// Why it could not be removed.
    error: Option<String>,
}

/// The text for standard output.
pub(super) fn execute(args: &LeftoversArgs, environment: &Environment, directory: &Path) -> Result<String, CliError> {
    let mut overrides = Overrides { file: args.file.config.clone(), ..Overrides::default() };
    args.cluster.put(&mut overrides);
    let config = Config::load(&overrides, environment, directory)?;
    let Some(bootstrap_servers) = config.kafka.bootstrap_servers.clone() else {
        let missing =
            "no cluster is named; use --bootstrap-server HOST:PORT, or kafka.bootstrap_servers in the configuration";
        return Err(CliError::Usage(missing.into()));
    };
    let known = journals(&config, environment)?.list().map_err(|error| of_journal(&error))?;
    let known: BTreeMap<String, Status> = known.into_iter().map(|entry| (entry.run_id, entry.status)).collect();
    let kafka = KafkaConfig { bootstrap_servers, properties: config.kafka.properties.to_map() };
    let client = Client::new(&kafka, &Arc::default()).map_err(|error| CliError::Usage(error.to_string()))?;
    let groups = Catalog::new(&client, WITHIN).groups();
    client.close();
    let groups = groups.map_err(|error| CliError::Failed(error.to_string()))?;
    let now = Utc::now();
    let mut leftovers: Vec<Leftover> = groups
        .into_iter()
        .filter_map(|group| {
            let run = run_of_position_group(&group.id)?.to_owned();
            let need = if group.empty { need(&run, known.get(&run).copied(), now) } else { Need::HasMembers };
            Some(Leftover { group: group.id, run, need, removed: false, error: None })
        })
        .collect();
    if args.remove {
        remove(&kafka, &mut leftovers, args.unknown)?;
    }
    if args.format.is_json() {
        let text = serde_json::to_string_pretty(&serde_json::json!({ "schema": 1, "groups": leftovers }));
        return text
            .map(|text| text + "\n")
            .map_err(|error| CliError::Failed(format!("the list cannot be written: {error}")));
    }
    Ok(text(&leftovers, args.remove))
}

fn need(run: &str, known: Option<Status>, now: DateTime<Utc>) -> Need {
    match known {
        Some(Status::Done) => Need::NotNeeded,
        Some(_) => Need::Needed,
        None => match started(run) {
            Some(at) if (now - at).num_days() >= UNKNOWN_RUN_DAYS => Need::NotNeeded,
            _ => Need::Unknown,
        },
    }
}

/// When a run was started, by its id.
fn started(run: &str) -> Option<DateTime<Utc>> {
    NaiveDateTime::parse_from_str(run.split('-').next()?, "%Y%m%dT%H%M%S").ok().map(|at| at.and_utc())
}

fn remove(kafka: &KafkaConfig, leftovers: &mut [Leftover], with_unknown: bool) -> Result<(), CliError> {
    let is_wanted = |one: &Leftover| one.need == Need::NotNeeded || with_unknown && one.need == Need::Unknown;
    let mut wanted: Vec<&mut Leftover> = leftovers.iter_mut().filter(|one| is_wanted(one)).collect();
    let names: Vec<&str> = wanted.iter().map(|one| one.group.as_str()).collect();
    // The broker itself refuses a group that somebody has joined meanwhile.
    let mut failed = delete_groups(kafka, &names, WITHIN).map_err(|error| CliError::Failed(error.to_string()))?;
    for one in &mut wanted {
        one.error = failed.remove(&one.group);
        one.removed = one.error.is_none();
    }
    Ok(())
}

fn text(leftovers: &[Leftover], has_removed: bool) -> String {
    let mut out = String::new();
    if leftovers.is_empty() {
        return "no groups with positions of runs are left on this cluster\n".into();
    }
    for Leftover { group, need, removed, error, .. } in leftovers {
        let said = match (removed, error, need) {
            (true, ..) => "removed".to_owned(),
            (_, Some(reason), _) => format!("cannot be removed: {reason}"),
            (_, _, Need::NotNeeded) => "not needed any more; --remove removes it".to_owned(),
            (_, _, Need::Needed) => "needed: its run goes on or can be resumed (kreplay runs)".to_owned(),
            (_, _, Need::Unknown) => {
                "its run is not known on this machine and may go on elsewhere; --remove --unknown removes it".to_owned()
            }
            (_, _, Need::HasMembers) => "has members, and is left alone".to_owned(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{group}: {said}");
    }
    if has_removed {
        let _ = writeln!(out, "{} removed", leftovers.iter().filter(|one| one.removed).count());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_run_needs_is_removed() {
        let now = "2026-11-28T10:00:00Z".parse::<DateTime<Utc>>().unwrap();
        let (recent, old) = ("20261128T090501-0f3a2", "20261120T090501-0f3a2");
        assert_eq!(need(recent, Some(Status::Done), now), Need::NotNeeded);
        for status in [Status::Running, Status::Interrupted, Status::Failed, Status::Cancelled, Status::Corrupt] {
            assert_eq!(need(old, Some(status), now), Need::Needed, "{status:?}");
        }
        assert_eq!((need(recent, None, now), need(old, None, now)), (Need::Unknown, Need::NotNeeded));
        assert_eq!(need("no time", None, now), Need::Unknown);
    }
}
