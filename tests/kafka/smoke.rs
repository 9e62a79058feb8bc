//! Tests of the test support itself, on which all other tests depend.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::fixtures::cluster::commit_offset;
use crate::support::broker::{self, REQUEST_TIMEOUT, unique_name};
use crate::support::consume::StoredRecord;
use crate::support::guardian::Guardian;
use crate::support::outage::Outage;
use crate::support::process::Program;
use crate::support::produce::{Ending, NewRecord};
use crate::support::pty::{Terminal, Traces};
use crate::support::timeouts::OPERATION_TIMEOUT;

#[test]
fn a_new_topic_has_its_partitions_and_no_records() {
    let broker = broker::shared();
    let topic = broker.topic("smoke", 3);
    for partition in 0..3 {
        assert_eq!(broker.watermarks(&topic, partition), (0, 0));
    }
    assert_ne!(topic, broker.topic("smoke", 1));
}

#[test]
fn a_misspelt_topic_is_not_created() {
    let broker = broker::shared();
    let missing = unique_name("no-such-topic");
    let client: BaseConsumer = broker.client().create().unwrap();
    let answer = client.fetch_metadata(Some(&missing), REQUEST_TIMEOUT).unwrap();
    assert!(answer.topics()[0].error().is_some());
    let all = client.fetch_metadata(None, REQUEST_TIMEOUT).unwrap();
    assert!(all.topics().iter().all(|topic| topic.name() != missing));
}

#[test]
fn records_are_read_as_they_were_written() {
    let broker = broker::shared();
    let topic = broker.topic("smoke", 2);
    let answer = broker.produce(
        &topic,
        &[
            NewRecord::keyed("k", "v").in_partition(1).header("h", Some(b"1")).header("empty", None),
            NewRecord::tombstone("k").in_partition(1),
            NewRecord::unkeyed("alone").in_partition(0).at(1_000),
        ],
    );
    let places: Vec<_> = answer.iter().map(|place| (place.partition, place.offset)).collect();
    assert_eq!(places, [(1, 0), (1, 1), (0, 0)]);
    let stored = broker.records(&topic, 1);
    assert_eq!(stored[0].headers, [("h".to_owned(), Some(b"1".to_vec())), ("empty".to_owned(), None)]);
    let pairs: Vec<_> = stored.iter().map(|record| (record.key.as_deref(), record.value.as_deref())).collect();
    assert_eq!(pairs, [(Some(&b"k"[..]), Some(&b"v"[..])), (Some(b"k"), None)]);
    let alone = &broker.records(&topic, 0)[0];
    assert_eq!((alone.offset, alone.timestamp, &alone.key, alone.text().as_str()), (0, Some(1_000), &None, "alone"));
}

#[test]
fn records_of_every_codec_can_be_read() {
    let broker = broker::shared();
    let topic = broker.topic("smoke", 1);
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let records: Vec<_> = (0..50).map(|_| NewRecord::keyed(codec, "x".repeat(200))).collect();
        broker.produce_with(&topic, &[("compression.codec", codec)], &records);
    }
    let stored = broker.records(&topic, 0);
    assert_eq!(stored.len(), 250);
    assert!(stored.iter().all(|record| record.text().len() == 200));
}

#[test]
fn an_aborted_transaction_leaves_no_record() {
    let broker = broker::shared();
    let topic = broker.topic("smoke", 1);
    let records: Vec<_> = (0..10).map(|n| NewRecord::keyed("k", n.to_string())).collect();
    broker.transaction(&topic, Ending::Commit, &records);
    broker.transaction(&topic, Ending::Abort, &records);
    let (low, high) = broker.watermarks(&topic, 0);
    assert_eq!((low, high), (0, 22), "20 records and 2 markers");
    assert_eq!(broker.records(&topic, 0).len(), 10);
}

#[test]
fn a_committed_offset_can_be_read() {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("smoke", 1), unique_name("smoke"));
    assert_eq!(broker.committed(&group, &topic, 0), None);
    commit_offset(broker, &group, &topic, 0);
    assert_eq!(broker.committed(&group, &topic, 0), Some(0));
}

const CONSOLE_PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
const CONSOLE_CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
const PERFORMANCE_PRODUCER: &str = "org.apache.kafka.tools.ProducerPerformance";
const GROUP_TOOL: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const OFFSET_TOOL: &str = "org.apache.kafka.tools.GetOffsetShell";
const DELETE_RECORDS_TOOL: &str = "org.apache.kafka.tools.DeleteRecordsCommand";

