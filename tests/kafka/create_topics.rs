//! `kreplay topics create` on a real broker.

use serde_json::Value;

use crate::support::broker::{self, Broker, unique_name};
use crate::support::process::{Finished, Program};

fn create(broker: &Broker, args: &[&str]) -> Finished {
    Program::patient_kreplay().args(["topics", "create", "--bootstrap-server", broker.bootstrap()]).args(args).run()
}

fn states(finished: &Finished) -> Vec<(String, u64, String)> {
    let report: Value = serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    let topics = report["topics"].as_array().unwrap().iter();
    topics
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap().to_owned();
            (text("topic"), one["partitions"].as_u64().unwrap(), text("state"))
        })
        .collect()
}

#[test]
fn topics_are_created_by_name_and_for_channels_and_existing_ones_are_unchanged() {
    let broker = broker::shared();
    let prefix = unique_name("create");
    let [named, grouped, rest] = ["named", "grouped", "rest"].map(|name| format!("{prefix}.{name}"));
    let (map, default) = (format!("user.*={grouped}:10"), rest.clone());
    let counts = format!("{prefix}.na*=3");
    let args = [
        "--channels",
        "user.1",
        "user.2",
        "other",
        "--map",
        &map,
        "--default-topic",
        &default,
        "--partitions-for",
        &counts,
        "--json",
    ];
    let with = |more: &[&str]| {
        let mut all = vec![named.as_str()];
        all.extend(args);
        all.extend(more);
        create(broker, &all)
    };
    let expect = |state: &str| {
        [(named.clone(), 3), (grouped.clone(), 10), (rest.clone(), 6)]
            .map(|(topic, partitions)| (topic, partitions, state.to_owned()))
    };
    let tried = with(&["--dry-run"]).expect_success();
    assert_eq!(states(&tried), expect("missing"));
    assert_eq!(states(&with(&["--dry-run"]).expect_success()), expect("missing"), "a dry run has created topics");
    assert_eq!(states(&with(&[]).expect_success()), expect("created"));
    assert_eq!(states(&with(&[]).expect_success()), expect("exists"));
    for partition in 0..10 {
        assert_eq!(broker.watermarks(&grouped, partition), (0, 0));
    }
    let differing = create(broker, &[&named, "--partitions", "4"]);
    assert_eq!(differing.code(), Some(1), "{differing:?}");
    assert!(differing.stdout.contains("with 3 partitions instead of 4; left unchanged"), "{differing:?}");
    assert!(differing.stderr.contains("1 of 1 topic exists with a different number"), "{differing:?}");
}

#[test]
fn topics_that_cannot_be_created_are_reported_in_one_sentence() {
    let broker = broker::shared();
    let prefix = unique_name("create");
    for (args, code, part) in [
        (vec!["--partitions", "101", "a"], 2, "1 to 100"),
        (vec!["--partitions", "0", "a"], 2, "1 to 100"),
        (vec!["a b"], 2, "is not a valid topic name"),
        (vec![], 2, "no topics given"),
        (vec!["--channels", "other", "--map", "user.*=t"], 2, "no group matches channel `other`"),
        (vec!["--map", "a=t:3", "--default-topic", "t:4"], 2, "both 3 and 4 partitions"),
        (vec![prefix.as_str(), "--replication", "7"], 1, "1 of 1 topic cannot be created"),
    ] {
        let finished = create(broker, &args);
        assert_eq!(finished.code(), Some(code), "{args:?}: {finished:?}");
        assert!(finished.stderr.contains(part), "{args:?}: {finished:?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{args:?}: {finished:?}");
    }
}
