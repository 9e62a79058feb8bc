//! Records that fail for good: dead letters, pausing, and checks before a run starts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kreplay::domain::{Offset, TopicPartition};
use kreplay::feed::RunState;
use kreplay::handler::is_poison;
use kreplay::{
    plan::Selection,
    replay::{Command, RecordDecision, Session},
    settings::OnFailure,
};
use kreplay_model::inspect::RecordId;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use crate::fixtures::cluster::{allow, deny};
use crate::fixtures::dead_letters::{topic_with_dead_letters, with_dead_letters};
use crate::fixtures::poison_handler::PoisonHandler;
use crate::support::admin_requests::{Operation, Resource};
use crate::support::broker::{self, unique_name};
use crate::support::consume::StoredRecord;
use crate::support::process::Program;
use crate::support::produce::NewRecord;
use crate::support::random::seed;
use crate::support::sessions::{finish, following, in_group, options, problem, run_with, wait_for};
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;

fn header<'a>(record: &'a StoredRecord, name: &str) -> Option<&'a str> {
    let found = record.headers.iter().find(|(key, _)| key == name)?;
    found.1.as_deref().map(|value| std::str::from_utf8(value).unwrap())
}

#[test]
fn a_dead_letter_is_the_unchanged_record_with_its_origin_and_error_in_headers() {
    let broker = broker::shared();
    let (topic, dead_letters) = topic_with_dead_letters(broker, "letters", 3);
    let placed = broker.produce(
        &topic,
        &[
            NewRecord::keyed("a", "good-1").in_partition(2),
            NewRecord::keyed("a", "bad-1")
                .in_partition(2)
                .at(1_700_000_000_123)
                .header("one", Some(b"1"))
                .header("one", None)
                .header("kreplay-mine", Some(&[0xff, 0])),
            NewRecord::keyed("a", "good-2").in_partition(2),
            NewRecord::unkeyed("bad-2").in_partition(0),
        ],
    );
    let handler = PoisonHandler::default();
    let ended = run_with(with_dead_letters(options(broker, &topic, 4)), handler.source()).expect_done(2);
    assert_eq!((ended.view.totals.dead_lettered, ended.view.totals.retried), (2, 2), "{}", ended.log());
    assert_eq!(handler.by_key()["a"], ["good-1", "good-2"]);
    assert!(
        ended.log().contains(&format!("dead-lettered to {dead_letters} after 2 attempts: cannot handle bad-1")),
        "{}",
        ended.log()
    );

    let letters = broker.records(&dead_letters, 2);
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!((letter.key.as_deref(), letter.value.as_deref()), (Some(&b"a"[..]), Some(&b"bad-1"[..])));
    let own: Vec<_> = letter.headers.iter().take(3).cloned().collect();
    let expected = [("one", Some(b"1".to_vec())), ("one", None), ("kreplay-mine", Some(vec![0xff, 0]))];
    assert_eq!(own, expected.map(|(name, value)| (name.to_owned(), value)));
    let names: Vec<_> = letter.headers.iter().skip(3).map(|(name, _)| name.as_str()).collect();
    let expected = ["topic", "partition", "offset", "timestamp", "error", "attempts", "run", "failed-at"];
    assert_eq!(names, expected.map(|name| format!("kreplay-{name}")));
    assert_eq!(header(letter, "kreplay-topic"), Some(topic.as_str()));
    assert_eq!(header(letter, "kreplay-partition"), Some("2"));
    assert_eq!(header(letter, "kreplay-offset"), Some(placed[1].offset.to_string().as_str()));
    assert_eq!(header(letter, "kreplay-timestamp"), Some("1700000000123"));
    assert_eq!(header(letter, "kreplay-error"), Some("cannot handle bad-1"));
    assert_eq!(header(letter, "kreplay-attempts"), Some("2"));
    assert_eq!(header(letter, "kreplay-run"), Some(ended.view.id.as_str()));
    assert!(chrono::DateTime::parse_from_rfc3339(header(letter, "kreplay-failed-at").unwrap()).is_ok());
    // With the record's own timestamp the topic's retention could delete it at once.
    assert!(letter.timestamp > Some(1_700_000_000_123));
    assert_eq!(broker.records(&dead_letters, 0)[0].key, None);
}

