//! Records that a topic does not accept, or not as they are: the one to blame is named with the setting that decides it, and all
//! others arrive. For dead letters, their way back and migrations; the handler `topic` is in `republish`.

use std::collections::{BTreeMap, BTreeSet};

use kreplay::feed::{EventKind, RunState};
use kreplay::replay::{OnFailure, SessionOptions};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;

use crate::dead_letters::dead_lettering;
use crate::sessions::{DEADLINE, Ended, in_group, options, run};
use crate::support::broker::{self, Broker, unique_name};
use crate::support::consume::StoredRecord;
use crate::support::process::{Finished, Program};
use crate::support::produce::NewRecord;

const HOUR_MS: i64 = 3_600_000;

/// A value that no codec makes smaller.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..bytes).map(|_| rng.random()).collect()
}

fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// A topic with settings, and its dead-letter topic with others.
fn topics(broker: &Broker, prefix: &str, own: &[(&str, &str)], dead: &[(&str, &str)]) -> (String, String) {
    let topic = broker.topic_with(prefix, 1, own);
    let letters = format!("{topic}.dlq");
    broker.create_topic(&letters, 1, dead);
    (topic, letters)
}

/// A run whose records all fail.
fn failing(broker: &Broker, topic: &str) -> SessionOptions {
    let mut options = dead_lettering(options(broker, topic, 2));
    options.settings.handler = "simulate:0ms,poison=1".parse().unwrap();
    options.settings.retry.attempts = 0;
    options
}

/// Dead-letters all records of a topic.
fn dead_letter(broker: &Broker, topic: &str) -> Ended {
    run(failing(broker, topic))
}

fn retry(broker: &Broker, letters: &str, group: &str, more: &[&str]) -> Finished {
    let args = ["dlq", "retry", "--bootstrap-server", broker.bootstrap(), "--topics", letters, "--group", group];
    Program::kreplay().args(args).args(more).deadline(DEADLINE).run()
}

fn counts(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

fn migrate(broker: &Broker, old: &str, new: &str, more: &[&str]) -> Finished {
    let args = ["topics", "migrate", "--bootstrap-server", broker.bootstrap(), "--topics", old, "--default-topic", new];
    Program::kreplay().args(args).args(["--key", "keep"]).args(more).deadline(DEADLINE).run()
}

/// Without their offsets, which are another topic's.
fn contents(broker: &Broker, topic: &str) -> Vec<StoredRecord> {
    broker.records(topic, 0).into_iter().map(|record| StoredRecord { offset: 0, ..record }).collect()
}

#[test]
fn dead_letters_that_fit_one_by_one_all_arrive() {
    let broker = broker::shared();
    let (topic, letters) = topics(broker, "small-letters", &[], &[("max.message.bytes", "5000")]);
    let records: Vec<_> = (0..200).map(|n| NewRecord::keyed(format!("k{n}"), noise(1000, n))).collect();
    broker.produce(&topic, &records);
    let ended = dead_letter(broker, &topic);
    assert_eq!((ended.view.state, ended.view.totals.dead_lettered), (RunState::Done, 200), "{}", ended.log());
    let arrived: Vec<_> = broker.records(&letters, 0).into_iter().map(|letter| letter.value.unwrap()).collect();
    assert_eq!(arrived.len(), 200, "each once");
    assert!(records.iter().all(|record| arrived.contains(record.value.as_ref().unwrap())));
}

#[test]
fn a_dead_letter_that_never_fits_ends_the_run_at_once_and_the_others_arrive() {
    let broker = broker::shared();
    let (topic, letters) = topics(broker, "large-letter", &[], &[("max.message.bytes", "5000")]);
    let records: Vec<_> =
        (0..9).map(|n| NewRecord::keyed(format!("k{n}"), noise(if n == 4 { 6000 } else { 500 }, n))).collect();
    broker.produce(&topic, &records);
    let group = unique_name("large-letter");
    let ended = run(in_group(failing(broker, &topic), &group));
    assert_eq!(ended.view.state, RunState::Failed, "{}", ended.log());
    let error = ended.view.error.clone().unwrap();
    for part in [
        &format!("{topic}-0 at offset 4"),
        &letters,
        "max.message.bytes",
        "5000 bytes",
        "even with the shortest headers",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(!ended.log().contains("not sent yet"), "it is not tried again: {}", ended.log());
    assert_eq!(broker.committed(&group, &topic, 0), Some(4), "{}", ended.log());
    let arrived = broker.records(&letters, 0);
    let offsets: Vec<_> = arrived.iter().map(|letter| header(letter, "kreplay-offset").unwrap()).collect();
    for before in ["0", "1", "2", "3"] {
        assert!(offsets.contains(&before), "{offsets:?}");
    }
    assert!(!offsets.contains(&"4"), "{offsets:?}");
}

fn header<'a>(record: &'a StoredRecord, name: &str) -> Option<&'a str> {
    let (_, value) = record.headers.iter().find(|(key, _)| key == name)?;
    value.as_deref().map(|value| std::str::from_utf8(value).unwrap())
}

