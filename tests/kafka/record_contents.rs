//! All contents of records reach the handler unchanged.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use kreplay::handler::built_in;
use serde_json::json;

use crate::fixtures::ndjson;
use crate::fixtures::recorder::Recorder;
use crate::support::broker::{self, Broker, unique_name};
use crate::support::produce::NewRecord;
use crate::support::sessions::{in_group, options, run, run_with};

/// Replays a topic with one partition and returns the records in the order of their offsets.
fn replay(broker: &Broker, topic: &str, count: usize) -> Vec<crate::fixtures::recorder::SeenRecord> {
    let recorder = Recorder::default();
    run_with(options(broker, topic, 4), recorder.source()).expect_done(count as u64);
    recorder.expect_each_once_in_order(count);
    let mut seen = recorder.seen();
    seen.sort_by_key(|one| one.offset);
    seen
}

#[test]
fn records_of_every_codec_are_replayed() {
    let broker = broker::shared();
    let topic = broker.topic("codecs", 4);
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let records: Vec<_> = (0..200)
            .map(|n| NewRecord::keyed(format!("{codec}-{}", n % 7), format!("{n} {}", "x".repeat(300))))
            .collect();
        broker.produce_with(&topic, &[("compression.codec", codec)], &records);
    }
    for group in [None, Some(unique_name("codecs"))] {
        let recorder = Recorder::default();
        let options = options(broker, &topic, 6);
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        run_with(options, recorder.source()).expect_done(1000);
        recorder.expect_each_once_in_order(1000);
    }
}

#[test]
fn missing_and_empty_keys_values_and_headers_are_distinguished() {
    let broker = broker::shared();
    let topic = broker.topic("parts", 1);
    let written = [
        NewRecord::unkeyed("no key").at(1_000),
        NewRecord::tombstone("deleted"),
        NewRecord::keyed("", ""),
        NewRecord { partition: Some(0), ..NewRecord::default() },
        NewRecord::keyed("h", "v")
            .header("one", Some(b"1"))
            .header("none", None)
            .header("empty", Some(b""))
            .header("one", Some(b"2")),
        NewRecord::keyed(b"\xff\x00\xfe".to_vec(), b"\x1b[2J\xc3\x28".to_vec()).header("raw", Some(b"\xff")),
    ];
    broker.produce(&topic, &written);
    let seen = replay(broker, &topic, written.len());
    for (seen, written) in seen.iter().zip(&written) {
        assert_eq!((&seen.key, &seen.value), (&written.key, &written.value));
        let headers: Vec<_> =
            seen.headers.iter().map(|(k, v)| (String::from_utf8(k.clone()).unwrap(), v.clone())).collect();
        assert_eq!(headers, written.headers);
    }
    assert_eq!(seen[0].timestamp, 1_000);
}

#[test]
fn ndjson_lines_have_text_as_text_and_other_bytes_as_base64() {
    let broker = broker::shared();
    let topic = broker.topic("lines", 1);
    broker.produce(
        &topic,
        &[
            NewRecord::keyed("Schlüssel", "a\"b\n\u{1b}[2J").at(5).header("h", Some(b"x")),
            NewRecord::keyed(b"\xff".to_vec(), b"\xc3\x28".to_vec()).at(6),
            NewRecord::tombstone("gone").at(7),
            NewRecord::unkeyed("").at(8),
        ],
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let mut options = options(broker, &topic, 1);
    options.settings.handler = built_in(&format!("ndjson:{}", path.display())).unwrap();
    run(options).expect_done(4);
    let mut got = ndjson::read(&path);
    got.sort_by_key(ndjson::place);
    let line = |offset: i64, key, value, headers| json!({"topic": topic, "partition": 0, "offset": offset, "timestamp": offset + 5, "key": key, "value": value, "headers": headers});
    let raw = |bytes: &[u8]| json!({"base64": STANDARD.encode(bytes)});
    assert_eq!(got[0], line(0, json!("Schlüssel"), json!("a\"b\n\u{1b}[2J"), json!([{"key": "h", "value": "x"}])));
    assert_eq!(got[1], line(1, raw(b"\xff"), raw(b"\xc3\x28"), json!([])));
    assert_eq!(got[2], line(2, json!("gone"), json!(null), json!([])));
    assert_eq!(got[3], line(3, json!(null), json!(""), json!([])));
}

#[test]
fn large_records_fit_through_a_small_buffer() {
    let broker = broker::shared();
    let topic = broker.topic("large", 2);
    let value = |n: u8| vec![n; 900_000];
    let records: Vec<_> = (0..30_u8).map(|n| NewRecord::keyed(format!("k{}", n % 3), value(n))).collect();
    broker.produce(&topic, &records);
    for group in [None, Some(unique_name("large"))] {
        let recorder = Recorder::default();
        let mut options = options(broker, &topic, 3);
        options.settings.buffer_bytes = 1 << 20;
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let ended = run_with(options, recorder.source()).expect_done(30);
        recorder.expect_each_once_in_order(30);
        assert_eq!(ended.view.totals.bytes, 30 * 900_002);
        assert!(recorder.seen().iter().all(|one| one.value.as_ref().is_some_and(|v| *v == value(v[0]))));
        assert_eq!(ended.view.buffered_bytes, 0);
    }
}

#[test]
fn an_empty_topic_is_done_at_once() {
    let broker = broker::shared();
    let topic = broker.topic("empty", 12);
    for group in [None, Some(unique_name("empty"))] {
        let options = options(broker, &topic, 6);
        let options = if let Some(group) = &group { in_group(options, group) } else { options };
        let ended = run_with(options, Recorder::default().source()).expect_done(0);
        assert!((ended.view.progress() - 1.0).abs() < f64::EPSILON);
    }
}
