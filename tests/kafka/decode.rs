//! Decoding with a real schema registry: filters, keys and output lines, values that cannot be decoded, and a registry
//! that becomes unavailable.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::broker::{self, Broker};
use crate::support::process::{Finished, Program, Running, send_signal};
use crate::support::produce::NewRecord;
use crate::support::registry::Registry;
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;

/// An integer in Avro's encoding.
fn zigzag(value: i64) -> Vec<u8> {
    let mut number = (value << 1).cast_unsigned() ^ (value >> 63).cast_unsigned();
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap());
    out
}

/// A string in Avro's encoding.
fn text(value: &str) -> Vec<u8> {
    [zigzag(i64::try_from(value.len()).unwrap()), value.as_bytes().to_vec()].concat()
}

/// A payload with the magic byte and schema id that a serializer puts in front.
fn with_id(id: u32, rest: &[&[u8]]) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], &rest.concat()].concat()
}

/// The schema ids of one event type in three formats. The events are encoded by hand, not with the code under test.
struct Schemas {
    avro: u32,
    protobuf: u32,
    json: u32,
}

impl Schemas {
    fn register(registry: &Registry) -> Self {
        let color = json!({"type": "enum", "name": "shop.Color", "symbols": ["RED", "BLUE"]}).to_string();
        registry.register("color", "AVRO", &color, &[]);
        let event = json!({"type": "record", "name": "Event", "namespace": "shop", "fields": [
            {"name": "team", "type": ["null", "string"]}, {"name": "n", "type": "long"}, {"name": "color", "type": "Color"}
        ]});
        let base = "syntax = \"proto3\"; package shop; enum Color { RED = 0; BLUE = 1; }";
        registry.register("base", "PROTOBUF", base, &[]);
        let file = "syntax = \"proto3\"; package shop; import \"shop/base.proto\"; message Other { string x = 1; } message Event \
                    { string team = 1; int64 n = 2; Color color = 3; }";
        let schema = json!({"type": "object", "properties": {"team": {"type": "string"}}}).to_string();
        Self {
            avro: registry.register("event", "AVRO", &event.to_string(), &[("shop.Color", "color", 1)]),
            protobuf: registry.register("file", "PROTOBUF", file, &[("shop/base.proto", "base", 1)]),
            json: registry.register("schema", "JSON", &schema, &[]),
        }
    }

    fn avro(&self, team: &str, n: i64) -> Vec<u8> {
        with_id(self.avro, &[&[2], &text(team), &zigzag(n), &[2]])
    }

    fn protobuf(&self, team: &str, n: u8) -> Vec<u8> {
        // [2, 2]: one message index, 1, the second message of the file.
        with_id(self.protobuf, &[&[2, 2], &[0x0a, team.len() as u8], team.as_bytes(), &[0x10, n, 0x18, 1]])
    }

    fn json(&self, team: &str, n: i64) -> Vec<u8> {
        with_id(self.json, &[json!({"team": team, "n": n, "color": "BLUE"}).to_string().as_bytes()])
    }
}

fn kreplay(command: &str, broker: &Broker, topic: &str, registry: &str) -> Program {
    Program::kreplay()
        .args([command, "--bootstrap-server", broker.bootstrap(), "--topics", topic])
        .args(["--decode", "registry", "--schema-registry", registry])
        .env("KREPLAY_DECODE_TIMEOUT", "2m")
        .timeout(RUN_TIMEOUT)
}

fn run(broker: &Broker, topic: &str, registry: &str) -> Program {
    kreplay("run", broker, topic, registry).args(["--headless", "--no-journal"])
}

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn expect_code(finished: Finished, code: i32) -> Finished {
    assert_eq!(finished.code(), Some(code), "--- stdout\n{}\n--- stderr\n{}", finished.stdout, finished.stderr);
    finished
}