/// The record fits, and with all that a dead letter says of itself it would not.
#[test]
fn a_dead_letter_that_is_too_large_by_its_headers_says_less_and_goes_back_whole() {
    const LIMIT: usize = 50_000;
    let broker = broker::shared();
    let limit = [("max.message.bytes", "50000")];
    let (topic, letters) = topics(broker, "headers", &limit, &limit);
    let record = NewRecord::keyed("k", noise(LIMIT - 250, 1)).header("own", Some(b"1")).at(now_ms() - 5000);
    broker.produce(&topic, &[record]);
    let ended = dead_letter(broker, &topic);
    assert_eq!((ended.view.state, ended.view.totals.dead_lettered), (RunState::Done, 1), "{}", ended.log());
    assert!(ended.log().contains("was written without the headers that say why it failed"), "{}", ended.log());
    let letter = &broker.records(&letters, 0)[0];
    let names: Vec<_> = letter.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["own", "kreplay-topic", "kreplay-partition", "kreplay-offset", "kreplay-timestamp"]);
    retry(broker, &letters, &unique_name("headers"), &[]).expect_success();
    let both = contents(broker, &topic);
    assert_eq!(both[0], both[1], "byte for byte");
}

/// One letter of 40 is larger than its topic accepts by now: the letter and the setting are named, what comes after it with its key
/// stays, too, and everything else arrives.
#[test]
fn a_letter_that_its_topic_refuses_keeps_only_its_own_key_back() {
    let broker = broker::shared();
    let (topic, letters) = topics(broker, "retry-large", &[("max.message.bytes", "30000")], &[]);
    let record = |n: u64| NewRecord::keyed(format!("k{}", n % 8), noise(if n == 11 { 25_000 } else { 1000 }, n));
    broker.produce_with(&topic, &[("batch.size", "20000")], &(0..40).map(record).collect::<Vec<_>>());
    assert_eq!(dead_letter(broker, &topic).view.totals.dead_lettered, 40);
    alter(broker, &topic, "max.message.bytes=20000");
    let group = unique_name("retry-large");
    let planned = retry(broker, &letters, &group, &["--dry-run", "--json"]);
    assert!(planned.stderr.contains("max.message.bytes") && planned.stderr.contains("25"), "{planned:?}");

    let finished = retry(broker, &letters, &group, &["--json"]);
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    let done = counts(&finished);
    // Of key k3 three were before it, and three come after it: 3, 11, 19, 27, 35.
    assert_eq!(
        (done["sent"].as_u64(), done["refused"].as_u64(), done["behind_refused"].as_u64()),
        (Some(36), Some(1), Some(3))
    );
    let refusal = done["refusals"][0].as_str().unwrap();
    for part in [format!("from {topic}-0 at 11"), format!("raise max.message.bytes of {topic}"), "20000 bytes".into()] {
        assert!(refusal.contains(&part) && finished.stderr.contains(&part), "{part}: {finished:?}");
    }
    let back: Vec<_> = contents(broker, &topic).split_off(40);
    assert_eq!(back.len(), 36, "each once");
    let again = counts(&retry(broker, &letters, &group, &["--json"]));
    assert_eq!(
        (again["sent"].as_u64(), again["already_sent"].as_u64(), again["refused"].as_u64()),
        (Some(0), Some(36), Some(1))
    );

    alter(broker, &topic, "max.message.bytes=30000");
    let last = counts(&retry(broker, &letters, &group, &["--json"]).expect_success());
    assert_eq!((last["sent"].as_u64(), last["already_sent"].as_u64()), (Some(4), Some(36)), "{last}");
    let mut by_key: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for record in contents(broker, &topic) {
        by_key.entry(record.key.unwrap()).or_default().push(record.value.unwrap());
    }
    for (key, values) in by_key {
        let (first, again) = values.split_at(values.len() / 2);
        assert_eq!(first, again, "{key:?} came back in its order");
    }
}