#[test]
fn a_missing_dead_letter_topic_is_refused_before_the_run_or_created() {
    let broker = broker::shared();
    let topic = broker.topic("undead", 3);
    broker.produce(&topic, &[NewRecord::keyed("a", "bad-1").in_partition(1)]);
    let mut options = with_dead_letters(options(broker, &topic, 2));
    let refused = problem(options.clone());
    assert!(
        refused.class.is_usage() && refused.text.contains(&format!("there is no dead-letter topic {topic}.dlq")),
        "{refused:?}"
    );
    assert!(refused.text.contains("run.dead_letter.create"), "{refused:?}");
    options.settings.dead_letter.topic = topic.clone();
    let refused = problem(options.clone());
    assert!(refused.class.is_usage() && refused.text.contains("itself replayed"), "{refused:?}");

    options.settings.dead_letter.topic = "{topic}-made".into();
    options.settings.dead_letter.create = true;
    let ended = run_with(options, PoisonHandler::default().source()).expect_done(0);
    assert_eq!(ended.view.totals.dead_lettered, 1);
    let made = format!("{topic}-made");
    assert_eq!((0..3).map(|partition| broker.records(&made, partition).len()).collect::<Vec<_>>(), [0, 1, 0]);
}

#[test]
fn the_dead_letter_topic_of_a_topic_that_is_added_to_a_run_is_created() {
    let broker = broker::shared();
    let prefix = unique_name("added");
    let (first, second) = (format!("{prefix}.a"), format!("{prefix}.b"));
    broker.create_topic(&first, 1, &[]);
    let mut options = with_dead_letters(options(broker, &first, 2));
    options.selection = Some(Selection::matching(&format!("{prefix}\\..*")).unwrap());
    options.settings.dead_letter.topic = "failed-{topic}".into();
    options.settings.dead_letter.create = true;
    let session = Session::spawn(following(options).handled_by(PoisonHandler::default().source())).unwrap();
    wait_for(&session, "the run has begun", |now| now.run.is_some());
    broker.create_topic(&second, 3, &[]);
    broker.produce(&second, &[NewRecord::keyed("a", "bad-1").in_partition(2)]);
    wait_for(&session, "the dead letter", |now| now.run.as_ref().is_some_and(|run| run.totals.dead_lettered == 1));
    session.control.send(Command::Stop);
    let ended = finish(session);
    // A broker that creates topics by itself gives them one partition.
    assert_eq!(broker.records(&format!("failed-{second}"), 2).len(), 1, "{}", ended.log());
}

#[test]
fn a_rejected_dead_letter_fails_the_run_and_the_positions_stay_below_it() {
    let broker = broker::shared();
    let topic = broker.topic("refused", 1);
    let dead_letters = format!("{topic}.dlq");
    // The letter is larger than the topic allows.
    broker.create_topic(&dead_letters, 1, &[("max.message.bytes", "500")]);
    // Random text, which compression cannot make smaller.
    let mut rng = SmallRng::seed_from_u64(7);
    let large: String = "bad-".chars().chain((0..2000).map(|_| char::from(rng.random_range(b'0'..=b'z')))).collect();
    broker
        .produce(&topic, &[NewRecord::keyed("a", "good"), NewRecord::keyed("b", large), NewRecord::keyed("c", "good")]);
    let group = unique_name("refused");
    let ended =
        run_with(in_group(with_dead_letters(options(broker, &topic, 2)), &group), PoisonHandler::default().source());
    assert_eq!((ended.view.state, ended.view.totals.dead_lettered), (RunState::Failed, 0), "{}", ended.log());
    assert!(ended.view.error.as_ref().unwrap().contains("dead letters cannot be sent"), "{:?}", ended.view.error);
    assert_eq!(broker.committed(&group, &topic, 0), Some(1), "{}", ended.log());
}

