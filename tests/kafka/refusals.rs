//! Errors of the cluster: no broker, an unknown topic, missing permissions. Each is one clear sentence within a bounded
//! time.

use kreplay::kafka::GroupProtocol;
use kreplay::plan::Selection;
use kreplay::replay::{Session, SessionOptions};

use crate::fixtures::cluster::{allow, deny};
use crate::fixtures::recorder::Recorder;
use crate::fixtures::slow_broker::in_lasting_group;
use crate::fixtures::two_sessions::{hurry, sharing};
use crate::support::admin_requests::{Operation, Resource};
use crate::support::broker::{self, unique_name};
use crate::support::process::{Finished, Program};
use crate::support::produce::NewRecord;
use crate::support::sessions::{finish, in_group, options, problem, run, wait_for};
use crate::support::timeouts::RUN_TIMEOUT;

fn kreplay(bootstrap: &str, args: &[&str]) -> Finished {
    Program::kreplay()
        .args(["run", "--headless", "--bootstrap-server", bootstrap])
        .args(args)
        .timeout(RUN_TIMEOUT)
        .run()
}

/// Checks that a run ends with this exit code, nothing on standard output, and exactly one error, which has all of
/// these parts.
fn expect_refusal(finished: &Finished, code: i32, parts: &[&str]) {
    assert_eq!(finished.code(), Some(code), "{finished:?}");
    assert_eq!(finished.stdout, "");
    let errors: Vec<_> = finished.stderr.lines().filter(|line| line.starts_with("kreplay: ")).collect();
    assert_eq!(errors.len(), 1, "{finished:?}");
    assert!(parts.iter().all(|part| errors[0].contains(part)), "not all of {parts:?} are in {errors:?}");
}

#[test]
fn an_unreachable_broker_is_reported_in_one_sentence() {
    // Connections to port 1 are refused at once. A name under .invalid never resolves (RFC 6761).
    std::thread::scope(|scope| {
        for address in ["127.0.0.1:1", "no-such-host.invalid:9092"] {
            for selection in [["--topics", "t"], ["--topics-regex", "t.*"]] {
                scope.spawn(move || {
                    let parts = [address, "no broker answered", "check the address"];
                    expect_refusal(&kreplay(address, &selection), 1, &parts);
                });
            }
        }
    });
}

#[test]
fn a_server_that_is_not_a_broker_is_reported_in_one_sentence() {
    // A server that accepts connections and never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    expect_refusal(&kreplay(&address, &["--topics", "t"]), 1, &[&address, "no broker answered"]);
}

#[test]
fn a_missing_topic_is_a_usage_error() {
    let broker = broker::shared();
    let missing = unique_name("no-such-topic");
    let finished = kreplay(broker.bootstrap(), &["--topics", &missing]);
    expect_refusal(&finished, 2, &["no topic", &missing]);
    let regex = format!("{missing}-.*");
    let finished = kreplay(broker.bootstrap(), &["--topics-regex", &regex]);
    expect_refusal(&finished, 2, &["no topic matches", &regex]);
}

#[test]
fn a_topic_without_describe_or_read_permission_is_reported_in_one_sentence() {
    let broker = broker::shared();
    let hidden = broker.topic("hidden", 1);
    deny(broker, Resource::Topic(&hidden), Operation::Describe);
    expect_refusal(&kreplay(broker.bootstrap(), &["--topics", &hidden]), 1, &["not authorized", &hidden]);

    let closed = broker.topic("closed", 2);
    broker.produce(&closed, &[NewRecord::unkeyed("x").in_partition(0), NewRecord::unkeyed("y").in_partition(1)]);
    allow(broker, Resource::Topic(&closed), Operation::Describe);
    deny(broker, Resource::Topic(&closed), Operation::Read);
    for group in [None, Some(unique_name("closed"))] {
        let options = options(broker, &closed, 2);
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let ended = run(options);
        assert_eq!(ended.view.state, kreplay::feed::RunState::Failed, "{}", ended.log());
        println!("group {group:?}: {:?}\n{}", ended.view.error, ended.log());
        let error = ended.view.error.unwrap();
        assert!(error.contains(&closed) && error.to_lowercase().contains("authorization failed"), "{error}");
    }
}

#[test]
fn a_group_without_read_permission_is_reported_in_one_sentence() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("closed-group", 1), unique_name("closed-group"));
    broker.produce(&topic, &[NewRecord::unkeyed("x")]);
    deny(broker, Resource::Group(&group), Operation::Read);
    let ended = run(in_group(options(broker, &topic, 2), &group));
    println!("{:?}\n{}", ended.view.error, ended.log());
    assert_eq!(ended.view.state, kreplay::feed::RunState::Failed, "{}", ended.log());
    let error = ended.view.error.clone().unwrap();
    assert!(error.to_lowercase().contains("group authorization failed"), "{error}\n{}", ended.log());
}

/// This holds for a group whose offsets are only used as a range. The run does not join it.
#[test]
fn a_group_without_describe_permission_is_reported_in_one_sentence() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("secret-group", 1), unique_name("secret-group"));
    deny(broker, Resource::Group(&group), Operation::Describe);
    let from = format!("committed:{group}");
    let finished = kreplay(broker.bootstrap(), &["--topics", &topic, "--from", &from]);
    expect_refusal(&finished, 1, &["not authorized; DESCRIBE on the group is required", &group]);
}

#[test]
fn an_unknown_property_is_a_usage_error() {
    let broker = broker::shared();
    let mut options = options(broker, "t", 1);
    options.kafka.properties.insert("no.such.property".into(), "1".into());
    let problem = problem(options);
    assert!(problem.class.is_usage() && problem.text.contains("no.such.property"), "{problem:?}");
}

