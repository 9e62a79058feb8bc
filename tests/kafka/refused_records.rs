//! Records that a topic rejects or changes: dead letters, their retry, migrations and republishing. The rejected record
//! is named with the setting that causes it, and all others arrive. More on the handler `topic` is in `republish`.

use std::collections::{BTreeMap, BTreeSet};

use kreplay::feed::{EventKind, RunState};
use kreplay::handler::{BuiltInHandler, HandlerChoice, HandlerSpec, TopicSettings, built_in};
use kreplay::{replay::SessionOptions, settings::OnFailure};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;

use crate::fixtures::dead_letters::with_dead_letters;
use crate::support::broker::{self, Broker, unique_name};
use crate::support::consume::StoredRecord;
use crate::support::process::{Finished, Program};
use crate::support::produce::NewRecord;
use crate::support::sessions::{Ended, in_group, options, run};
use crate::support::timeouts::RUN_TIMEOUT;

const HOUR_MS: i64 = 3_600_000;

/// Random bytes, which compression cannot make smaller.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..bytes).map(|_| rng.random()).collect()
}

fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// Creates a topic and its dead-letter topic, each with its own settings. Returns both names.
fn topic_with_dead_letters(
    broker: &Broker,
    prefix: &str,
    own: &[(&str, &str)],
    dead: &[(&str, &str)],
) -> (String, String) {
    let topic = broker.topic_with(prefix, 1, own);
    let letters = format!("{topic}.dlq");
    broker.create_topic(&letters, 1, dead);
    (topic, letters)
}

/// A run in which all records fail.
fn failing(broker: &Broker, topic: &str) -> SessionOptions {
    let mut options = with_dead_letters(options(broker, topic, 2));
    options.settings.handler = built_in("simulate:0ms,poison=1").unwrap();
    options.settings.retry.attempts = 0;
    options
}

/// Dead-letters all records of a topic.
fn dead_letter(broker: &Broker, topic: &str) -> Ended {
    run(failing(broker, topic))
}

fn retry(broker: &Broker, letters: &str, group: &str, more: &[&str]) -> Finished {
    let args = ["dlq", "retry", "--bootstrap-server", broker.bootstrap(), "--topics", letters, "--group", group];
    Program::patient_kreplay().args(args).args(more).timeout(RUN_TIMEOUT).run()
}

