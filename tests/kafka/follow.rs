//! Runs that follow the log, and changes to topics during a run.

use std::time::Duration;

use kreplay::domain::Lag;
use kreplay::feed::{EventKind, PartitionState, RunState, Snapshot};
use kreplay::plan::Selection;
use kreplay::replay::{Command, Session};

use crate::fixtures::cluster::deny;
use crate::fixtures::recorder::Recorder;
use crate::fixtures::slow_broker::in_lasting_group;
use crate::support::admin_requests::{Operation, Resource};
use crate::support::broker::{self, unique_name};
use crate::support::process::Program;
use crate::support::produce::{Ending, NewRecord};
use crate::support::sessions::{finish, following, options, wait_for, wait_for_event};
use crate::support::timeouts::RUN_TIMEOUT;

fn keyed(count: usize) -> Vec<NewRecord> {
    (0..count).map(|n| NewRecord::keyed(format!("key-{}", n % 40), n.to_string())).collect()
}

fn caught_up(snapshot: &Snapshot, handled: u64) -> bool {
    let Some(run) = &snapshot.run else { return false };
    assert!(run.totals.handled <= handled, "{:?}", run.totals);
    (run.totals.handled, run.totals.lag) == (handled, Lag::Known(0))
}

#[test]
fn a_following_run_handles_new_records_topics_and_partitions() {
    let broker = broker::shared();
    for group in [None, Some(unique_name("follow"))] {
        let prefix = unique_name("follow");
        let first = format!("{prefix}.a");
        broker.create_topic(&first, 3, &[]);
        broker.produce(&first, &keyed(100));
        let mut options = options(broker, &first, 4);
        options.selection = Some(Selection::matching(&format!("{prefix}\\..*")).unwrap());
        let options = following(options);
        let options = if let Some(group) = &group { in_lasting_group(broker, options, group) } else { options };
        let recorder = Recorder::default();
        let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
        wait_for(&session, "the backlog is handled", |snapshot| caught_up(snapshot, 100));
        broker.produce(&first, &keyed(50));
        // Only transaction markers move the end of the visible log.
        broker.transaction(&first, Ending::Abort, &keyed(30));
        wait_for(&session, "the new records are handled", |snapshot| caught_up(snapshot, 150));

        let second = format!("{prefix}.b");
        broker.create_topic(&second, 2, &[]);
        broker.produce(&second, &keyed(60));
        wait_for(&session, "a new topic is handled", |snapshot| caught_up(snapshot, 210));
        broker.raise_partitions(&first, 6);
        broker.produce(&first, &keyed(90));
        wait_for(&session, "new partitions are handled", |snapshot| caught_up(snapshot, 300));
        wait_for(&session, "all partitions have caught up", |snapshot| {
            let run = snapshot.run.as_ref().unwrap();
            run.partitions.len() == 8
                && run.partitions.iter().all(|partition| partition.state == PartitionState::CaughtUp)
        });
        wait_for_event(
            &session,
            "the event about the new topic",
            |event| matches!(&event.kind, EventKind::TopicAdded { topic, partitions: 2 } if *topic == second),
        );
        wait_for_event(
            &session,
            "the event about the new partitions",
            |event| matches!(&event.kind, EventKind::PartitionsAdded { topic, added: 3, joined: true } if *topic == first),
        );
        // The coordinator refuses commits during a rebalance, and after a stop they are repeated only for seconds.
        wait_for(&session, "the end of the rebalance", |now| now.run.as_ref().is_some_and(|run| !run.rebalancing));
        session.control.send(Command::Stop);
        let ended = finish(session).expect_done(300);
        assert!(ended.view.plan.follow && ended.view.eta_s.is_none() && ended.view.ideal.is_none());
        assert_eq!(ended.view.plan.topics, [first.clone(), second]);
        recorder.expect_each_once_in_order(300);
        if let Some(group) = &group {
            let committed: i64 = broker.committed_all(group, &first, 6).into_iter().flatten().sum();
            let ends: i64 = (0..6).map(|number| broker.watermarks(&first, number).1).sum();
            assert_eq!(committed, ends, "the commits do not include the markers");
        }
        println!("group {group:?}\n{}", ended.log());
    }
}

#[test]
fn a_following_run_that_is_stopped_before_the_end_of_the_log_can_be_resumed() {
    let broker = broker::shared();
    let topic = broker.topic("follow", 2);
    broker.produce(&topic, &keyed(100));
    let recorder = Recorder::gated(20);
    let mut options = following(options(broker, &topic, 1));
    // Records in flight are finished on a stop. With a small batch that is not all of them.
    options.settings.batch = kreplay::domain::Batch::new(10).unwrap();
    let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
    wait_for(&session, "some records are handled", |_| recorder.count() >= 20);
    session.control.send(Command::Stop);
    wait_for(&session, "it is being stopped", |now| now.run.as_ref().unwrap().state == RunState::Draining);
    recorder.open();
    let ended = finish(session);
    assert_eq!(ended.view.state, RunState::Cancelled, "{}", ended.log());
}

