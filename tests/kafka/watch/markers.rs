//! Groups that have read everything but transaction markers.

use crate::support::broker::{self, unique_name};
use crate::support::process::Program;
use crate::support::produce::{Ending, NewRecord};
use crate::support::timeouts::RUN_TIMEOUT;

use super::{commit, kreplay, new_topic, produce};

#[test]
fn a_group_behind_a_marker_has_caught_up() {
    let broker = broker::shared();
    let (topic, group) = (new_topic(broker, "markers", 1), unique_name("markers"));
    broker.transaction(&topic, Ending::Commit, &[NewRecord::keyed("k", "v").in_partition(0)]);
    commit(broker, &group, &topic, &[(0, 1)]);
    let with = |arguments: &[&str]| {
        let args = ["watch", &group, "--interval", "500ms", "--headless", "--for", "4m"];
        let args = [&args[..], arguments, &["--bootstrap-server", broker.bootstrap()]].concat();
        Program::kreplay().args(args).timeout(RUN_TIMEOUT).run()
    };
    assert_eq!(with(&["--until", "lag = 0 and records_left = 0"]).code(), Some(0));
    // Kafka's own number stays.
    assert_eq!(super::watched(broker, &group)["lag"]["total"].as_i64(), Some(1));
}

#[test]
fn a_record_that_is_left_is_counted() {
    let broker = broker::shared();
    let (topic, group) = (new_topic(broker, "markers", 1), unique_name("markers-left"));
    broker.transaction(&topic, Ending::Commit, &[NewRecord::keyed("k", "v").in_partition(0)]);
    produce(broker, &topic, 0, 2);
    commit(broker, &group, &topic, &[(0, 1)]);
    let args = ["watch", &group, "--interval", "500ms", "--headless", "--for", "4m", "--until", "records_left = 2"];
    let finished = kreplay(broker, &args);
    assert_eq!(finished.code(), Some(0), "{finished:?}");
}