fn alter(broker: &Broker, topic: &str, setting: &str) {
    let args = ["--alter", "--entity-type", "topics", "--entity-name", topic, "--add-config", setting];
    broker.kafka_tool("kafka.admin.ConfigCommand", &args, b"").expect_success();
}

#[test]
fn letters_below_the_committed_offset_count_as_sent_before() {
    let broker = broker::shared();
    let (topic, letters) = topics(broker, "retry-twice", &[], &[]);
    let records: Vec<_> = (0..30).map(|n| NewRecord::keyed(if n < 10 { "a" } else { "b" }, noise(20, n))).collect();
    broker.produce(&topic, &records);
    assert_eq!(dead_letter(broker, &topic).view.totals.dead_lettered, 30);
    broker.produce(&letters, &[NewRecord::keyed("c", "no letter")]);
    let group = unique_name("retry-twice");
    let all = ["sent", "already_sent", "not_wanted", "no_dead_letters"];
    let count = |more: &[&str]| {
        let done = counts(&retry(broker, &letters, &group, &[&["--json"], more].concat()).expect_success());
        all.map(|name| done[name].as_u64().unwrap())
    };
    assert_eq!(count(&["--keys", "a"]), [10, 0, 20, 1]);
    assert_eq!(count(&["--keys", "a"]), [0, 10, 20, 1]);
    let found = broker.records(&letters, 0).into_iter().find(|letter| letter.key.as_deref() == Some(b"a")).unwrap();
    assert_eq!(count(&["--offset", &format!("0:{}", found.offset), "--dry-run"]), [0, 1, 29, 1]);
    assert_eq!(count(&[]), [20, 10, 0, 1]);
    let text = retry(broker, &letters, &group, &[]).expect_success();
    let expected =
        "0 dead letters driven back; 30 already sent before, 0 there twice, 0 not wanted, 1 no dead letters\n";
    assert_eq!(text.stdout, expected);
}

#[test]
fn letters_that_retention_will_remove_are_told_of_before() {
    let broker = broker::shared();
    let kept = [("retention.ms", "3600000"), ("cleanup.policy", "delete")];
    let (topic, letters) = topics(broker, "retry-old", &kept, &[]);
    let old = now_ms() - 2 * HOUR_MS - 60_000;
    broker.produce(&topic, &[NewRecord::keyed("a", "bad-1").at(old), NewRecord::keyed("b", "bad-2").at(now_ms())]);
    assert_eq!(dead_letter(broker, &topic).view.totals.dead_lettered, 2);
    let group = unique_name("retry-old");
    for dry_run in [&["--dry-run"][..], &[]] {
        let finished = retry(broker, &letters, &group, &[&["--json"], dry_run].concat()).expect_success();
        for part in [format!("topic {topic} keeps records for 1 h"), "retention.ms".into(), "(2 h ago)".into()] {
            assert!(finished.stderr.contains(&part), "{part}: {finished:?}");
        }
        let done = counts(&finished);
        assert_eq!((done["sent"].as_u64(), done["older_than_retention"].as_u64()), (Some(2), Some(1)), "{finished:?}");
    }
    let fresh = retry(broker, &letters, &unique_name("retry-old"), &["--json", "--timestamps", "now"]).expect_success();
    assert!(!fresh.stderr.contains("retention") && counts(&fresh)["older_than_retention"] == 0, "{fresh:?}");
    assert!(
        contents(broker, &topic)
            .iter()
            .any(|record| record.value.as_deref() == Some(b"bad-1") && record.timestamp > Some(old))
    );
}