/// At whatever point a process is killed, every record below its positions was handled or is in the dead-letter topic.
#[test]
fn positions_never_pass_an_unacknowledged_dead_letter() {
    const RECORDS: usize = 6000;
    const RATE: f64 = 0.05;
    let mut rng = SmallRng::seed_from_u64(seed());
    let broker = broker::shared();
    let (topic, dead_letters) = topic_with_dead_letters(broker, "killed", 4);
    let value = |n: usize| format!("value {n}");
    let records: Vec<_> = (0..RECORDS).map(|n| NewRecord::keyed(format!("k{}", n % 300), value(n))).collect();
    let placed = broker.produce(&topic, &records);
    let poison: Vec<_> = placed
        .iter()
        .enumerate()
        .filter(|(n, _)| is_poison(Some(value(*n).as_bytes()), RATE))
        .map(|(_, one)| *one)
        .collect();
    assert!(poison.len() > 100);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("kreplay.toml");
    std::fs::write(&config, "[run]\nretry.attempts = 0\ncommit_interval = \"10ms\"\n").unwrap();
    let group = unique_name("killed");
    let start = || {
        let args =
            ["run", "--headless", "--bootstrap-server", broker.bootstrap(), "--topics", &topic, "--group", &group];
        let policy = ["--on-failure", "dead-letter", "--concurrency", "2", "--handler", "simulate:4ms,poison=0.05"];
        Program::kreplay().args(args).args(policy).args(["--config".as_ref(), config.as_os_str()]).timeout(RUN_TIMEOUT)
    };
    let position = |partition| broker.committed(&group, &topic, partition).unwrap_or(0);
    let dead_lettered_places = || {
        let mut places = BTreeSet::new();
        for partition in 0..4 {
            for letter in broker.records(&dead_letters, partition) {
                assert_eq!(header(&letter, "kreplay-partition"), Some(partition.to_string().as_str()));
                places.insert((partition, header(&letter, "kreplay-offset").unwrap().parse::<i64>().unwrap()));
            }
        }
        places
    };
    let check = |when: &str| {
        // Read the positions first: dead letters below them must have been written before.
        let positions: Vec<i64> = (0..4).map(position).collect();
        let letters = dead_lettered_places();
        for one in &poison {
            let passed = one.offset < positions[usize::try_from(one.partition).unwrap()];
            assert!(
                !passed || letters.contains(&(one.partition, one.offset)),
                "{when}: {one:?} is lost; the positions are {positions:?}"
            );
        }
        letters.len()
    };
    for kill in 0..3 {
        let before: i64 = (0..4).map(position).sum();
        let goal = before + rng.random_range(50..1000);
        let running = start().spawn();
        wait::until("progress before the kill", RUN_TIMEOUT, || {
            ((0..4).map(position).sum::<i64>() >= goal).then_some(())
        });
        running.kill();
        check(&format!("after kill {kill}"));
    }
    let finished = start().run();
    assert_eq!(finished.code(), Some(3), "{finished:?}");
    assert_eq!(check("at the end"), poison.len());
}

#[test]
fn a_record_that_paused_the_run_is_retried_on_resume() {
    let broker = broker::shared();
    let topic = broker.topic("pause", 2);
    let values = ["one", "bad-two", "three"];
    broker.produce(&topic, &values.map(|value| NewRecord::keyed("k", value)));
    let handler = PoisonHandler::default();
    let mut options = with_dead_letters(options(broker, &topic, 2));
    options.settings.on_failure = OnFailure::Pause;
    options.one_run = false;
    let session = Session::spawn(options.handled_by(handler.source())).unwrap();
    let paused = |run: &kreplay::feed::RunView| {
        run.paused_by.as_ref().is_some_and(|text| text.contains("cannot handle bad-two"))
    };
    wait_for(&session, "paused", |now| {
        now.run.as_ref().is_some_and(|run| run.state == RunState::Paused && paused(run))
    });
    assert_eq!(handler.count(), 1);
    // Not fixed yet: the record is retried and pauses the run again.
    let pauses = || session.feed.events.since(0).iter().filter(|event| event.kind.to_string() == "paused").count();
    session.control.send(Command::Resume);
    wait::until("second pause", RUN_TIMEOUT, || (pauses() == 2).then_some(()));
    handler.fix();
    session.control.send(Command::Resume);
    wait_for(&session, "done", |now| now.run.as_ref().is_some_and(|run| run.state == RunState::Done));
    session.control.send(Command::Shutdown);
    finish(session).expect_done(3);
    assert_eq!(handler.by_key()["k"], values);
}

