//! Retention that deletes records before a run has read them.

use kreplay::feed::{EventKind, Expiry, RunState};
use kreplay::{
    replay::{Command, Session},
    settings::OnRetention,
};

use crate::fixtures::dead_letters::{topic_with_dead_letters, with_dead_letters};
use crate::fixtures::recorder::Recorder;
use crate::fixtures::slow_broker::in_lasting_group;
use crate::fixtures::two_sessions::{hurry, sharing};
use crate::support::broker::{self, unique_name};
use crate::support::produce::NewRecord;
use crate::support::sessions::{finish, in_group, options, wait_for, wait_for_event};

const RECORDS: usize = 12_000;
const NEW_LOG_START: i64 = 11_000;

/// Starts a run, and deletes records far beyond its position.
fn overtaken(group: Option<&str>, policy: OnRetention) -> (Session, Recorder) {
    // A session that pauses must accept commands, so it is not limited to one run.
    overtaken_by(group, policy, policy != OnRetention::Pause)
}

fn overtaken_by(group: Option<&str>, policy: OnRetention, one_run: bool) -> (Session, Recorder) {
    let broker = broker::shared();
    let topic = broker.topic("overtaken", 1);
    broker.produce(&topic, &(0..RECORDS).map(|n| NewRecord::unkeyed(format!("{n:01000}"))).collect::<Vec<_>>());
    let recorder = Recorder::gated(100);
    let mut options = options(broker, &topic, 2);
    options.settings.buffer_bytes = 1 << 20;
    options.settings.on_retention = policy;
    options.one_run = one_run;
    let options = if let Some(group) = group { in_group(options, group) } else { options };
    let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
    wait_for(&session, "some records are handled", |_| recorder.count() >= 100);
    broker.delete_records(&topic, 0, NEW_LOG_START);
    recorder.open();
    (session, recorder)
}

#[test]
fn a_run_can_skip_the_gap_and_counts_the_lost_records() {
    for group in [None, Some(unique_name("overtaken"))] {
        let (session, recorder) = overtaken(group.as_deref(), OnRetention::Earliest);
        let ended = finish(session);
        println!("group {group:?}\n{}", ended.log());
        let totals = ended.view.totals;
        let ended = ended.expect_done(totals.handled);
        assert!(totals.lost > 0 && totals.handled > 1000, "{totals:?}");
        assert_eq!(totals.handled + totals.lost, RECORDS as u64);
        recorder.expect_each_once_in_order(recorder.count());
        let gaps: Vec<_> = ended.events.iter().filter_map(|event| expired(&event.kind)).collect();
        assert_eq!(gaps, [(NEW_LOG_START, Expiry::GapSkipped)], "{}", ended.log());
    }
}

fn expired(kind: &EventKind) -> Option<(i64, Expiry)> {
    match kind {
        EventKind::Expired { end, outcome, .. } => Some((end.get(), *outcome)),
        _ => None,
    }
}

/// An overtaken member rejoins once everything it has read is settled; quarantined keys are dead-lettered before that.
#[test]
fn a_key_in_quarantine_does_not_keep_an_overtaken_member_from_reading_on() {
    let broker = broker::shared();
    let (topic, _) = topic_with_dead_letters(broker, "overtaken", 1);
    let value = |n: usize| format!("{n:01000}");
    let records = std::iter::once(NewRecord::keyed("bad", value(0)))
        .chain((1..RECORDS).map(|n| NewRecord::unkeyed(value(n))))
        .collect::<Vec<_>>();
    broker.produce(&topic, &records);
    let recorder = Recorder::gated(100).refusing("bad");
    let mut options = in_group(with_dead_letters(options(broker, &topic, 2)), &unique_name("overtaken"));
    options.settings.buffer_bytes = 1 << 20;
    options.settings.on_retention = OnRetention::Earliest;
    options.settings.quarantine = true;
    let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
    wait_for_event(&session, "a key in quarantine", |event| event.kind.to_string().contains("in quarantine"));
    wait_for(&session, "some records are handled", |_| recorder.count() >= 100);
    broker.delete_records(&topic, 0, NEW_LOG_START);
    recorder.open();
    let ended = finish(session);
    let totals = ended.view.totals;
    let ended = ended.expect_done(totals.handled);
    assert_eq!(totals.dead_lettered, 1, "{}", ended.log());
    assert_eq!(totals.handled + totals.dead_lettered + totals.lost, RECORDS as u64, "{}", ended.log());
    assert!(totals.lost > 0 && totals.handled > 1000, "{totals:?}");
    recorder.expect_each_once_in_order(recorder.count());
}

