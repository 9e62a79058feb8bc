//! Quarantine: other keys continue, nothing is lost, and after the handler is fixed each key has its full sequence.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kreplay::domain::Concurrency;
use kreplay::feed::RunState;
use kreplay::{
    replay::{Command, Decision, Session},
    settings::OnFailure,
};

use crate::fixtures::dead_letters::{topic_with_dead_letters, with_dead_letters};
use crate::fixtures::poison_handler::PoisonHandler;
use crate::support::broker::{self, Broker, unique_name};
use crate::support::process::{Finished, Program};
use crate::support::produce::NewRecord;
use crate::support::sessions::{Ended, finish, in_group, options, run_with, wait_for, wait_for_event};
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;

/// The values of each key, in order.
type Sequences = BTreeMap<String, Vec<String>>;

/// Every `every`th key has one bad record, in the middle of its sequence.
fn produce(broker: &Broker, topic: &str, keys: usize, rounds: usize, every: usize) -> Sequences {
    produce_bad(broker, topic, keys, rounds, |key, round| key % every == 0 && round == rounds / 2)
}

fn produce_bad(
    broker: &Broker,
    topic: &str,
    keys: usize,
    rounds: usize,
    is_bad: impl Fn(usize, usize) -> bool,
) -> Sequences {
    let mut sequences = Sequences::new();
    let mut records = Vec::new();
    for round in 0..rounds {
        for key in 0..keys {
            let value = format!("{}{key}/{round}", if is_bad(key, round) { "bad-" } else { "" });
            sequences.entry(format!("key-{key}")).or_default().push(value.clone());
            records.push(NewRecord::keyed(format!("key-{key}"), value));
        }
    }
    broker.produce(topic, &records);
    sequences
}

fn dlq(broker: &Broker, args: &[&str]) -> Finished {
    let (command, rest) = args.split_first().unwrap();
    let cluster = ["dlq", command, "--bootstrap-server", broker.bootstrap()];
    Program::kreplay().args(cluster).args(rest).timeout(RUN_TIMEOUT).run()
}

/// Checks that a command succeeded and printed this text.
fn expect_output(finished: &Finished, part: &str) {
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    assert!(finished.stdout.contains(part), "{part:?} in {finished:?}");
}

/// Each record is handled once or dead-lettered. Retrying the dead letters after the fix gives each key the same
/// sequence as a run without failures.
#[test]
fn retried_dead_letters_complete_the_sequence_of_each_key() {
    const KEYS: usize = 200;
    const ROUNDS: usize = 20;
    let broker = broker::shared();
    let (topic, dead_letters) = topic_with_dead_letters(broker, "poison", 6);
    let sequences = produce(broker, &topic, KEYS, ROUNDS, 40);
    let group = unique_name("poison");
    let handler = PoisonHandler::default();
    let mut options = in_group(with_dead_letters(options(broker, &topic, 8)), &group);
    options.settings.quarantine = true;
    let letters = 5 * ROUNDS / 2;
    let ended = run_with(options.clone(), handler.source()).expect_done((KEYS * ROUNDS - letters) as u64);
    assert_eq!(ended.view.totals.dead_lettered, letters as u64, "{}", ended.log());
    for (key, values) in handler.by_key() {
        assert_eq!(values, sequences[&key][..values.len()], "{key}: handled records must come before quarantined ones");
    }
    let stored: usize = (0..6).map(|partition| broker.records(&dead_letters, partition).len()).sum();
    assert_eq!(stored, letters);

    let list = dlq(broker, &["list", "--topics", &dead_letters, "--json"]);
    let groups: serde_json::Value = serde_json::from_str(&list.stdout).unwrap();
    let groups = groups.as_array().unwrap();
    assert_eq!(groups.iter().map(|group| group["records"].as_u64().unwrap()).sum::<u64>(), letters as u64);
    assert!(
        groups.iter().all(|group| group["source_topic"] == topic.as_str() && group["run"] == ended.view.id.as_str())
    );
    expect_output(&dlq(broker, &["list", "--topics", &dead_letters]), "cannot handle bad-0/10");
    let show = dlq(broker, &["show", "--topics", &dead_letters, "--keys", "key-40", "--limit", "3", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&show.stdout).unwrap();
    let values: Vec<_> = shown.as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap()).collect();
    assert_eq!(values, ["bad-40/10", "40/11", "40/12"]);
    assert_eq!((&shown[0]["attempts"], &shown[1]["attempts"]), (&2.into(), &0.into()));
    expect_output(
        &dlq(broker, &["show", "--topics", &dead_letters, "--error", "cannot handle bad-80/10", "--limit", "1"]),
        "bad-80/10",
    );

    // After the fix: retry one key, then the rest, then nothing is left.
    handler.fix();
    let group_of_retry = unique_name("retry");
    let retry = |more: &[&str]| {
        dlq(broker, &[&["retry", "--topics", &dead_letters, "--group", &group_of_retry], more].concat())
    };
    expect_output(&retry(&["--dry-run"]), "50 dead letters would be sent back");
    expect_output(
        &retry(&["--keys", "key-120"]),
        "10 dead letters sent back; 0 already sent, 0 duplicates, 40 filtered out",
    );
    let sent_back = || -> u64 {
        let list = dlq(broker, &["list", "--topics", &dead_letters, "--group", &group_of_retry, "--json"]);
        let groups: serde_json::Value = serde_json::from_str(&list.stdout).unwrap();
        groups.as_array().unwrap().iter().map(|group| group["sent_back"].as_u64().unwrap()).sum()
    };
    assert_eq!(sent_back(), 10);
    let started = Instant::now();
    expect_output(&retry(&["--rate", "40/s"]), "40 dead letters sent back;");
    assert!(started.elapsed() >= Duration::from_millis(800), "more than 50 records per second were sent");
    expect_output(&retry(&[]), "0 dead letters sent back");
    assert_eq!(sent_back(), letters as u64);
    let again = run_with(options, handler.source()).expect_done(letters as u64);
    assert_eq!(again.view.totals.dead_lettered, 0);
    assert_eq!(handler.by_key(), sequences);
}