#[test]
fn a_failed_run_prints_its_error_and_exits_with_1() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("closed-group", 1), unique_name("closed-group"));
    broker.produce(&topic, &[NewRecord::unkeyed("x")]);
    deny(broker, Resource::Group(&group), Operation::Read);
    let finished = kreplay(broker.bootstrap(), &["--topics", &topic, "--group", &group, "--report", "json"]);
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert!(finished.stderr.to_lowercase().contains("group authorization failed"), "{finished:?}");
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((report["state"].as_str(), report["totals"]["handled"].as_u64()), (Some("failed"), Some(0)));
}

#[test]
fn with_partition_order_more_workers_than_partitions_are_a_usage_error() {
    let broker = broker::shared();
    let topic = broker.topic("few", 3);
    let finished = kreplay(broker.bootstrap(), &["--topics", &topic, "--ordering", "partition", "--concurrency", "4"]);
    expect_refusal(&finished, 2, &["concurrency 4 is too high", "there are 3 partitions", "choose at most 3"]);
}

/// Small buffers, so that much is still to be read when a permission is revoked, and frequent metadata.
fn buffer_little(options: &mut SessionOptions) {
    options.settings.buffer_bytes = 1 << 20;
    for (name, value) in [
        ("queued.min.messages", "10"),
        ("queued.max.messages.kbytes", "64"),
        ("fetch.message.max.bytes", "16384"),
        ("topic.metadata.refresh.interval.ms", "1000"),
    ] {
        options.kafka.properties.insert(name.into(), value.into());
    }
}

/// The permission for one of two topics is revoked while a run reads both. With and without a group the other topic is
/// replayed completely, and the run fails at the end.
#[test]
fn a_topic_whose_permission_is_revoked_fails_alone_and_the_other_is_completed() {
    const RECORDS: u64 = 2000;
    let broker = broker::shared();
    let value = "x".repeat(2000);
    let records: Vec<_> = (0..RECORDS).map(|n| NewRecord::keyed(format!("k{}", n % 50), value.clone())).collect();
    let revoke_during_run = |operation: Operation, protocol: Option<GroupProtocol>| {
        let (open, closing) = (broker.topic("stays-open", 2), broker.topic("closes", 2));
        broker.produce(&open, &records);
        broker.produce(&closing, &records);
        let mut options = options(broker, &open, 2);
        options.selection = Some(Selection::topics([open.clone(), closing.clone()]).unwrap());
        // Handlers wait until the permission is revoked.
        let recorder = Recorder::gated(10);
        buffer_little(&mut options);
        if let Some(protocol) = protocol {
            options = in_group(options, &unique_name("closes"));
            options.protocol = protocol;
        }
        let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
        wait_for(&session, "records handled", |_| recorder.count() >= 10);
        if operation == Operation::Read {
            allow(broker, Resource::Topic(&closing), Operation::Describe);
        }
        deny(broker, Resource::Topic(&closing), operation);
        recorder.open();
        let ended = finish(session);
        let case = format!("{operation:?} {protocol:?}: {:?}\n{}", ended.view.error, ended.log());
        println!("{case}");
        assert_eq!(ended.view.state, kreplay::feed::RunState::Failed, "{case}");
        let error = ended.view.error.as_ref().unwrap();
        assert!(error.contains(&closing) && error.contains("uthorization failed"), "{case}");
        assert!(error.contains("all other records are handled"), "{case}");
        for partition in &ended.view.partitions {
            let is_open = *partition.id.topic == *open;
            assert_eq!(partition.position == partition.end, is_open, "{case}\n{partition:?}");
        }
    };
    std::thread::scope(|scope| {
        for protocol in [None, Some(GroupProtocol::Classic), Some(GroupProtocol::Consumer)] {
            for operation in [Operation::Read, Operation::Describe] {
                let revoke_during_run = &revoke_during_run;
                scope.spawn(move || revoke_during_run(operation, protocol));
            }
        }
    });
}

/// The same with two processes of a group. Each has to learn that the other one has completed its part of the other
/// topic, although the broker refuses the group's offsets of the closed one.
#[test]
fn two_processes_complete_a_topic_although_the_permission_for_another_one_is_revoked() {
    const RECORDS: usize = 4000;
    let broker = broker::shared();
    let (open, closing, group) = (broker.topic("stays-open", 2), broker.topic("closes", 2), unique_name("closes"));
    let value = "x".repeat(2000);
    let record = |n: usize| NewRecord::keyed(format!("k{}", n % 50), value.clone()).in_partition((n % 2) as i32);
    let records: Vec<_> = (0..RECORDS).map(record).collect();
    for topic in [&open, &closing] {
        broker.produce(topic, &records);
    }
    let sessions = sharing(2, || {
        let mut options = in_lasting_group(broker, options(broker, &open, 1), &group);
        options.selection = Some(Selection::topics([open.clone(), closing.clone()]).unwrap());
        buffer_little(&mut options);
        options
    });
    deny(broker, Resource::Topic(&closing), Operation::Describe);
    hurry(&sessions);
    for ended in sessions.map(finish) {
        println!("{:?}\n{}", ended.view.error, ended.log());
        assert_eq!(ended.view.state, kreplay::feed::RunState::Failed, "{}", ended.log());
        let error = ended.view.error.as_ref().unwrap();
        assert!(error.contains(&closing) && error.contains("uthorization failed"), "{error}");
    }
    let ends = [0, 1].map(|partition| Some(broker.watermarks(&open, partition).1));
    assert_eq!(broker.committed_all(&group, &open, 2), ends);
}