/// The client has a limit of its own, of a megabyte, which is below what topics accept.
#[test]
fn a_record_as_large_as_its_topic_accepts_is_migrated() {
    let broker = broker::shared();
    let old = broker.topic("migrate-large", 1);
    let record = NewRecord::keyed("k", noise(1_040_000, 3));
    broker.produce_with(&old, &[("message.max.bytes", "2000000")], &[record]);
    let new = format!("{old}.new");
    migrate(broker, &old, &format!("{new}:1"), &["--execute"]).expect_success();
    assert_eq!(contents(broker, &old), contents(broker, &new));
}

#[test]
fn a_client_limit_that_the_user_has_set_is_named_as_the_clients() {
    let broker = broker::shared();
    let old = broker.topic("migrate-limit", 1);
    broker.produce(&old, &[NewRecord::keyed("k", noise(9000, 3))]);
    let new = format!("{old}.new:1");
    let finished = migrate(broker, &old, &new, &["-X", "message.max.bytes=5000", "--execute"]);
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    for part in [&format!("{old}-0 at offset 0"), "message.max.bytes in the client's properties", "5000 bytes"] {
        assert!(finished.stderr.contains(part), "{part}: {finished:?}");
    }
}

/// One of 101 records is two days in the future: the plan names it and the setting, and nothing is created or copied.
#[test]
fn a_timestamp_that_the_new_topic_refuses_is_in_the_way_of_a_migration() {
    let broker = broker::shared();
    let old = broker.topic_with("migrate-future", 1, &[("message.timestamp.after.max.ms", "9223372036854775807")]);
    let now = now_ms();
    let at = |n: i64| if n == 50 { now + 48 * HOUR_MS } else { now };
    let records: Vec<_> = (0..101).map(|n| NewRecord::keyed(n.to_string(), format!("v{n}")).at(at(n))).collect();
    broker.produce(&old, &records);
    let new = format!("{old}.new");
    let strategy = format!("{new}:1");
    for more in [&[][..], &["--execute"]] {
        let finished = migrate(broker, &old, &strategy, more);
        let said = [finished.stdout.as_str(), finished.stderr.as_str()].concat();
        for part in [
            format!("{old}-0 at offset 50"),
            "message.timestamp.after.max.ms = 3600000".into(),
            format!("create {new}"),
        ] {
            assert!(said.contains(&part), "{part}: {finished:?}");
        }
        assert_eq!(finished.code(), Some(i32::from(!more.is_empty())), "{finished:?}");
    }
    // A topic that is there and accepts nothing of it, so that the broker has the say: the same record.
    broker.create_topic(&new, 1, &[("message.timestamp.after.max.ms", "9223372036854775807")]);
    migrate(broker, &old, &strategy, &["--execute"]).expect_success();
    assert_eq!(contents(broker, &old), contents(broker, &new));
    let present = format!("{old}.now");
    migrate(broker, &old, &format!("{present}:1"), &["--execute", "--timestamps", "now"]).expect_success();
    assert!(contents(broker, &present).iter().all(|record| record.timestamp < Some(now + HOUR_MS)));
}