/// For a record that never succeeds: the user skips or dead-letters it, and the run keeps its policy.
#[test]
fn a_record_that_paused_the_run_can_be_skipped_or_dead_lettered() {
    let broker = broker::shared();
    let topic = broker.topic("pause-decided", 1);
    let letters = broker.topic("pause-decided-letters", 1);
    let values = ["one", "bad-two", "three", "bad-four", "five"];
    broker.produce(&topic, &values.map(|value| NewRecord::keyed("k", value).header("trace", Some(b"t"))));
    let handler = PoisonHandler::default();
    let mut options = with_dead_letters(options(broker, &topic, 1));
    options.settings.on_failure = OnFailure::Pause;
    options.settings.dead_letter.topic.clone_from(&letters);
    options.one_run = false;
    let session = Session::spawn(options.handled_by(handler.source())).unwrap();
    let paused_at = |offset: i64| {
        wait_for(&session, "paused at the record", |now| {
            let run = now.run.as_ref().filter(|run| run.state == RunState::Paused);
            let record = run.and_then(|run| run.paused_record.as_ref());
            record.is_some_and(|record| record.offset.get() == offset && record.key.as_deref() == Some("k"))
        });
    };
    let record = |offset| {
        let offset = Offset::new(offset).unwrap();
        RecordId { partition: TopicPartition::new(topic.as_str(), 0), offset }
    };
    paused_at(1);
    session.control.send(Command::DecideRecord(RecordDecision::Skip, record(1)));
    paused_at(3);
    // A second console has decided about the same record, too late: the decision must not hit the next one.
    session.control.send(Command::DecideRecord(RecordDecision::Skip, record(1)));
    let refusal = format!("{topic}-0 at 1 no longer pauses the run, so nothing was decided");
    let is_refused = || session.feed.events.since(0).iter().any(|event| event.kind.to_string() == refusal);
    wait::until("the refusal", RUN_TIMEOUT, || is_refused().then_some(()));
    paused_at(3);
    session.control.send(Command::DecideRecord(RecordDecision::DeadLetter, record(3)));
    wait_for(&session, "done", |now| now.run.as_ref().is_some_and(|run| run.state == RunState::Done));
    session.control.send(Command::Shutdown);
    let ended = finish(session).expect_done(3);
    assert_eq!((ended.view.totals.skipped, ended.view.totals.dead_lettered), (1, 1), "{}", ended.log());
    assert_eq!(handler.by_key()["k"], ["one", "three", "five"]);
    let letters = broker.records(&letters, 0);
    assert_eq!(letters.iter().map(StoredRecord::text).collect::<Vec<_>>(), ["bad-four"]);
    assert_eq!(header(&letters[0], "trace"), Some("t"), "with its headers");
}

#[test]
fn a_pause_without_a_console_ends_the_run_with_a_message() {
    let broker = broker::shared();
    let topic = broker.topic("pause-headless", 1);
    broker.produce(&topic, &[NewRecord::keyed("k", "v")]);
    let args =
        ["run", "--headless", "--bootstrap-server", broker.bootstrap(), "--topics", &topic, "--on-failure", "pause"];
    let finished = Program::kreplay()
        .env("KREPLAY_RUN_RETRY_ATTEMPTS", "0")
        .args(args)
        .args(["--handler", "simulate:0,poison=1"])
        .run();
    assert_eq!(finished.code(), Some(4), "{finished:?}");
    assert!(finished.stderr.contains("simulated poison"), "{finished:?}");
    assert!(finished.stderr.contains("without a console it cannot be resumed interactively"), "{finished:?}");
}

/// The barrier waits for the quarantined keys, these wait for all other records, and in time order those wait for the
/// next records to be read, for which the records behind the barrier leave no room in the buffer.
#[test]
fn a_barrier_behind_quarantined_keys_in_time_order_does_not_deadlock() {
    let broker = broker::shared();
    let (topic, _) = topic_with_dead_letters(broker, "barrier-quarantine", 3);
    let records: Vec<_> = (0..9000).map(|n| NewRecord::keyed(format!("key-{}", n % 60), format!("{n:0300}"))).collect();
    broker.produce(&topic, &records);
    let run = ["run", "--headless", "--bootstrap-server", broker.bootstrap(), "--topics", &topic, "--time-order"];
    let finished = Program::kreplay()
        .env("KREPLAY_RUN_RETRY_ATTEMPTS", "0")
        .env("KREPLAY_RUN_BUFFER", "1MiB")
        .args(run)
        .args(["--barrier", "key=key-17", "--quarantine", "--on-failure", "dead-letter"])
        .args(["--handler", "simulate:0,poison=0.003", "--report", "json"])
        .timeout(RUN_TIMEOUT)
        .run();
    assert_eq!(finished.code(), Some(3), "{finished:?}");
    let report: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    let count = |name: &str| report["totals"][name].as_u64().unwrap();
    assert_eq!((count("handled") + count("dead_lettered"), count("lag")), (9000, 0), "{report:#}");
}