#[test]
fn a_run_with_an_end_reports_new_partitions_and_does_not_read_them() {
    let broker = broker::shared();
    let topic = broker.topic("raised", 2);
    broker.produce(&topic, &keyed(100));
    let recorder = Recorder::gated(20);
    let mut options = options(broker, &topic, 2);
    options.settings.discovery_interval = Duration::from_millis(500);
    let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
    wait_for(&session, "some records are handled", |_| recorder.count() >= 20);
    broker.raise_partitions(&topic, 4);
    broker.produce(&topic, &keyed(100));
    wait_for_event(&session, "the event about the new partitions", |event| {
        matches!(event.kind, EventKind::PartitionsAdded { added: 2, joined: false, .. })
    });
    recorder.open();
    let ended = finish(session).expect_done(100);
    assert_eq!(ended.view.partitions.len(), 2);
}

#[test]
fn a_deleted_topic_does_not_stop_the_other_topics_of_a_following_run() {
    let broker = broker::shared();
    for group in [None, Some(unique_name("follow"))] {
        let (kept, gone) = (broker.topic("kept", 2), broker.topic("gone", 2));
        broker.produce(&kept, &keyed(40));
        broker.produce(&gone, &keyed(40));
        let mut options = options(broker, &kept, 2);
        options.selection = Some(Selection::topics([&kept, &gone]).unwrap());
        let options = following(options);
        let options = if let Some(group) = &group { in_lasting_group(broker, options, group) } else { options };
        let recorder = Recorder::default();
        let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
        wait_for(&session, "all records are handled", |snapshot| caught_up(snapshot, 80));
        broker.delete_topic(&gone);
        wait_for(&session, "the topic has failed", |snapshot| {
            let run = snapshot.run.as_ref().unwrap();
            run.partitions.iter().filter(|one| one.state == PartitionState::Failed).count() == 2
        });
        broker.produce(&kept, &keyed(40));
        wait_for(&session, "progress of the other topic", |_| recorder.count() == 120);
        session.control.send(Command::Stop);
        let ended = finish(session);
        assert_eq!((ended.view.state, ended.view.totals.handled), (RunState::Done, 120), "{}", ended.log());
        println!("group {group:?}\n{}", ended.log());
    }
}

#[test]
fn the_binary_follows_until_a_signal_and_is_done_then() {
    let broker = broker::shared();
    let topic = broker.topic("follow", 2);
    broker.produce(&topic, &keyed(100));
    let args = ["run", "--bootstrap-server", broker.bootstrap(), "--topics", &topic, "--to", "never", "--headless"];
    let mut running =
        Program::kreplay().args(args).args(["--report", "json"]).env("KREPLAY_RUN_PROGRESS_INTERVAL", "100ms").spawn();
    let caught_up = |handled: &str, stderr: &str| {
        stderr.lines().any(|line| line.starts_with("following") && line.contains(handled) && line.ends_with("lag 0"))
    };
    running.wait_for("the backlog is handled", RUN_TIMEOUT, |_, stderr| caught_up("100 handled", stderr));
    broker.produce(&topic, &keyed(50));
    running.wait_for("the new records", RUN_TIMEOUT, |_, stderr| caught_up("150 handled", stderr));
    running.signal("INT");
    let finished = running.finish().expect_success();
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!((report["state"].as_str(), report["totals"]["handled"].as_u64()), (Some("done"), Some(150)));
    assert_eq!((report["plan"]["follow"].as_bool(), report["totals"]["lost"].as_u64()), (Some(true), Some(0)));
}

/// Without a group the topic fails and the other one continues. In a group the member can no longer use the topic, so
/// the whole run may fail.
#[test]
fn a_topic_whose_read_permission_is_revoked_fails_with_a_clear_error() {
    let broker = broker::shared();
    for group in [None, Some(unique_name("follow"))] {
        let (open, closed) = (broker.topic("open", 1), broker.topic("closing", 1));
        for topic in [&open, &closed] {
            broker.produce(topic, &keyed(20));
        }
        let mut options = options(broker, &open, 2);
        options.selection = Some(Selection::topics([&open, &closed]).unwrap());
        let options = following(options);
        let options = if let Some(group) = &group { in_lasting_group(broker, options, group) } else { options };
        let recorder = Recorder::default();
        let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
        wait_for(&session, "all records are handled", |snapshot| caught_up(snapshot, 40));
        deny(broker, Resource::Topic(&closed), Operation::Read);
        wait_for(&session, "the topic has failed", |snapshot| {
            let partitions = &snapshot.run.as_ref().unwrap().partitions;
            partitions.iter().any(|one| *one.id.topic == *closed && one.state == PartitionState::Failed)
        });
        broker.produce(&open, &keyed(20));
        wait_for(&session, "progress of the other topic", |_| recorder.count() == 60);
        session.control.send(Command::Stop);
        let ended = finish(session);
        println!("group {group:?} {:?} {:?}\n{}", ended.view.state, ended.view.error, ended.log());
        let log = ended.log().to_lowercase();
        assert!(log.contains(&format!("{closed}-0 cannot be read")), "{}", ended.log());
    }
}