#[test]
fn a_migration_says_what_retention_will_remove_and_what_is_too_large() {
    let broker = broker::shared();
    let old = broker.topic("migrate-old", 1);
    broker.produce(&old, &[NewRecord::keyed("a", noise(3000, 1)).at(now_ms() - 3 * HOUR_MS - 60_000)]);
    let new = format!("{old}.new");
    broker.create_topic(&new, 1, &[("retention.ms", "7200000"), ("max.message.bytes", "2000")]);
    let planned = migrate(broker, &old, &format!("{new}:1"), &[]).expect_success();
    for part in [
        format!("warning: topic {new} keeps records for 2 h (retention.ms)"),
        format!("{old}-0 at offset 0 is 3 h old"),
        format!("topic {new} accepts 2000 (max.message.bytes)"),
    ] {
        assert!(planned.stdout.contains(&part), "{part}: {planned:?}");
    }
    let finished = migrate(broker, &old, &format!("{new}:1"), &["--execute"]);
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    let last = finished.stderr.lines().last().unwrap();
    assert!(last.contains(&format!("{old}-0 at offset 0")) && last.contains("raise max.message.bytes"), "{finished:?}");
}

/// librdkafka takes the timestamp 0 for "now": it is refused with the reason before anything is written, by all that write records
/// of others.
#[test]
fn a_timestamp_of_zero_is_refused_with_the_reason() {
    let broker = broker::shared();
    let (topic, letters) = topics(broker, "zero", &[], &[]);
    // Kafka's own producer, since librdkafka cannot write it.
    let args = ["--topic", &topic, "--max-messages", "1", "--message-create-time", "0", "--value-prefix", "1"];
    broker.kafka_tool("org.apache.kafka.tools.VerifiableProducer", &args, b"").expect_success();
    assert_eq!(broker.records(&topic, 0)[0].timestamp, Some(0));

    let new = format!("{topic}.new");
    let planned = migrate(broker, &topic, &format!("{new}:1"), &[]).expect_success();
    assert!(planned.stdout.contains("in the way: 1 records have the timestamp 0"), "{planned:?}");
    assert!(planned.stdout.contains(&format!("{topic}-0 at offset 0")), "{planned:?}");

    let target = broker.topic("zero-target", 1);
    let mut republishing = options(broker, &topic, 1);
    republishing.settings.handler = format!("topic:{target}").parse().unwrap();
    republishing.settings.retry.attempts = 0;
    let ended = run(republishing.clone());
    let error = ended.view.error.clone().unwrap_or_default();
    assert_eq!(ended.view.state, RunState::Failed, "{}", ended.log());
    assert!(error.contains("timestamp is 0") && error.contains("topic.timestamps"), "{error}");
    assert_eq!(broker.records(&target, 0), []);
    republishing.settings.handlers.topic.timestamps = "now".parse().unwrap();
    run(republishing).expect_done(1);

    assert_eq!(dead_letter(broker, &topic).view.totals.dead_lettered, 1);
    let group = unique_name("zero");
    for more in [&["--dry-run"][..], &[]] {
        let refused = retry(broker, &letters, &group, more);
        assert_eq!(refused.code(), Some(1), "{refused:?}");
        assert!(
            refused.stderr.contains("timestamp is 0") && refused.stderr.contains("--timestamps now"),
            "{refused:?}"
        );
    }
    retry(broker, &letters, &group, &["--timestamps", "now"]).expect_success();
    assert!(broker.records(&topic, 0)[1].timestamp > Some(0));
}

/// What a target does not keep is told once, by the first records that it is true of.
#[test]
fn republishing_tells_of_timestamps_that_the_target_does_not_keep() {
    let broker = broker::shared();
    let topic = broker.topic("republish-old", 1);
    let old = now_ms() - 3 * HOUR_MS - 60_000;
    let records: Vec<_> = (0..200).map(|n| NewRecord::keyed(format!("k{n}"), "v").at(old + n)).collect();
    broker.produce(&topic, &records);
    let warnings = |settings: &[(&str, &str)]| -> Vec<String> {
        let target = broker.topic_with("republish-target", 1, settings);
        let mut options = options(broker, &topic, 2);
        options.settings.handler = format!("topic:{target}").parse().unwrap();
        let ended = run(options).expect_done(200);
        let warnings = ended.events.iter().filter_map(|event| match &event.kind {
            EventKind::Warning { text } if text.contains(&target) => Some(text.replace(&target, "TARGET")),
            _ => None,
        });
        warnings.collect()
    };
    assert_eq!(warnings(&[]), Vec::<String>::new());
    let kept = warnings(&[("retention.ms", "7200000"), ("cleanup.policy", "delete")]);
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(kept[0].contains("topic TARGET keeps records for 2 h") && kept[0].contains("is 3 h old"), "{kept:?}");
    let stamped = warnings(&[("message.timestamp.type", "LogAppendTime")]);
    assert_eq!(stamped.len(), 1, "{stamped:?}");
    assert!(stamped[0].contains("TARGET gives records the time of writing"), "{stamped:?}");
}