#[test]
fn values_are_decoded_with_a_schema_registry() {
    let mut registry = Registry::start();
    let schemas = Schemas::register(&registry);
    let broker = broker::shared();
    filters_keys_and_lines_see_decoded_values(broker, &registry, &schemas);
    schema_ids_in_headers_take_precedence(broker, &registry, &schemas);
    undecodable_values_are_dead_lettered_with_the_reason(broker, &registry, &schemas);
    a_missing_registry_is_reported_before_anything_is_read(broker, &registry);
    runs_wait_for_a_registry_that_becomes_unavailable(broker, &mut registry);
}

fn filters_keys_and_lines_see_decoded_values(broker: &Broker, registry: &Registry, schemas: &Schemas) {
    let topic = broker.topic("decoded", 3);
    let mut records = Vec::new();
    for n in 0..30_u8 {
        for team in ["red", "blue"] {
            let number = i64::from(n);
            let value = match n % 3 {
                0 => schemas.avro(team, number),
                1 => schemas.protobuf(team, n),
                _ => schemas.json(team, number),
            };
            // One partition and many keys, so that only the template can keep a team's records in order.
            records.push(NewRecord::keyed(format!("{team}-{n}"), value).in_partition(1));
        }
    }
    records.push(NewRecord::tombstone("red-0").in_partition(1));
    broker.produce(&topic, &records);
    let flags = ["--key-template", "team:{team}", "--keys", "team:r*", "--json", "color=BLUE", "--handler", "ndjson"];
    let report = tempfile::NamedTempFile::new().unwrap();
    let path = report.path().display().to_string();
    let finished =
        run(broker, &topic, registry.address()).args(flags).args(["--report", "json", "--output", &path]).run();
    let lines = lines(&expect_code(finished, 0).stdout);
    let values: Vec<_> = lines.iter().map(|line| line["value"].clone()).collect();
    let expected: Vec<_> = (0..30).map(|n| json!({"team": "red", "n": n, "color": "BLUE"})).collect();
    assert_eq!(values, expected, "decoded, filtered, and in the order of the team");
    let report: Value = serde_json::from_slice(&std::fs::read(report.path()).unwrap()).unwrap();
    assert_eq!((&report["totals"]["handled"], &report["totals"]["filtered"]), (&json!(30), &json!(31)));

    let plan =
        kreplay("plan", broker, &topic, registry.address()).args(["--key-template", "team:{team}", "--report", "json"]);
    let plan: Value = serde_json::from_str(&expect_code(plan.run(), 0).stdout).unwrap();
    assert!(plan.to_string().contains("team:red"), "the plan does not count the decoded keys: {plan}");
}