fn counts(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

fn migrate(broker: &Broker, old: &str, new: &str, more: &[&str]) -> Finished {
    let args = ["topics", "migrate", "--bootstrap-server", broker.bootstrap(), "--topics", old, "--default-topic", new];
    // Other tests change groups of this broker meanwhile.
    Program::patient_kreplay().args(args).args(["--key", "keep", "--no-carry"]).args(more).timeout(RUN_TIMEOUT).run()
}

/// The records of partition 0 without their offsets, which differ between topics.
fn contents(broker: &Broker, topic: &str) -> Vec<StoredRecord> {
    broker.records(topic, 0).into_iter().map(|record| StoredRecord { offset: 0, ..record }).collect()
}

/// The handler `topic` with changed settings.
fn topic_handler(target: &str, change: impl FnOnce(&mut TopicSettings)) -> HandlerChoice {
    let mut handler = BuiltInHandler::from(format!("topic:{target}").parse::<HandlerSpec>().unwrap());
    change(&mut handler.settings.topic);
    HandlerChoice::new(handler)
}

#[test]
fn dead_letters_that_fit_individually_all_arrive() {
    let broker = broker::shared();
    let (topic, letters) = topic_with_dead_letters(broker, "small-letters", &[], &[("max.message.bytes", "5000")]);
    let records: Vec<_> = (0..200).map(|n| NewRecord::keyed(format!("k{n}"), noise(1000, n))).collect();
    broker.produce(&topic, &records);
    let ended = dead_letter(broker, &topic);
    assert_eq!((ended.view.state, ended.view.totals.dead_lettered), (RunState::Done, 200), "{}", ended.log());
    let arrived: Vec<_> = broker.records(&letters, 0).into_iter().map(|letter| letter.value.unwrap()).collect();
    assert_eq!(arrived.len(), 200, "each arrives once");
    assert!(records.iter().all(|record| arrived.contains(record.value.as_ref().unwrap())));
}

#[test]
fn a_dead_letter_that_is_too_large_ends_the_run_at_once_and_the_others_arrive() {
    let broker = broker::shared();
    let (topic, letters) = topic_with_dead_letters(broker, "large-letter", &[], &[("max.message.bytes", "5000")]);
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
    assert!(!ended.log().contains("not sent yet"), "it was retried: {}", ended.log());
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

/// The record fits, but not with all headers of a dead letter.
#[test]
fn a_dead_letter_too_large_with_its_headers_gets_fewer_headers_and_is_retried_unchanged() {
    const LIMIT: usize = 50_000;
    let broker = broker::shared();
    let limit = [("max.message.bytes", "50000")];
    let (topic, letters) = topic_with_dead_letters(broker, "headers", &limit, &limit);
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
    assert_eq!(both[0], both[1], "the record that was sent back differs");
}

/// One of 40 dead letters is larger than its topic accepts now. It is named with the setting, later letters of its key
/// are held back too, and all others arrive.
#[test]
fn a_rejected_dead_letter_holds_back_only_its_own_key() {
    let broker = broker::shared();
    let (topic, letters) = topic_with_dead_letters(broker, "retry-large", &[("max.message.bytes", "30000")], &[]);
    let record = |n: u64| NewRecord::keyed(format!("k{}", n % 8), noise(if n == 11 { 25_000 } else { 1000 }, n));
    broker.produce_with(&topic, &[("batch.size", "20000")], &(0..40).map(record).collect::<Vec<_>>());
    assert_eq!(dead_letter(broker, &topic).view.totals.dead_lettered, 40);
    broker.set_topic_setting(&topic, "max.message.bytes", "20000");
    let group = unique_name("retry-large");
    let planned = retry(broker, &letters, &group, &["--dry-run", "--json"]);
    assert!(planned.stderr.contains("max.message.bytes") && planned.stderr.contains("25"), "{planned:?}");

    let finished = retry(broker, &letters, &group, &["--json"]);
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    let done = counts(&finished);
    // The records of key k3 are 3, 11, 19, 27 and 35. One comes before the rejected one, and three come after it.
    assert_eq!(
        (done["sent"].as_u64(), done["refused"].as_u64(), done["behind_refused"].as_u64()),
        (Some(36), Some(1), Some(3))
    );
    let refusal = done["refusals"][0].as_str().unwrap();
    for part in [format!("from {topic}-0 at 11"), format!("raise max.message.bytes of {topic}"), "20000 bytes".into()] {
        assert!(refusal.contains(&part) && finished.stderr.contains(&part), "{part}: {finished:?}");
    }
    let back: Vec<_> = contents(broker, &topic).split_off(40);
    assert_eq!(back.len(), 36, "each arrives once");
    let again = counts(&retry(broker, &letters, &group, &["--json"]));
    assert_eq!(
        (again["sent"].as_u64(), again["already_sent"].as_u64(), again["refused"].as_u64()),
        (Some(0), Some(36), Some(1))
    );

    broker.set_topic_setting(&topic, "max.message.bytes", "30000");
    let last = counts(&retry(broker, &letters, &group, &["--json"]).expect_success());
    assert_eq!((last["sent"].as_u64(), last["already_sent"].as_u64()), (Some(4), Some(36)), "{last}");
    let mut by_key: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for record in contents(broker, &topic) {
        by_key.entry(record.key.unwrap()).or_default().push(record.value.unwrap());
    }
    for (key, values) in by_key {
        let (first, again) = values.split_at(values.len() / 2);
        assert_eq!(first, again, "{key:?} was not sent back in order");
    }
}

#[test]
fn dead_letters_below_the_committed_offset_count_as_already_sent() {
    let broker = broker::shared();
    let (topic, letters) = topic_with_dead_letters(broker, "retry-twice", &[], &[]);
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
    let expected = "0 dead letters sent back; 30 already sent, 0 duplicates, 0 filtered out, 1 not a dead letter\n";
    assert_eq!(text.stdout, expected);
}

#[test]
fn dead_letters_that_retention_will_delete_are_reported_before() {
    let broker = broker::shared();
    let kept = [("retention.ms", "3600000"), ("cleanup.policy", "delete")];
    let (topic, letters) = topic_with_dead_letters(broker, "retry-old", &kept, &[]);
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

/// The client's own limit of a megabyte is below what topics accept.
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
fn a_client_limit_set_by_the_user_is_named_in_the_error() {
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

/// The timestamp of one of 101 records is two days in the future. The plan names the record and the setting, and
/// nothing is created or copied.
#[test]
fn a_timestamp_that_the_new_topic_rejects_blocks_a_migration() {
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
        let output = [finished.stdout.as_str(), finished.stderr.as_str()].concat();
        for part in [
            format!("{old}-0 at offset 50"),
            "message.timestamp.after.max.ms = 3600000".into(),
            format!("create {new}"),
        ] {
            assert!(output.contains(&part), "{part}: {finished:?}");
        }
        assert_eq!(finished.code(), Some(i32::from(!more.is_empty())), "{finished:?}");
    }
    // With an existing topic that accepts the timestamp the same migration succeeds.
    broker.create_topic(&new, 1, &[("message.timestamp.after.max.ms", "9223372036854775807")]);
    migrate(broker, &old, &strategy, &["--execute"]).expect_success();
    assert_eq!(contents(broker, &old), contents(broker, &new));
    let present = format!("{old}.now");
    migrate(broker, &old, &format!("{present}:1"), &["--execute", "--timestamps", "now"]).expect_success();
    assert!(contents(broker, &present).iter().all(|record| record.timestamp < Some(now + HOUR_MS)));
}

#[test]
fn a_migration_reports_records_that_retention_will_delete_or_that_are_too_large() {
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

/// librdkafka treats the timestamp 0 as "now". All commands that copy records refuse it with the reason before they
/// write.
#[test]
fn a_timestamp_of_zero_is_refused_with_the_reason() {
    let broker = broker::shared();
    let (topic, letters) = topic_with_dead_letters(broker, "zero", &[], &[]);
    // Kafka's own producer, because librdkafka cannot write this timestamp.
    let args = ["--topic", &topic, "--max-messages", "1", "--message-create-time", "0", "--value-prefix", "1"];
    broker.kafka_tool("org.apache.kafka.tools.VerifiableProducer", &args, b"").expect_success();
    assert_eq!(broker.records(&topic, 0)[0].timestamp, Some(0));

    let new = format!("{topic}.new");
    let planned = migrate(broker, &topic, &format!("{new}:1"), &[]).expect_success();
    assert!(planned.stdout.contains("obstacle: 1 record has the timestamp 0"), "{planned:?}");
    assert!(planned.stdout.contains(&format!("{topic}-0 at offset 0")), "{planned:?}");

    let target = broker.topic("zero-target", 1);
    let mut republishing = options(broker, &topic, 1);
    republishing.settings.handler = built_in(&format!("topic:{target}")).unwrap();
    republishing.settings.retry.attempts = 0;
    let ended = run(republishing.clone());
    let error = ended.view.error.clone().unwrap_or_default();
    assert_eq!(ended.view.state, RunState::Failed, "{}", ended.log());
    assert!(error.contains("timestamp is 0") && error.contains("topic.timestamps"), "{error}");
    assert_eq!(broker.records(&target, 0), []);
    run(republishing.handled_by(topic_handler(&target, |topic| topic.timestamps = "now".parse().unwrap())))
        .expect_done(1);

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

/// A target that does not keep timestamps or old records is reported once.
#[test]
fn republishing_reports_once_that_the_target_does_not_keep_timestamps() {
    let broker = broker::shared();
    let topic = broker.topic("republish-old", 1);
    let old = now_ms() - 3 * HOUR_MS - 60_000;
    let records: Vec<_> = (0..200).map(|n| NewRecord::keyed(format!("k{n}"), "v").at(old + n)).collect();
    broker.produce(&topic, &records);
    let warnings = |settings: &[(&str, &str)]| -> Vec<String> {
        let target = broker.topic_with("republish-target", 1, settings);
        let mut options = options(broker, &topic, 2);
        options.settings.handler = built_in(&format!("topic:{target}")).unwrap();
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
    assert!(stamped[0].contains("TARGET sets timestamps to the time of writing"), "{stamped:?}");
}

/// The broker rejects a whole batch for one record. All other records arrive, with and without transactions.
#[test]
fn republishing_continues_after_a_rejected_timestamp() {
    let broker = broker::shared();
    let topic = broker.topic_with("republish-future", 1, &[("message.timestamp.after.max.ms", "9223372036854775807")]);
    let now = now_ms();
    let at = |n: i64| if n == 50 { now + 48 * HOUR_MS } else { now };
    let records: Vec<_> = (0..101).map(|n| NewRecord::keyed(n.to_string(), n.to_string()).at(at(n))).collect();
    broker.produce(&topic, &records);
    for transactional in [true, false] {
        let target = broker.topic("republish-future-target", 1);
        let mut options = options(broker, &topic, 2);
        options.settings.handler = topic_handler(&target, |topic| topic.transactional = transactional);
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

/// All contents of a record, with every command that copies records.
#[test]
fn all_copies_of_records_are_identical() {
    let broker = broker::shared();
    let (topic, letters) = topic_with_dead_letters(broker, "bytes", &[], &[]);
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
    republishing.settings.handler = built_in(&format!("topic:{republished}")).unwrap();
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