/// One record of a batch is to blame, and the broker reports all of them alike: the others arrive, with and without transactions.
#[test]
fn republishing_goes_on_behind_a_timestamp_that_is_refused() {
    let broker = broker::shared();
    let topic = broker.topic_with("republish-future", 1, &[("message.timestamp.after.max.ms", "9223372036854775807")]);
    let now = now_ms();
    let at = |n: i64| if n == 50 { now + 48 * HOUR_MS } else { now };
    let records: Vec<_> = (0..101).map(|n| NewRecord::keyed(n.to_string(), n.to_string()).at(at(n))).collect();
    broker.produce(&topic, &records);
    for transactional in [true, false] {
        let target = broker.topic("republish-future-target", 1);
        let mut options = options(broker, &topic, 2);
        options.settings.handler = format!("topic:{target}").parse().unwrap();
        options.settings.handlers.topic.transactional = transactional;
        options.settings.on_failure = OnFailure::Skip;
        options.settings.retry.attempts = 0;
        let ended = run(options);
        assert_eq!((ended.view.totals.skipped, ended.view.totals.handled), (1, 100), "{}", ended.log());
        assert!(ended.log().contains("message.timestamp.after.max.ms = 3600000"), "{}", ended.log());
        let arrived: BTreeSet<String> = contents(broker, &target).iter().map(StoredRecord::text).collect();
        assert_eq!(arrived.len(), 100, "{transactional}");
        assert!(!arrived.contains("50"));
    }
}

/// Everything that a record can carry, by every way that one is written again.
#[test]
fn records_arrive_byte_for_byte_whatever_writes_them_again() {
    let broker = broker::shared();
    let (topic, letters) = topics(broker, "bytes", &[], &[]);
    let now = now_ms();
    let records = [
        NewRecord::keyed("k", "v").at(1),
        NewRecord::keyed("k", "v").at(-1),
        NewRecord::keyed("", "").at(now),
        NewRecord::unkeyed("v").at(now),
        NewRecord::tombstone("k").at(now),
        NewRecord { timestamp: Some(now), ..NewRecord::default() },
        NewRecord::keyed([0, 0xff], [0xfe, 0])
            .at(now)
            .header("same", Some(b"1"))
            .header("same", None)
            .header("same", Some(b""))
            .header("", Some(&[0, 0xff, 0xc3]))
            .header("größe", Some("ß".as_bytes())),
    ];
    broker.produce(&topic, &records);
    let before = contents(broker, &topic);
    assert_eq!(before.len(), records.len());

    let republished = broker.topic("bytes-republished", 1);
    let mut republishing = options(broker, &topic, 1);
    republishing.settings.handler = format!("topic:{republished}").parse().unwrap();
    run(republishing).expect_done(records.len() as u64);
    assert_eq!(contents(broker, &republished), before);

    let migrated = format!("{topic}.new");
    migrate(broker, &topic, &format!("{migrated}:1"), &["--execute"]).expect_success();
    assert_eq!(contents(broker, &migrated), before);

    assert_eq!(dead_letter(broker, &topic).view.totals.dead_lettered, records.len() as u64);
    retry(broker, &letters, &unique_name("bytes"), &[]).expect_success();
    let back = contents(broker, &topic).split_off(records.len());
    assert_eq!(back.len(), before.len());
    for record in &before {
        assert!(back.contains(record), "{record:?} in {back:?}");
    }
}