fn schema_ids_in_headers_take_precedence(broker: &Broker, registry: &Registry, schemas: &Schemas) {
    let topic = broker.topic("headers", 1);
    let header = |id: u32, indexes: &[u8]| [&[0], &id.to_be_bytes()[..], indexes].concat();
    let value = |bytes: &[u8], header: &[u8]| NewRecord::keyed("k", bytes).header("__value_schema_id", Some(header));
    let (avro, protobuf) = (schemas.avro("red", 1), schemas.protobuf("blue", 2));
    broker.produce(
        &topic,
        &[
            value(&avro[5..], &header(schemas.avro, &[])),
            value(&protobuf[7..], &header(schemas.protobuf, &[2, 2])),
            avro_key(schemas, value(br#"{"team": "red", "n": 3, "color": "BLUE"}"#, &header(schemas.json, &[]))),
            // The header cannot be parsed. The bytes in front of the payload look like an id but must not be used.
            value(&avro, b"1abcdefghijklmnop"),
            value(&avro[5..], &[&[1], &[7; 16][..]].concat()),
            NewRecord::keyed("k", &avro[5..]),
        ],
    );
    // One handler needs headers and the other does not. The output lines and the filter need decoded values.
    for flags in [&["--handler", "ndjson"][..], &["--handler", "null", "--json", "color=BLUE"]] {
        let finished = run(broker, &topic, registry.address())
            .args(["--on-failure", "skip", "--single-threaded"])
            .args(flags)
            .env("KREPLAY_RUN_RETRY_ATTEMPTS", "0")
            .run();
        let finished = expect_code(finished, 3);
        for part in [
            "its header __value_schema_id begins with the byte 0x31",
            "GUID 07070707-0707-0707-0707-070707070707",
            "no header names its schema",
        ] {
            assert!(finished.stderr.contains(part), "{part}: {}", finished.stderr);
        }
        if flags.contains(&"ndjson") {
            let values: Vec<_> = lines(&finished.stdout).iter().map(|line| line["value"].clone()).collect();
            let expected = |team: &str, n: u8| json!({"team": team, "n": n, "color": "BLUE"});
            assert_eq!(values, [expected("red", 1), expected("blue", 2), expected("red", 3)]);
        }
    }
    // Keys have a separate header.
    let topic = broker.topic("key-headers", 1);
    broker.produce(&topic, &[avro_key(schemas, NewRecord::unkeyed("v"))]);
    let finished = Program::kreplay()
        .args(["run", "--headless", "--no-journal", "--bootstrap-server", broker.bootstrap(), "--topics", &topic])
        .args(["--decode-key", "registry", "--schema-registry", registry.address(), "--handler", "ndjson"])
        .env("KREPLAY_DECODE_TIMEOUT", "2m")
        .timeout(RUN_TIMEOUT)
        .run();
    assert_eq!(lines(&expect_code(finished, 0).stdout)[0]["key"], json!({"team": "red", "n": 9, "color": "BLUE"}));
}

/// The same record with an Avro key whose schema id is in a header.
fn avro_key(schemas: &Schemas, mut record: NewRecord) -> NewRecord {
    record.key = Some(schemas.avro("red", 9)[5..].to_vec());
    let header = [&[0], &schemas.avro.to_be_bytes()[..]].concat();
    record.header("__key_schema_id", Some(&header))
}

fn undecodable_values_are_dead_lettered_with_the_reason(broker: &Broker, registry: &Registry, schemas: &Schemas) {
    let topic = broker.topic("undecodable", 1);
    let dead_letters = format!("{topic}.dlq");
    broker.create_topic(&dead_letters, 1, &[]);
    let good = schemas.avro("red", 1);
    let bad = [
        ("plain", b"{\"team\":\"red\"}".to_vec(), "0x7b"),
        ("unknown", with_id(999_999, &[&good[5..]]), "has no schema 999999"),
        ("short", good[..good.len() - 1].to_vec(), "truncated"),
        ("long", [&good[..], &[0]].concat(), "left over"),
    ];
    let mut records = vec![NewRecord::keyed("good", good.clone())];
    records.extend(bad.iter().map(|(key, value, _)| NewRecord::keyed(*key, value.clone())));
    records.push(NewRecord::keyed("good", good));
    broker.produce(&topic, &records);
    // With and without a filter that needs decoded values, and with and without a handler that needs them.
    let cases = [&["--handler", "ndjson"][..], &["--handler", "null"], &["--handler", "null", "--json", "team=red"]];
    for (nth, flags) in cases.into_iter().enumerate() {
        let finished = run(broker, &topic, registry.address()).args(["--on-failure", "dead-letter"]).args(flags).run();
        let finished = expect_code(finished, 3);
        let letters = broker.records(&dead_letters, 0);
        let errors: BTreeMap<String, String> = letters[nth * bad.len()..]
            .iter()
            .map(|letter| {
                let error = letter.headers.iter().find(|(name, _)| name == "kreplay-error").unwrap();
                let text = |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone().unwrap()).unwrap();
                (text(&letter.key), text(&error.1))
            })
            .collect();
        assert_eq!(errors.len(), bad.len(), "{errors:?}");
        for (key, _, part) in &bad {
            assert!(errors[*key].contains(part), "{errors:?}");
        }
        assert!(finished.stderr.contains("the value cannot be decoded"), "{}", finished.stderr);
        if flags.contains(&"ndjson") {
            assert_eq!(lines(&finished.stdout).len(), 2);
        }
    }
    // Without a format, the filter cannot judge values that are not JSON: they are left out and counted.
    let plain = Program::kreplay()
        .args(["run", "--headless", "--no-journal", "--bootstrap-server", broker.bootstrap(), "--topics", &topic])
        .args(["--json", "team=red", "--handler", "ndjson"]);
    let finished = expect_code(plain.run(), 3);
    assert_eq!(lines(&finished.stdout).len(), 1);
    assert!(finished.stderr.contains("5 unjudged"), "{}", finished.stderr);
}

fn a_missing_registry_is_reported_before_anything_is_read(broker: &Broker, registry: &Registry) {
    let topic = broker.topic("nobody", 1);
    for command in ["run", "plan"] {
        let with = |address: &str| {
            let program = kreplay(command, broker, &topic, address);
            if command == "run" { program.args(["--headless", "--no-journal"]).run() } else { program.run() }
        };
        let finished = expect_code(with("http://127.0.0.1:1"), 1);
        assert!(finished.stderr.contains("schema registry at http://127.0.0.1:1 cannot be reached"), "{finished:?}");
        let host = registry.address().split("/apis").next().unwrap();
        let finished = expect_code(with(&format!("{host}/nothing/here")), 1);
        assert!(finished.stderr.contains("there is no schema registry at this address"), "{finished:?}");
        let without = Program::kreplay()
            .args([command, "--bootstrap-server", broker.bootstrap(), "--topics", &topic, "--decode", "avro"])
            .run();
        assert!(expect_code(without, 2).stderr.contains("--schema-registry"));
    }
}

/// Starts a run that follows the log and writes lines to standard output.
fn follow(broker: &Broker, topic: &str, registry: &str, flags: &[&str]) -> Running {
    run(broker, topic, registry)
        .args(["--handler", "ndjson", "--to", "never", "--single-threaded"])
        .args(flags)
        .env("KREPLAY_DECODE_PATIENCE", "4m")
        .env("KREPLAY_DECODE_TIMEOUT", "1s")
        .env("KREPLAY_RUN_RETRY_ATTEMPTS", "1000")
        .env("KREPLAY_RUN_RETRY_MAX_DELAY", "1s")
        .spawn()
}

fn runs_wait_for_a_registry_that_becomes_unavailable(broker: &Broker, registry: &mut Registry) {
    let topic = broker.topic("away", 1);
    let schema =
        |name: &str| json!({"type": "record", "name": name, "fields": [{"name": "n", "type": "long"}]}).to_string();
    let ids = ["First", "Second"].map(|name| registry.register(&name.to_lowercase(), "AVRO", &schema(name), &[]));
    let event = |id: u32, n: i64| NewRecord::keyed("k", with_id(id, &[&zigzag(n)]));
    // In the first run reading needs the schema, in the second only the handler does.
    let reading = follow(broker, &topic, registry.address(), &["--key-template", "n:{n}"]);
    let handling = follow(broker, &topic, registry.address(), &[]);
    let expect = |count: usize| {
        for run in [&reading, &handling] {
            wait::until("next line", RUN_TIMEOUT, || (run.stdout().lines().count() >= count).then_some(()));
        }
    };
    broker.produce(&topic, &[event(ids[0], 0)]);
    expect(1);
    registry.kill();
    broker.produce(&topic, &[event(ids[0], 1)]);
    // A known schema needs no registry.
    expect(2);
    broker.produce(&topic, &[event(ids[1], 2), event(ids[0], 3)]);
    let expect_message = |run: &Running, part: &str| {
        wait::until(part, RUN_TIMEOUT, || run.stderr().contains(part).then_some(()));
    };
    expect_message(&reading, "reading is paused");
    expect_message(&handling, "cannot be decoded now");
    assert_eq!((reading.stdout().lines().count(), handling.stdout().lines().count()), (2, 2));
    registry.restart();
    expect(4);
    expect_message(&reading, "is available again");
    for run in [reading, handling] {
        send_signal(run.id(), "TERM");
        // The stopped run has handled all records of the log.
        let finished = expect_code(run.finish(), 0);
        let numbers: Vec<_> = lines(&finished.stdout).iter().map(|line| line["value"]["n"].clone()).collect();
        assert_eq!(numbers, [0, 1, 2, 3].map(Value::from), "in order, each once");
    }
}