#[test]
fn a_run_can_pause_at_the_gap_and_checks_it_again_on_resume() {
    for group in [None, Some(unique_name("overtaken"))] {
        let (session, recorder) = overtaken(group.as_deref(), OnRetention::Pause);
        let pauses = |count: usize| {
            wait_for_event(&session, "a pause at the gap", |_| {
                let events = session.feed.events.since(0);
                let gaps =
                    events.iter().filter(|event| expired(&event.kind) == Some((NEW_LOG_START, Expiry::Paused))).count();
                let paused = events.iter().filter(|event| event.kind == EventKind::Paused).count();
                // At least: the gap is checked again whenever the partition gets a new assignment.
                gaps >= count && paused >= count
            });
            wait_for(&session, "the state paused", |snapshot| snapshot.run.as_ref().unwrap().state == RunState::Paused);
        };
        pauses(1);
        session.control.send(Command::Resume);
        pauses(2);
        session.control.send(Command::Shutdown);
        let ended = finish(session);
        println!("group {group:?}\n{}", ended.log());
        assert_eq!((ended.view.state, ended.view.totals.lost), (RunState::Cancelled, 0), "{}", ended.log());
        recorder.expect_each_once_in_order(recorder.count());
    }
}

#[test]
fn without_a_console_a_pause_at_the_gap_ends_the_run_with_a_message() {
    let (session, recorder) = overtaken_by(None, OnRetention::Pause, true);
    let ended = finish(session);
    assert_eq!(ended.view.state, RunState::Cancelled, "{}", ended.log());
    assert!(ended.log().contains("without a console it cannot be resumed interactively"), "{}", ended.log());
    recorder.expect_each_once_in_order(recorder.count());
}

/// In the eyes of another process, a failed partition never gets to its end. Two processes that have one each do not
/// wait for each other for ever.
#[test]
fn two_processes_of_a_group_end_if_retention_overtakes_a_partition_of_each() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("overtaken", 2), unique_name("overtaken"));
    for partition in [0, 1] {
        let record = |n: usize| NewRecord::unkeyed(format!("{n:01000}")).in_partition(partition);
        broker.produce(&topic, &(0..RECORDS).map(record).collect::<Vec<_>>());
    }
    let sessions = sharing(1, || {
        let mut options = in_lasting_group(broker, options(broker, &topic, 1), &group);
        options.settings.buffer_bytes = 1 << 20;
        options
    });
    for partition in [0, 1] {
        broker.delete_records(&topic, partition, NEW_LOG_START);
    }
    hurry(&sessions);
    for session in &sessions {
        wait_for_event(session, "a failed partition", |event| event.kind.to_string().contains("cannot be read"));
    }
    let ended = sessions.map(finish);
    for one in &ended {
        println!("{:?}\n{}", one.view.error, one.log());
        assert_eq!(one.view.state, RunState::Failed, "{}", one.log());
        let error = one.view.error.as_ref().unwrap();
        assert!(error.contains(&topic) && error.contains("were deleted by retention"), "{error}");
    }
    // The second one may also have found out that it cannot read the partition of the first one.
    let has_waited = |error: &str| error.contains("of other processes made no progress for 60 s");
    assert!(ended.iter().any(|one| one.view.error.as_deref().is_some_and(has_waited)));
    for committed in broker.committed_all(&group, &topic, 2) {
        assert!(committed.is_some_and(|offset| offset < NEW_LOG_START), "{committed:?}");
    }
}