/// This is not one rejected record: nothing can be written to the topic. The group's positions stay below the record,
/// so a later run handles it.
#[test]
fn a_dead_letter_topic_without_write_permission_ends_the_run_and_loses_nothing() {
    let broker = broker::shared();
    let (topic, dead_letters) = topic_with_dead_letters(broker, "read-only", 1);
    broker.produce(
        &topic,
        &[NewRecord::keyed("a", "good-1"), NewRecord::keyed("b", "bad-1"), NewRecord::keyed("c", "good-2")],
    );
    allow(broker, Resource::Topic(&dead_letters), Operation::Describe);
    deny(broker, Resource::Topic(&dead_letters), Operation::Write);
    let group = unique_name("read-only");
    let options = in_group(with_dead_letters(options(broker, &topic, 2)), &group);
    let handler = PoisonHandler::default();
    let ended = run_with(options.clone(), handler.source());
    assert_eq!((ended.view.state, ended.view.totals.dead_lettered), (RunState::Failed, 0), "{}", ended.log());
    let error = ended.view.error.clone().unwrap();
    assert!(error.contains("dead letters cannot be sent") && error.contains("uthorization failed"), "{error}");
    assert!(error.contains(&dead_letters), "the error does not name the topic: {error}");
    assert_eq!(broker.committed(&group, &topic, 0), Some(1), "{}", ended.log());
    // Nothing is lost: the record is handled again, and a record above it is only if it was not handled before the end.
    handler.fix();
    run_with(options, handler.source()).expect_done(3 - ended.view.totals.handled);
    assert_eq!(handler.by_key()["b"], ["bad-1"]);
    assert_eq!(handler.count(), 3);
}

#[test]
fn a_dead_letter_has_its_template_key_in_a_header_and_is_retried_with_its_own_key() {
    let broker = broker::shared();
    let (topic, dead_letters) = topic_with_dead_letters(broker, "template", 2);
    let value = |team: u32| format!("bad {{\"team\": {team}}}");
    broker.produce(
        &topic,
        &[
            NewRecord::keyed("a", value(7)).in_partition(1).header("team", Some(b"7")),
            // Without the header there is no template key.
            NewRecord::keyed("b", value(8)).in_partition(0),
        ],
    );
    let mut options = with_dead_letters(options(broker, &topic, 2));
    let mut selection = options.selection.take().unwrap();
    Arc::make_mut(&mut selection.scope.rules).template = Some("team:{header.team}".parse().unwrap());
    options.selection = Some(selection);
    let ended = run_with(options, PoisonHandler::default().source());
    assert_eq!((ended.view.state, ended.view.totals.dead_lettered), (RunState::Done, 2), "{}", ended.log());
    let letter = &broker.records(&dead_letters, 1)[0];
    assert_eq!((letter.key.as_deref(), header(letter, "kreplay-key")), (Some(&b"a"[..]), Some("team:7")));
    let names: Vec<_> = letter.headers.iter().map(|(name, _)| name.as_str()).collect();
    let expected = ["topic", "partition", "offset", "timestamp", "key", "error", "attempts", "run", "failed-at"];
    assert_eq!(names[0], "team");
    assert_eq!(names[1..], expected.map(|name| format!("kreplay-{name}")));
    assert_eq!(header(&broker.records(&dead_letters, 0)[0], "kreplay-key"), None);

    let group = unique_name("template");
    let args = ["dlq", "retry", "--bootstrap-server", broker.bootstrap(), "--topics", &dead_letters, "--group", &group];
    // By murmur2, both keys belong to partition 0.
    let would = Program::kreplay().args(args).args(["--dry-run"]).timeout(RUN_TIMEOUT).run();
    assert_eq!(would.code(), Some(0), "{would:?}");
    assert!(would.stderr.contains("(such as from 1 to 0)") && would.stderr.contains("--same-partition"), "{would:?}");
    let finished = Program::kreplay().args(args).args(["--same-partition"]).timeout(RUN_TIMEOUT).run();
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    assert!(!finished.stderr.contains("--same-partition"), "{finished:?}");
    let back = broker.records(&topic, 1).pop().unwrap();
    assert_eq!((back.key.as_deref(), back.headers.len()), (Some(&b"a"[..]), 1), "{back:?}");
}