#[test]
fn kafkas_own_tools_can_be_run() {
    let broker = broker::shared();
    let topic = broker.topic("smoke", 1);
    broker.kafka_tool(CONSOLE_PRODUCER, &["--topic", &topic], b"one\ntwo\nthree\n").expect_success();
    let performance = ["--topic", &topic, "--num-records", "500", "--record-size", "100", "--throughput", "-1"];
    broker.kafka_tool(PERFORMANCE_PRODUCER, &performance, b"").expect_success();
    assert_eq!(broker.watermarks(&topic, 0), (0, 503));
    let delete = format!(r#"{{"version":1,"partitions":[{{"topic":"{topic}","partition":0,"offset":1}}]}}"#);
    broker.kafka_tool(DELETE_RECORDS_TOOL, &["--offset-json-file", "/dev/stdin"], delete.as_bytes()).expect_success();
    assert_eq!(broker.watermarks(&topic, 0), (1, 503));
    let offsets = broker.kafka_tool(OFFSET_TOOL, &["--topic", &topic], b"").expect_success();
    assert_eq!(offsets.stdout.trim(), format!("{topic}:0:503"));
    let group = unique_name("smoke");
    let consume = ["--topic", &topic, "--group", &group, "--from-beginning", "--max-messages", "2"];
    assert_eq!(broker.kafka_tool(CONSOLE_CONSUMER, &consume, b"").expect_success().stdout, "two\nthree\n");
    let groups = broker.kafka_tool(GROUP_TOOL, &["--list"], b"").expect_success();
    assert!(groups.stdout.lines().any(|line| line == group), "{groups:?}");
}

#[test]
fn a_private_broker_can_be_stopped_killed_and_restarted() {
    let broker = Outage::start_broker();
    let topic = broker.topic("smoke", 1);
    broker.produce(&topic, &[NewRecord::unkeyed("before")]);
    let address = broker.bootstrap().to_owned();
    broker.stop();
    broker.start();
    broker.produce(&topic, &[NewRecord::unkeyed("between")]);
    broker.crash();
    broker.start();
    broker.produce(&topic, &[NewRecord::unkeyed("after")]);
    assert_eq!(broker.bootstrap(), address);
    let values: Vec<_> = broker.records(&topic, 0).iter().map(StoredRecord::text).collect();
    assert_eq!(values, ["before", "between", "after"]);
}

#[test]
fn a_process_returns_output_and_exit_code() {
    let finished = Program::named("sh").args(["-c", "cat; echo no >&2; exit 3"]).input("yes").run();
    assert_eq!((finished.code(), finished.stdout.as_str(), finished.stderr.as_str()), (Some(3), "yes", "no\n"));
    let mut running = Program::named("sh").args(["-c", "echo ready; exec cat /dev/zero >/dev/null"]).spawn();
    running.wait_for("greeting", OPERATION_TIMEOUT, |stdout, _| stdout.contains("ready"));
    assert_eq!(running.kill().code(), None);
}

#[test]
#[should_panic(expected = "partial output")]
fn a_process_that_hangs_is_killed_and_its_output_shown() {
    let script = "echo partial output; exec cat /dev/zero >/dev/null";
    Program::named("sh").args(["-c", script]).timeout(Duration::from_secs(1)).run();
}

#[test]
fn a_terminal_shows_output_takes_keys_and_reports_modes() {
    let mut terminal = Terminal::of("cat", &[], 5, 40);
    terminal.send("hello\r");
    terminal.wait_for("echo and answer", OPERATION_TIMEOUT, |text| text.matches("hello").count() == 2);
    assert_eq!(terminal.modes(), Traces::default());
    terminal.send([4]);
    let left = terminal.finish(OPERATION_TIMEOUT);
    assert!(left.status.success());
    assert_eq!(left.traces, Traces::default());

    let untidy = r"stty raw -echo; printf '\033[?1049h\033[?25l\033[?1000h\033[?2004h\033[?1h'";
    let left = Terminal::of("sh", &["-c", untidy], 5, 40).finish(OPERATION_TIMEOUT);
    let all = Traces {
        alternate_screen: true,
        cursor_hidden: true,
        mouse_reported: true,
        bracketed_paste: true,
        application_cursor_keys: true,
        raw: true,
    };
    assert_eq!(left.traces, all);
}

#[test]
fn a_terminal_forwards_size_changes_and_signals() {
    // During `wait` a trap runs at once. A `read` or a program in the foreground would delay it.
    let script = "sleep 60 & trap 'stty size' WINCH; trap 'kill $!; echo bye; exit 7' TERM; echo ready
                  while :; do wait; done";
    let terminal = Terminal::of("bash", &["-c", script], 10, 40);
    terminal.wait_for("greeting", OPERATION_TIMEOUT, |text| text.contains("ready"));
    terminal.resize(12, 50);
    terminal.wait_for("new size", OPERATION_TIMEOUT, |text| text.contains("12 50"));
    terminal.signal("TERM");
    let left = terminal.finish(OPERATION_TIMEOUT);
    assert_eq!((left.status.exit_code(), left.text.contains("bye")), (7, true));
}

#[test]
fn a_guardian_runs_its_command_when_it_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let trace = dir.path().join("trace");
    let guardian = Guardian::that_runs(&["touch", trace.to_str().unwrap()]);
    assert!(!trace.exists());
    drop(guardian);
    assert!(trace.exists());
}

#[test]
fn containers_and_jars_have_the_same_kafka_release() {
    let pom = include_str!("../../scripts/kafka/pom.xml");
    assert!(pom.contains(&format!("<kafka.version>{}</kafka.version>", crate::support::container::TAG)));
}
