//! Two processes share the work in a group, and one of them is killed or stopped.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use crate::fixtures::ndjson::{expect_first_occurrences_in_order, expect_keys_in_order, place, places};
use crate::fixtures::slow_broker::{SESSION_TIMEOUT_MS, session_timeout};
use crate::support::broker::{self, Broker, unique_name};
use crate::support::build::kreplay_binary;
use crate::support::process::{send_signal, shielded_environment};
use crate::support::produce::NewRecord;
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;

const GROUP_TOOL: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const RECORDS: usize = 24_000;
const PARTITIONS: i32 = 12;
/// The default of kreplay, after which the partitions of a killed process are reassigned.
const SHORT_SESSION_TIMEOUT_MS: &str = "6000";

/// A `kreplay run` in a group that writes its records to standard output. The test reads them slowly, which keeps the
/// run from ending.
struct Instance {
    client_id: String,
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    pace_us: Arc<AtomicU64>,
    reader: Option<JoinHandle<()>>,
    errors: Option<JoinHandle<String>>,
    report: PathBuf,
}

impl Instance {
    fn start(broker: &Broker, topic: &str, group: &str, options: &[&str], dir: &tempfile::TempDir) -> Self {
        let client_id = unique_name("instance");
        let report = dir.path().join(&client_id);
        let mut command = Command::new(kreplay_binary());
        for (name, value) in shielded_environment() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.args(["run", "--bootstrap-server", broker.bootstrap(), "--topics", topic, "--group", group]);
        command.args(["--concurrency", "4", "--handler", "ndjson", "--headless"]).args(options);
        command.args(["-X", &format!("client.id={client_id}"), "--report", "json", "--output"]).arg(&report);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let (lines, pace_us) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU64::new(500)));
        let (sink, pace) = (Arc::clone(&lines), Arc::clone(&pace_us));
        let reader = std::thread::spawn(move || {
            for line in stdout.lines() {
                sink.lock().unwrap().push(line.unwrap());
                let pause = pace.load(Ordering::Relaxed);
                if pause > 0 {
                    std::thread::sleep(Duration::from_micros(pause));
                }
            }
        });
        let errors = std::thread::spawn(move || std::io::read_to_string(&mut stderr).unwrap_or_default());
        Self { client_id, child, lines, pace_us, reader: Some(reader), errors: Some(errors), report }
    }

    /// The number of lines read so far.
    fn count(&self) -> usize {
        self.lines.lock().unwrap().len()
    }

    fn slow_down(&self) {
        self.pace_us.store(20_000, Ordering::Relaxed);
    }

    fn wait_for_lines(&mut self, count: usize) {
        let there = wait::try_until(RUN_TIMEOUT, || (self.count() >= count).then_some(()));
        if there.is_none() {
            drop(self.child.kill());
            let errors = self.errors.take().map(|thread| thread.join().unwrap());
            panic!("{} of {count} lines within {RUN_TIMEOUT:?}\n{}", self.count(), errors.unwrap_or_default());
        }
    }

    /// Waits until it has ended and reads its remaining output.
    fn finish(mut self) -> FinishedInstance {
        self.pace_us.store(0, Ordering::Relaxed);
        let status = wait::try_until(RUN_TIMEOUT, || self.child.try_wait().unwrap());
        if status.is_none() {
            drop(self.child.kill());
        }
        self.reader.take().unwrap().join().unwrap();
        let errors = self.errors.take().unwrap().join().unwrap();
        let status = status.unwrap_or_else(|| panic!("still running after {RUN_TIMEOUT:?}\n{errors}"));
        let mut texts = std::mem::take(&mut *self.lines.lock().unwrap());
        if status.code().is_none() && texts.last().is_some_and(|last| serde_json::from_str::<Value>(last).is_err()) {
            // A killed process may leave an incomplete line, whose record was not handled.
            texts.pop();
        }
        let lines = texts.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let report = std::fs::read_to_string(&self.report).ok().map(|text| serde_json::from_str(&text).unwrap());
        FinishedInstance { status, lines, report, errors }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct FinishedInstance {
    status: ExitStatus,
    lines: Vec<Value>,
    report: Option<Value>,
    errors: String,
}

/// The partitions of a client according to Kafka's own tool.
fn partitions_of(broker: &Broker, group: &str, client_id: &str) -> BTreeSet<i64> {
    let described = broker.kafka_tool(GROUP_TOOL, &["--describe", "--group", group], b"").expect_success().stdout;
    let owned = described.lines().filter(|line| line.split_whitespace().last() == Some(client_id));
    owned.map(|line| line.split_whitespace().nth(2).unwrap().parse().unwrap()).collect()
}

/// The committed offsets of all partitions.
fn committed(broker: &Broker, group: &str, topic: &str) -> BTreeMap<i64, i64> {
    let offsets = broker.committed_all(group, topic, PARTITIONS);
    (0..).zip(offsets).map(|(partition, offset)| (partition, offset.unwrap_or(0))).collect()
}

fn reported_positions(report: &Value) -> BTreeMap<i64, i64> {
    let partitions = report["partitions"].as_array().unwrap();
    partitions.iter().map(|one| (one["partition"].as_i64().unwrap(), one["position"].as_i64().unwrap())).collect()
}

/// Whether a process says that its member was removed from the group, or has not committed its last positions.
fn was_disturbed(process: &FinishedInstance) -> bool {
    process.errors.contains(" lost ") || process.errors.contains("could not be committed")
}

/// The lowest offset of a partition in the lines.
fn lowest_offset(lines: &[Value], partition: i64) -> Option<i64> {
    lines.iter().map(place).filter(|(of, _)| *of == partition).map(|(_, offset)| offset).min()
}

struct SharedRun {
    ended: FinishedInstance,
    survivor: FinishedInstance,
    /// The partitions of the process that ended, and their positions at that moment.
    taken_over: BTreeMap<i64, i64>,
}

/// Two processes share a topic. Meanwhile `end` ends the first one, and the second handles the rest.
fn share(ordering: &str, session_timeout_ms: &str, end: impl FnOnce(u32)) -> SharedRun {
    let broker = broker::shared();
    let (topic, group) = (broker.topic("shared", PARTITIONS), unique_name("shared"));
    let records: Vec<_> =
        (0..RECORDS).map(|n| NewRecord::keyed(format!("key-{}", n * 31 % 500), n.to_string())).collect();
    broker.produce(&topic, &records);
    let dir = tempfile::tempdir().unwrap();
    let session_timeout = session_timeout(session_timeout_ms);
    let options = ["--ordering", ordering, "-X", &session_timeout];
    let mut first = Instance::start(broker, &topic, &group, &options, &dir);
    first.wait_for_lines(300);
    // On a busy machine the second process may need a minute to join, and Kafka's tool as long to answer. The run must
    // not end meanwhile.
    first.slow_down();
    let mut second = Instance::start(broker, &topic, &group, &options, &dir);
    second.wait_for_lines(300);
    second.slow_down();
    let owned = wait::until("shared partitions", RUN_TIMEOUT, || {
        // During a rebalance the tool shows no owners.
        let owned = partitions_of(broker, &group, &first.client_id);
        (!owned.is_empty() && owned.len() < 12).then_some(owned)
    });
    assert!(
        first.count() + second.count() < RECORDS / 2,
        "{} and {} lines: the run is too fast for this test",
        first.count(),
        second.count()
    );

    // Nothing below is handled again, whenever the survivor takes over.
    let floor = committed(broker, &group, &topic);
    end(first.child.id());
    // Read its output to the end first: a process that is stopped still finishes its records in flight.
    let ended = first.finish();
    // After a clean stop the survivor continues at once, so the final positions are taken from the report of the
    // stopped process. After a kill they are the group's offsets, which the survivor may have raised meanwhile.
    let positions = ended.report.as_ref().map_or_else(|| committed(broker, &group, &topic), reported_positions);
    let survivor = second.finish();

    assert_eq!(survivor.status.code(), Some(0), "{}", survivor.errors);
    let report = survivor.report.as_ref().expect("a report");
    assert_eq!((report["state"].as_str(), report["totals"]["lag"].as_u64()), (Some("done"), Some(0)), "{report:#}");
    for (lines, errors) in [(&ended.lines, &ended.errors), (&survivor.lines, &survivor.errors)] {
        // On an overloaded machine the group may revoke a partition with records in flight, which are then repeated.
        if errors.contains(" lost ") {
            expect_first_occurrences_in_order(lines);
        } else {
            expect_keys_in_order(lines);
        }
    }
    let (ours, theirs) = (places(&ended.lines), places(&survivor.lines));
    assert_eq!(ours.union(&theirs).count(), RECORDS, "records were not handled\n{}", survivor.errors);
    println!(
        "{ordering}: {} + {} lines, {} of {RECORDS} twice",
        ended.lines.len(),
        survivor.lines.len(),
        ours.intersection(&theirs).count()
    );
    let taken_over: BTreeMap<i64, i64> =
        owned.into_iter().map(|partition| (partition, positions[&partition])).collect();
    println!("positions {taken_over:?}, committed before {floor:?}");
    // The records of a member that a silent broker has removed may be handled again.
    if !was_disturbed(&ended) && !was_disturbed(&survivor) {
        let again: Vec<_> = ours.intersection(&theirs).filter(|(of, offset)| *offset < floor[of]).collect();
        assert!(again.is_empty(), "handled again although committed: {again:?}");
    }
    let shared = SharedRun { ended, survivor, taken_over };
    // The survivor starts at the group's position or below: nothing is skipped.
    for (partition, position) in &shared.taken_over {
        let first = lowest_offset(&shared.survivor.lines, *partition);
        assert!(
            first.is_none_or(|first| first <= *position),
            "partition {partition}: continued from {first:?} instead of {position}"
        );
    }
    shared
}

fn repeated(shared: &SharedRun) -> usize {
    places(&shared.ended.lines).intersection(&places(&shared.survivor.lines)).count()
}

fn kill(pid: u32) {
    send_signal(pid, "KILL");
}

#[test]
fn the_other_process_finishes_the_work_of_a_killed_one() {
    for ordering in ["key", "partition"] {
        let shared = share(ordering, SHORT_SESSION_TIMEOUT_MS, kill);
        assert_eq!(shared.ended.status.code(), None, "it was killed");
        assert!(shared.ended.report.is_none());
        assert!(shared.taken_over.values().any(|position| *position > 0), "{:?}", shared.taken_over);
    }
}

#[test]
fn a_stopped_process_hands_over_without_repetitions() {
    for (ordering, signal) in [("partition", "TERM"), ("key", "INT")] {
        let shared = share(ordering, SESSION_TIMEOUT_MS, |pid| send_signal(pid, signal));
        assert_eq!(shared.ended.status.code(), Some(4), "{}", shared.ended.errors);
        assert_eq!(shared.ended.report.as_ref().unwrap()["state"], "cancelled");
        assert_eq!(repeated(&shared), 0, "{ordering}: nothing is repeated");
        let duplicates = shared.survivor.report.as_ref().unwrap()["totals"]["duplicates"].as_u64().unwrap();
        // With key order records are finished out of offset order. The survivor reads such records again, recognizes
        // them, and counts them without handling them.
        assert_eq!(duplicates > 0, ordering == "key", "{ordering}: {duplicates} duplicates");
    }
}