/// `cargo test --test kafka one_percent -- --nocapture` prints the ratio of the speeds.
#[test]
fn one_percent_poisoned_keys_do_not_stop_the_other_keys() {
    const KEYS: usize = 1000;
    const ROUNDS: usize = 10;
    let broker = broker::shared();
    let rate = |poison: bool| {
        let (topic, _) = topic_with_dead_letters(broker, "speed", 6);
        produce_bad(broker, &topic, KEYS, ROUNDS, |key, _| key % 100 == 0);
        let handler = PoisonHandler::slow(Duration::from_millis(1));
        if !poison {
            handler.fix();
        }
        let mut options = with_dead_letters(options(broker, &topic, 16));
        options.settings.retry = kreplay::settings::Retry::default();
        options.settings.quarantine = true;
        let others = if poison { KEYS * ROUNDS - KEYS / 100 * ROUNDS } else { KEYS * ROUNDS };
        let session = Session::spawn(options.handled_by(handler.source())).unwrap();
        let first = wait::until("first record", RUN_TIMEOUT, || (handler.count() > 0).then(Instant::now));
        wait::until("all others", RUN_TIMEOUT, || (handler.count() >= others).then_some(()));
        let took = first.elapsed();
        let ended: Ended = finish(session);
        assert_eq!(ended.view.state, RunState::Done, "{}", ended.log());
        let totals = ended.view.totals;
        assert_eq!(totals.handled + totals.dead_lettered, (KEYS * ROUNDS) as u64);
        others as f64 / took.as_secs_f64()
    };
    // Both runs must finish. The speeds are only printed, because the machine is shared.
    let (without, with) = (rate(false), rate(true));
    println!("other keys: {without:.0} records/s without poison, {with:.0} with, ratio {:.3}", with / without);
}

