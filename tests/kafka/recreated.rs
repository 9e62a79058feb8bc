//! A topic that is deleted and created again while it is read: what stands in the new one is never taken for the old one's.

use std::time::Duration;

use kreplay::feed::RunState;
use kreplay::replay::Session;

use crate::follow::following;
use crate::recorder::Recorder;
use crate::sessions::{Ended, finish, in_group, options, wait_for};
use crate::support::broker::{self, unique_name};
use crate::support::process::Program;
use crate::support::produce::NewRecord;

const DEADLINE: Duration = Duration::from_secs(120);

fn records(what: &str, count: usize, bytes: usize) -> Vec<NewRecord> {
    (0..count).map(|n| NewRecord::keyed(format!("key-{}", n % 10), format!("{what}{n:0bytes$}"))).collect()
}

fn create_again(topic: &str, records: &[NewRecord]) {
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

/// Both logs reach far beyond what fits into memory, so that every offset that is still to be read is in the new one as well.
#[test]
fn a_run_in_its_middle_fails_and_handles_nothing_of_the_new_topic() {
    let broker = broker::shared();
    for group in [None, Some(unique_name("recreated"))] {
        let topic = broker.topic("recreated", 1);
        broker.produce(&topic, &records("old", 12_000, 1000));
        let recorder = Recorder::gated(100);
        let mut options = options(broker, &topic, 2);
        options.settings.buffer_bytes = 1 << 20;
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let session = Session::spawn_with(options, Some(recorder.source())).unwrap();
        wait_for(&session, "some are handled", |_| recorder.count() >= 100);
        create_again(&topic, &records("new", 12_000, 1000));
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

/// A run that follows waits at the end of the old log, and the new one grows past that place before it is read again.
#[test]
fn a_run_that_follows_fails_and_handles_nothing_of_the_new_topic() {
    let broker = broker::shared();
    for group in [None, Some(unique_name("recreated"))] {
        let topic = broker.topic("recreated", 1);
        broker.produce(&topic, &records("old", 10, 3));
        let recorder = Recorder::default();
        let options = following(options(broker, &topic, 2));
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let session = Session::spawn_with(options, Some(recorder.source())).unwrap();
        wait_for(&session, "the backlog", |_| recorder.count() == 10);
        create_again(&topic, &records("new", 50, 3));
        let ended = finish(session);
        println!("group {group:?}\n{}", ended.log());
        expect_refused(&ended, &topic, &recorder);
    }
}

#[test]
fn a_migration_that_follows_fails_and_copies_nothing_of_the_new_topic() {
    let broker = broker::shared();
    let (topic, target) = (broker.topic("recreated", 1), unique_name("recreated-target"));
    broker.produce(&topic, &records("old", 20, 3));
    let args = ["topics", "migrate", "--bootstrap-server", broker.bootstrap(), "--topics", &topic];
    let mut migration = Program::kreplay()
        .args(args)
        .args(["--default-topic", &format!("{target}:2"), "--key", "keep", "--execute", "--follow"])
        .deadline(DEADLINE)
        .spawn();
    migration.wait_for("the end of the old log", DEADLINE, |_, stderr| stderr.contains("lag is zero"));
    create_again(&topic, &records("new", 50, 3));
    let ended = migration.finish();
    assert_eq!(ended.code(), Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("topic {topic} was deleted and created again")), "{}", ended.stderr);
    let copied: Vec<_> = (0..2).flat_map(|partition| broker.records(&target, partition)).collect();
    assert_eq!(copied.len(), 20, "{}", ended.stderr);
}
