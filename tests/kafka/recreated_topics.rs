//! A topic that is deleted and created again while it is read: records of the new topic must not be handled as records
//! of the old one.

use kreplay::feed::RunState;
use kreplay::replay::Session;

use crate::fixtures::recorder::Recorder;
use crate::support::broker::{self, unique_name};
use crate::support::process::Program;
use crate::support::produce::NewRecord;
use crate::support::sessions::{Ended, finish, following, in_group, options, wait_for};
use crate::support::timeouts::RUN_TIMEOUT;

fn records(what: &str, count: usize, bytes: usize) -> Vec<NewRecord> {
    (0..count).map(|n| NewRecord::keyed(format!("key-{}", n % 10), format!("{what}{n:0bytes$}"))).collect()
}

fn recreate(topic: &str, records: &[NewRecord]) {
    let broker = broker::shared();
    broker.delete_topic(topic);
    broker.create_topic(topic, 1, &[]);
    broker.produce(topic, records);
}

fn expect_refused(ended: &Ended, topic: &str, recorder: &Recorder) {
    assert_eq!(ended.view.state, RunState::Failed, "{}", ended.log());
    let error = ended.view.error.as_deref().unwrap_or_default();
    assert!(error.contains(&format!("{topic}-0 cannot be read: the topic was deleted and created again")), "{error}");
    let new = recorder.seen().iter().filter(|one| one.value.as_ref().unwrap().starts_with(b"new")).count();
    assert_eq!(new, 0, "records of the new topic were handled\n{}", ended.log());
}

/// Both logs are much larger than the buffers, so every offset that is still to be read exists in the new log too.
#[test]
fn a_run_fails_and_handles_nothing_of_the_recreated_topic() {
    let broker = broker::shared();
    for group in [None, Some(unique_name("recreated"))] {
        let topic = broker.topic("recreated", 1);
        broker.produce(&topic, &records("old", 12_000, 1000));
        let recorder = Recorder::gated(100);
        let mut options = options(broker, &topic, 2);
        options.settings.buffer_bytes = 1 << 20;
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
        wait_for(&session, "some records are handled", |_| recorder.count() >= 100);
        recreate(&topic, &records("new", 12_000, 1000));
        recorder.open();
        let ended = finish(session);
        println!("group {group:?}\n{}", ended.log());
        expect_refused(&ended, &topic, &recorder);
        if let Some(group) = &group {
            let committed = broker.committed(group, &topic, 0);
            assert!(committed.is_none_or(|offset| offset <= 12_000), "{committed:?}");
        }
    }
}

/// A following run waits at the end of the old log. The new log grows beyond that offset before it is read.
#[test]
fn a_following_run_fails_and_handles_nothing_of_the_recreated_topic() {
    let broker = broker::shared();
    for group in [None, Some(unique_name("recreated"))] {
        let topic = broker.topic("recreated", 1);
        broker.produce(&topic, &records("old", 10, 3));
        let recorder = Recorder::default();
        let options = following(options(broker, &topic, 2));
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
        wait_for(&session, "the backlog is handled", |_| recorder.count() == 10);
        recreate(&topic, &records("new", 50, 3));
        let ended = finish(session);
        println!("group {group:?}\n{}", ended.log());
        expect_refused(&ended, &topic, &recorder);
    }
}

#[test]
fn a_following_migration_fails_and_copies_nothing_of_the_recreated_topic() {
    let broker = broker::shared();
    let (topic, target) = (broker.topic("recreated", 1), unique_name("recreated-target"));
    broker.produce(&topic, &records("old", 20, 3));
    let args = ["topics", "migrate", "--bootstrap-server", broker.bootstrap(), "--topics", &topic];
    let mut migration = Program::patient_kreplay()
        .args(args)
        .args(["--default-topic", &format!("{target}:2"), "--key", "keep", "--execute", "--follow", "--no-carry"])
        .spawn();
    migration.wait_for("the end of the old log", RUN_TIMEOUT, |_, stderr| stderr.contains("lag is zero"));
    // It must not see the moment without the topic: that is another error.
    migration.signal("STOP");
    recreate(&topic, &records("new", 50, 3));
    migration.signal("CONT");
    let ended = migration.finish();
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("topic {topic} was deleted and created again")), "{}", ended.stderr);
    let copied: Vec<_> = (0..2).flat_map(|partition| broker.records(&target, partition)).collect();
    assert_eq!(copied.len(), 20, "{}", ended.stderr);
}
