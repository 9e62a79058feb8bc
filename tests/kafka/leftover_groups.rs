//! Groups in which runs without `--group` store their positions. They have no consumers, so migrations do not carry
//! them over, and they can be removed.

use serde_json::Value;

use crate::support::broker::{self, Broker};
use crate::support::process::{Finished, Program};
use crate::support::produce::NewRecord;
use crate::support::timeouts::RUN_TIMEOUT;

fn kreplay(broker: &Broker, dir: &std::path::Path, args: &[&str]) -> Finished {
    let args = [args, &["--bootstrap-server", broker.bootstrap()]].concat();
    let program = Program::kreplay().args(args).env("XDG_STATE_HOME", dir).timeout(RUN_TIMEOUT);
    program.env("KREPLAY_RUN_RETRY_ATTEMPTS", "0").env("KREPLAY_TOPIC_PARTITION", "{to}").run()
}

/// The groups of a listing with this value of `need`.
fn groups(listed: &Finished, need: &str) -> Vec<String> {
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap_or_else(|error| panic!("{error}: {listed:?}"));
    let groups = listed["groups"].as_array().unwrap().iter().filter(|group| group["need"] == need);
    groups.map(|group| group["group"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn position_groups_are_not_migrated_and_are_removed_when_no_run_needs_them() {
    let broker = broker::shared();
    let (topic, target) = (broker.topic("own-groups", 1), broker.topic("own-groups-target", 1));
    let good = || NewRecord::keyed("k", r#"{"to":0}"#);
    broker.produce(&topic, &[good(), good(), good()]);
    let broken = broker.topic("own-groups-broken", 1);
    broker.produce(&broken, &[good(), NewRecord::keyed("k", "no partition")]);
    let (known, unknown) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let handler = format!("topic:{target}");
    let republish = |topic: &str| {
        let run = ["run", "--headless", "--topics", topic, "--handler", &handler, "--report", "json"];
        let finished = kreplay(broker, known.path(), &run);
        let report: Value =
            serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
        format!("kreplay-{}", report["run_id"].as_str().unwrap())
    };
    // One run is done. The other fails at its second record and can be resumed.
    let (done, failed) = (republish(&topic), republish(&broken));
    assert_eq!((broker.committed(&done, &topic, 0), broker.committed(&failed, &broken, 0)), (Some(3), Some(1)));
    let consumers = broker.topic("own-groups-consumers", 1);
    let other = format!("kreplay-{consumers}");
    kreplay(broker, known.path(), &["run", "--headless", "--topics", &topic, "--group", &other]).expect_success();

    let new = format!("{topic}.new:2");
    let migrate = ["topics", "migrate", "--topics", &topic, "--default-topic", &new, "--key", "keep", "--json"];
    let plan: Value = serde_json::from_str(&kreplay(broker, known.path(), &migrate).expect_success().stdout).unwrap();
    let carried: Vec<_> =
        plan["groups"].as_array().unwrap().iter().map(|group| group["group"].as_str().unwrap()).collect();
    assert_eq!(carried, [other.as_str()], "groups of runs are not carried over");

    // A machine that does not know the runs does not remove their groups with `--remove` alone.
    let elsewhere = kreplay(broker, unknown.path(), &["runs", "leftovers", "--json", "--remove"]).expect_success();
    assert!(groups(&elsewhere, "unknown").contains(&done), "{elsewhere:?}");
    assert_eq!(broker.committed(&done, &topic, 0), Some(3));
    let here = kreplay(broker, known.path(), &["runs", "leftovers", "--json"]).expect_success();
    assert!(groups(&here, "not_needed").contains(&done) && groups(&here, "needed").contains(&failed), "{here:?}");
    assert!(!here.stdout.contains(&other), "a group is not a leftover because of its name alone: {here:?}");
    let removed = kreplay(broker, known.path(), &["runs", "leftovers", "--remove"]).expect_success();
    assert!(removed.stdout.contains(&format!("{done}: removed")), "{removed:?}");
    assert_eq!(broker.committed(&done, &topic, 0), None);
    assert_eq!(broker.committed(&failed, &broken, 0), Some(1), "the group of a run that can be resumed was removed");
    assert_eq!(broker.committed(&other, &topic, 0), Some(3), "a consumer group was removed");
}