/// A user decides at the console while members join and leave.
#[test]
fn a_quarantined_key_waits_for_a_decision_through_rebalances() {
    let broker = broker::shared();
    let (topic, dead_letters) = topic_with_dead_letters(broker, "decide", 6);
    let sequences = produce(broker, &topic, 60, 10, 20);
    let handler = PoisonHandler::slow(Duration::from_millis(1));
    let mut options = in_group(with_dead_letters(options(broker, &topic, 4)), &unique_name("decide"));
    options.settings.quarantine = true;
    options.one_run = false;
    let session = Session::spawn(options.handled_by(handler.source())).unwrap();
    wait_for_event(&session, "a key in quarantine", |event| event.kind.to_string().contains("in quarantine"));
    for concurrency in [2, 6] {
        session.control.send(Command::SetConcurrency(Concurrency::new(concurrency).unwrap()));
        let wanted = u32::try_from(concurrency).unwrap();
        wait_for(&session, "settled", |now| {
            now.run.as_ref().is_some_and(|run| run.concurrency == wanted && !run.rebalancing)
        });
    }
    wait_for(&session, "only quarantine is left", |now| {
        now.run.as_ref().is_some_and(|run| run.quarantine.awaits_decision && run.quarantine.keys == 3)
    });
    let quarantine = session.feed.snapshots.borrow().run.as_ref().unwrap().quarantine.clone();
    assert_eq!(quarantine.records, 15, "{quarantine:?}");
    let key = |name: &str| quarantine.waiting.iter().find(|one| one.key == name).unwrap();
    assert_eq!((key("key-20").records, key("key-20").error.as_str()), (5, "cannot handle bad-20/5"));
    // Not fixed yet: the key fails again.
    session.control.send(Command::Decide(Decision::Release, Some(key("key-0").hash)));
    let quarantined = || {
        let is_quarantined =
            |event: &&kreplay::feed::Event| event.kind.to_string().starts_with("key key-0 in quarantine");
        session.feed.events.since(0).iter().filter(is_quarantined).count()
    };
    wait::until("second failure of the key", RUN_TIMEOUT, || (quarantined() >= 2).then_some(()));
    session.control.send(Command::Decide(Decision::DeadLetter, Some(key("key-20").hash)));
    wait_for(&session, "two keys left", |now| {
        now.run.as_ref().is_some_and(|run| run.totals.dead_lettered == 5 && run.quarantine.keys == 2)
    });
    handler.fix();
    session.control.send(Command::Decide(Decision::Release, None));
    wait_for(&session, "done", |now| now.run.as_ref().is_some_and(|run| run.state == RunState::Done));
    session.control.send(Command::Shutdown);
    let ended = finish(session).expect_done(595);
    assert_eq!(ended.view.totals.dead_lettered, 5, "{}", ended.log());
    let mut expected = sequences;
    expected.get_mut("key-20").unwrap().truncate(5);
    assert_eq!(handler.by_key(), expected);
    assert_eq!((0..6).map(|partition| broker.records(&dead_letters, partition).len()).sum::<usize>(), 5);
}

#[test]
fn a_full_quarantine_dead_letters_its_oldest_key() {
    let broker = broker::shared();
    let (topic, dead_letters) = topic_with_dead_letters(broker, "full", 1);
    let large = "x".repeat(2000);
    let records: Vec<_> = (0..200)
        .flat_map(|n| {
            let value = if n == 0 { format!("bad-{large}") } else { large.clone() };
            ["a", "b"].map(|key| NewRecord::keyed(key, value.clone()))
        })
        .collect();
    broker.produce(&topic, &records);
    let handler = PoisonHandler::default();
    let mut options = with_dead_letters(options(broker, &topic, 2));
    options.settings.quarantine = true;
    options.settings.quarantine_bytes = 64 << 10;
    let ended = run_with(options.clone(), handler.source()).expect_done(0);
    assert_eq!(ended.view.totals.dead_lettered, 400, "{}", ended.log());
    assert!(ended.log().contains("the quarantine is full"), "{}", ended.log());
    let letters = broker.records(&dead_letters, 0);
    for key in ["a", "b"] {
        let offsets: Vec<i64> = letters
            .iter()
            .filter(|letter| letter.key.as_deref() == Some(key.as_bytes()))
            .map(|letter| {
                let (_, value) = letter.headers.iter().find(|(name, _)| name == "kreplay-offset").unwrap();
                String::from_utf8(value.clone().unwrap()).unwrap().parse().unwrap()
            })
            .collect();
        assert_eq!(offsets.len(), 200);
        assert!(offsets.is_sorted(), "{key} lost its order");
    }
    let tried = |letter: &&crate::support::consume::StoredRecord| {
        letter.headers.iter().any(|(name, value)| name == "kreplay-attempts" && value.as_deref() != Some(b"0"))
    };
    assert_eq!(letters.iter().filter(tried).count(), 2, "the other records were never attempted");
    // Without dead letters the run fails.
    options.settings.on_failure = OnFailure::Fail;
    let failed = run_with(options, handler.source());
    assert_eq!(failed.view.state, RunState::Failed);
    assert!(failed.view.error.as_ref().unwrap().contains("the quarantine is full"), "{:?}", failed.view.error);
}

#[test]
fn without_dead_letters_a_run_fails_and_names_the_quarantined_keys() {
    let broker = broker::shared();
    let topic = broker.topic("named", 2);
    produce(broker, &topic, 10, 4, 5);
    let handler = PoisonHandler::default();
    let mut options = with_dead_letters(options(broker, &topic, 2));
    options.settings.quarantine = true;
    options.settings.on_failure = OnFailure::Fail;
    let ended = run_with(options, handler.source());
    assert_eq!((ended.view.state, ended.view.totals.handled), (RunState::Failed, 36), "{}", ended.log());
    let error = ended.view.error.unwrap();
    assert!(error.contains("key-0") && error.contains("key-5") && error.contains("cannot handle"), "{error}");
}
