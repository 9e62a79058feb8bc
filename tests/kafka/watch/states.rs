//! Each state in which a partition of a group can be.

use crate::support::broker::{self, unique_name};
use crate::support::produce::{Ending, NewRecord};
use crate::support::pty::Terminal;
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;

use super::{commit, kreplay, member, new_topic, produce, row, watched};

#[test]
fn lost_records_and_a_position_beyond_the_end_are_told_apart() {
    let broker = broker::shared();
    let (topic, group) = (new_topic(broker, "watch-states", 3), unique_name("watch-states"));
    produce(broker, &topic, 0, 10);
    produce(broker, &topic, 1, 4);
    commit(broker, &group, &topic, &[(0, 2), (1, 4), (2, 7)]);
    broker.delete_records(&topic, 0, 5);
    let found = watched(broker, &group);
    let parts =
        |partition| ["lag", "lost", "readable", "held_back", "ahead"].map(|part| row(&found, partition)[part].as_i64());
    assert_eq!(parts(0), [8, 3, 5, 0, 0].map(Some));
    assert_eq!(parts(1), [0; 5].map(Some));
    assert_eq!(parts(2), [-7, 0, 0, 0, 7].map(Some));
    assert_eq!(row(&found, 1)["age_s"]["value"].as_f64(), Some(0.0));
    assert_eq!((found["state"].as_str(), found["verdict"]["kind"].as_str()), (Some("Empty"), Some("lost")));
    assert!(found["verdict"]["evidence"].as_str().unwrap().contains(&topic), "{}", found["verdict"]);
    let text = kreplay(broker, &["groups", "describe", &group]).expect_success().stdout;
    assert!(text.contains("7 ahead of the log") && text.contains("lost"), "{text}");
}

#[test]
fn an_open_transaction_holds_readers_back_and_is_named() {
    let broker = broker::shared();
    let (topic, group) = (new_topic(broker, "watch-states", 1), unique_name("watch-held"));
    produce(broker, &topic, 0, 3);
    broker.transaction(&topic, Ending::Open, &[NewRecord::keyed("k", "open").in_partition(0)]);
    commit(broker, &group, &topic, &[(0, 1)]);
    let found = watched(broker, &group);
    let row = row(&found, 0);
    let parts = ["lag", "lost", "readable", "held_back", "ahead"].map(|part| row[part].as_i64());
    assert_eq!(parts, [3, 0, 2, 1, 0].map(Some));
    let transaction = &row["held_by"]["transaction"];
    assert!(transaction["transactional_id"].is_string(), "{row}");
    assert_eq!(transaction["state"].as_str(), Some("Ongoing"));
}

#[test]
fn partitions_without_a_commit_have_no_lag() {
    let broker = broker::shared();
    let (topic, group) = (new_topic(broker, "watch-states", 1), unique_name("watch-never"));
    produce(broker, &topic, 0, 4);
    let member = member(broker, &group, &topic, "classic");
    let found = watched(broker, &group);
    let row = row(&found, 0);
    assert!(row["lag"].is_null() && found["lag"]["total"].is_null(), "{found}");
    assert_eq!(row["why_unknown"].as_str(), Some("never_committed"));
    assert_eq!(row["would_be"], serde_json::json!({ "earliest": 4, "latest": 0 }));
    drop(member);
}

#[test]
fn a_deleted_topic_does_not_hide_the_others() {
    let broker = broker::shared();
    let (gone, kept) = (new_topic(broker, "watch-gone", 1), new_topic(broker, "watch-kept", 1));
    let group = unique_name("watch-gone");
    for topic in [&gone, &kept] {
        produce(broker, topic, 0, 2);
        commit(broker, &group, topic, &[(0, 1)]);
    }
    broker.delete_topic(&gone);
    // The coordinator removes the offsets of a deleted topic a moment later, so that the row may be missing.
    let found = wait::until("the row of the topic that is kept", RUN_TIMEOUT, || {
        let found = watched(broker, &group);
        let rows = found["partitions"].as_array().unwrap();
        let is_kept = |row: &&serde_json::Value| row["topic"].as_str() == Some(kept.as_str());
        (rows.iter().find(is_kept)?["lag"].as_i64() == Some(1)).then_some(found)
    });
    for row in found["partitions"].as_array().unwrap() {
        if row["topic"].as_str() == Some(gone.as_str()) {
            assert!(row["lag"].is_null(), "{row}");
            assert_eq!(row["why_unknown"].as_str(), Some("topic_gone"));
        }
    }
}

#[test]
fn offsets_that_change_while_a_group_has_no_members_are_an_event() {
    let broker = broker::shared();
    let (topic, group) = (new_topic(broker, "watch-states", 1), unique_name("watch-changed"));
    produce(broker, &topic, 0, 5);
    commit(broker, &group, &topic, &[(0, 5)]);
    let args = ["watch", &group, "--headless", "--interval", "500ms", "--bootstrap-server", broker.bootstrap()];
    let mut running = crate::support::process::Program::kreplay().args(args).timeout(RUN_TIMEOUT).spawn();
    running.wait_for("the summary", RUN_TIMEOUT, |stdout, _| stdout.contains("  lag 0"));
    commit(broker, &group, &topic, &[(0, 1)]);
    let event = "offsets were changed while the group had no members: −4 offsets in 1 partition";
    running.wait_for("the event", RUN_TIMEOUT, |stdout, _| stdout.contains(event));
    running.signal("INT");
    let finished = running.finish();
    assert_eq!(finished.code(), Some(0), "{finished:?}");
}

#[test]
fn the_console_of_a_cluster_watches_the_groups_of_the_configuration() {
    let broker = broker::shared();
    let (topic, prefix) = (new_topic(broker, "watch-states", 1), unique_name("watch-console"));
    produce(broker, &topic, 0, 5);
    for group in ["chosen", "other"] {
        commit(broker, &format!("{prefix}-{group}"), &topic, &[(0, 5)]);
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("kreplay.toml");
    std::fs::write(&file, format!("[watch]\ngroups = ['{prefix}-chosen']\n")).unwrap();
    let args = ["--config", file.to_str().unwrap(), "--bootstrap-server", broker.bootstrap()];
    let mut console = Terminal::kreplay(&args, 40, 160);
    console.wait_for("topics", RUN_TIMEOUT, |screen| screen.contains("Topics"));
    console.send("w");
    let screen = console.wait_for("the group", RUN_TIMEOUT, |screen| screen.contains("Groups  1"));
    assert!(screen.contains(&format!("{prefix}-chosen")), "{screen}");
    console.send("\x03\x03");
    console.finish(RUN_TIMEOUT);
}