/// A command that cannot record what it sends would send it again each time. What it can record expires unless each
/// command commits it, so partitions without letters are committed as well.
#[test]
fn a_retry_sends_nothing_if_it_cannot_commit_and_otherwise_commits_every_partition() {
    let broker = broker::shared();
    let (topic, dead_letters) = topic_with_dead_letters(broker, "retry-committed", 2);
    broker.produce(&topic, &[NewRecord::keyed("a", "bad-1").in_partition(0)]);
    run_with(with_dead_letters(options(broker, &topic, 2)), PoisonHandler::default().source()).expect_done(0);
    let retry = |group: &str| {
        let args =
            ["dlq", "retry", "--bootstrap-server", broker.bootstrap(), "--topics", &dead_letters, "--group", group];
        Program::kreplay().args(args).timeout(RUN_TIMEOUT).run()
    };
    let records = || (0..2).map(|partition| broker.records(&topic, partition).len()).sum::<usize>();
    let denied = unique_name("retry-denied");
    allow(broker, Resource::Group(&denied), Operation::Describe);
    deny(broker, Resource::Group(&denied), Operation::Read);
    let refused = retry(&denied);
    assert_eq!(refused.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.to_lowercase().contains("group authorization failed"), "{refused:?}");
    assert_eq!(records(), 1, "{refused:?}");

    let group = unique_name("retry-committed");
    retry(&group).expect_success();
    assert_eq!(records(), 2);
    assert_eq!([0, 1].map(|partition| broker.committed(&group, &dead_letters, partition)), [Some(1), Some(0)]);
}

/// At whatever point `dlq retry` is killed, the next one sends the rest back and repeats only records that were in
/// flight.
#[test]
fn a_killed_retry_loses_nothing_and_repeats_at_most_one_batch() {
    // The number of records that are sent before their offsets are committed.
    const BATCH: usize = 500;
    const RECORDS: usize = 6000;
    let mut rng = SmallRng::seed_from_u64(seed());
    let broker = broker::shared();
    let (topic, dead_letters) = topic_with_dead_letters(broker, "retry-killed", 3);
    let records: Vec<_> = (0..RECORDS).map(|n| NewRecord::keyed(format!("k{}", n % 100), format!("bad {n}"))).collect();
    let placed = broker.produce(&topic, &records);
    let mut options = with_dead_letters(options(broker, &topic, 4));
    options.settings.retry.attempts = 0;
    let ended = run_with(options, PoisonHandler::default().source());
    assert_eq!(ended.view.totals.dead_lettered, RECORDS as u64, "{}", ended.log());
    let before: Vec<usize> =
        (0..3).map(|partition| placed.iter().filter(|one| one.partition == partition).count()).collect();
    let group = unique_name("retry-killed");
    let start = || {
        let args =
            ["dlq", "retry", "--bootstrap-server", broker.bootstrap(), "--topics", &dead_letters, "--group", &group];
        // Slow enough to be killed before its end.
        Program::kreplay().args(args).args(["--rate", "3000/s"]).timeout(RUN_TIMEOUT)
    };
    let back = || -> usize {
        let ends = (0..3).map(|partition| usize::try_from(broker.watermarks(&topic, partition).1).unwrap());
        ends.sum::<usize>() - RECORDS
    };
    let mut kills = 0;
    for _ in 0..3 {
        let goal = (back() + rng.random_range(200..1200)).min(RECORDS - 1);
        let running = start().spawn();
        wait::until("progress before the kill", RUN_TIMEOUT, || (back() >= goal).then_some(()));
        running.kill();
        kills += 1;
    }
    let finished = start().run();
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    let mut times = BTreeMap::<String, usize>::new();
    for partition in 0..3 {
        for record in broker.records(&topic, partition).into_iter().skip(before[usize::try_from(partition).unwrap()]) {
            *times.entry(String::from_utf8(record.value.unwrap()).unwrap()).or_default() += 1;
        }
    }
    assert_eq!(times.len(), RECORDS, "every dead letter was sent back");
    let repeated: usize = times.values().map(|times| times - 1).sum();
    println!("{repeated} repeated after {kills} kills");
    assert!(repeated <= kills * BATCH, "{repeated} repeated after {kills} kills");
    let finished = start().run();
    assert!(finished.stdout.starts_with("0 dead letters sent back"), "{finished:?}");
}
