//! Runs that are killed and resumed, until they are done.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::lines::{expect_keys_in_order, place as place_of};
use crate::support::broker::{self, Broker};
use crate::support::process::{Finished, Program, shielded_environment};
use crate::support::produce::{Ending, NewRecord};
use crate::support::wait;

const PARTITIONS: i32 = 6;
const WORKERS: u64 = 6;
const BATCH: u64 = 20;
/// However slow the machine, no attempt takes longer.
const DEADLINE: Duration = Duration::from_secs(180);

/// Where the runs of a test leave their journals, and how its cluster is reached.
struct Place<'a> {
    broker: &'a Broker,
    dir: tempfile::TempDir,
}

impl<'a> Place<'a> {
    fn new(broker: &'a Broker) -> Self {
        Self { broker, dir: tempfile::tempdir().unwrap() }
    }

    fn kreplay(&self, args: &[&str]) -> Finished {
        Program::kreplay().args(args).env("XDG_STATE_HOME", self.dir.path()).deadline(DEADLINE).run()
    }

    fn runs(&self) -> Vec<Value> {
        serde_json::from_str(&self.kreplay(&["runs", "--json"]).expect_success().stdout).unwrap()
    }

    /// The only run that there is.
    fn id(&self) -> String {
        let runs = self.runs();
        assert_eq!(runs.len(), 1, "{runs:#?}");
        runs[0]["run_id"].as_str().unwrap().to_owned()
    }

    /// Begins a run and stops it at once, before anything is handled.
    fn begin(&self, topic: &str) -> String {
        let mut attempt = self.attempt(&["run", "--topics", topic, "--concurrency", "2"]);
        attempt.read_until(50);
        attempt.kill();
        self.id()
    }

    fn attempt(&self, args: &[&str]) -> Attempt {
        Attempt::start(self, args)
    }

    fn report(&self) -> PathBuf {
        self.dir.path().join("report.json")
    }
}

/// A process that writes its records to standard output, which is read no faster than the test wants.
struct Attempt {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    errors: std::thread::JoinHandle<String>,
    lines: Vec<Value>,
}

impl Attempt {
    fn start(place: &Place<'_>, args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kreplay"));
        for (name, value) in shielded_environment() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("XDG_STATE_HOME", place.dir.path()).args(args).arg("--headless");
        command
            .args(["--bootstrap-server", place.broker.bootstrap(), "--report", "json", "--output"])
            .arg(place.report());
        if args[0] == "run" {
            command.args(["--handler", "ndjson"]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::with_capacity(4096, child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || std::io::read_to_string(&mut stderr).unwrap_or_default());
        Self { child, stdout, errors, lines: Vec::new() }
    }

    /// The next line; `None` at the end, where a line that was torn by the process's death does not count.
    fn next(&mut self) -> Option<&Value> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        if !line.ends_with('\n') {
            return None;
        }
        self.lines.push(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")));
        // So slow that a run is in its middle for a while: the pipe is full, and handlers wait at it.
        if self.lines.len().is_multiple_of(16) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.lines.last()
    }

    /// Reads so many lines.
    fn read_until(&mut self, count: usize) {
        while self.lines.len() < count {
            assert!(self.next().is_some(), "it ended after {} lines", self.lines.len());
        }
    }

    /// Kills it, and gives all lines that came out of it.
    fn kill(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.finish().0
    }

    /// Reads to its end; gives its lines, its exit code and what it said.
    fn finish(mut self) -> (Vec<Value>, Option<i32>, String) {
        while self.next().is_some() {}
        let status = wait::until("end of the process", DEADLINE, || self.child.try_wait().unwrap());
        let errors = std::mem::replace(&mut self.errors, std::thread::spawn(String::new)).join().unwrap();
        (std::mem::take(&mut self.lines), status.code(), errors)
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Records of 400 keys and some without one, over all partitions, with holes where a transaction was aborted.
fn fill(broker: &Broker, topic: &str, random: &mut StdRng, count: usize) {
    let mut records = |count: usize| -> Vec<NewRecord> {
        (0..count)
            .map(|n| match random.random_range(0..420_u32) {
                key @ ..400 => NewRecord::keyed(format!("key-{key}"), n.to_string()),
                _ => NewRecord::unkeyed(n.to_string()),
            })
            .collect()
    };
    broker.produce(topic, &records(count / 2));
    broker.transaction(topic, Ending::Abort, &records(500));
    broker.transaction(topic, Ending::Commit, &records(500));
    broker.produce(topic, &records(count - count / 2 - 500));
}

/// The digest of one worker's run that nothing disturbs.
fn undisturbed(broker: &Broker, topic: &str) -> Value {
    let run = ["run", "--headless", "--concurrency", "1", "--report", "json", "--no-journal", "--topics", topic];
    let bootstrap = ["--bootstrap-server", broker.bootstrap()];
    let finished = Program::kreplay().args(run).args(bootstrap).deadline(DEADLINE).run().expect_success();
    serde_json::from_str(&finished.stdout).unwrap()
}

fn kill_and_resume(ordering: &str, records: usize, kills: usize) {
    let seed = std::env::var("KREPLAY_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("{ordering}: {kills} kills, KREPLAY_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let broker = broker::shared();
    let topic = broker.topic("resume", PARTITIONS);
    fill(broker, &topic, &mut random, records);
    let expected = undisturbed(broker, &topic);
    assert_eq!(expected["totals"]["handled"], records);

    let place = Place::new(broker);
    // Not in the last tenth, where a run may have come to its end before the kill arrives.
    let mut points: Vec<usize> = (0..kills).map(|_| random.random_range(0..records / 10 * 9)).collect();
    points.sort_unstable();
    let (workers, batch) = (WORKERS.to_string(), BATCH.to_string());
    let run = ["run", "--topics", &topic, "--ordering", ordering, "--concurrency", &workers, "--batch", &batch];
    let (mut out, mut order, mut lines, mut id) = (BTreeSet::new(), Vec::new(), 0, None);
    let mut take = |read: Vec<Value>, out: &mut BTreeSet<(i64, i64)>| {
        // Within an attempt nothing is repeated, and every key is in order.
        expect_keys_in_order(&read.iter().filter(|line| !line["key"].is_null()).cloned().collect::<Vec<_>>());
        lines += read.len();
        order.extend(read.into_iter().filter(|line| out.insert(place_of(line)) && !line["key"].is_null()));
    };
    for (kill, point) in points.into_iter().enumerate() {
        let resume = ["resume", id.as_deref().unwrap_or_default()];
        let mut attempt = place.attempt(if kill == 0 { &run } else { &resume });
        // The point is a number of different records that are out, or one more line where it has been passed already.
        let mut new = BTreeSet::new();
        while let Some(line) = attempt.next() {
            let line = place_of(line);
            if !out.contains(&line) {
                new.insert(line);
            }
            if out.len() + new.len() >= point {
                break;
            }
        }
        take(attempt.kill(), &mut out);
        id.get_or_insert_with(|| place.id());
        assert_eq!(place.runs()[0]["state"], "interrupted", "after kill {kill}");
    }
    let id = id.unwrap();
    let (rest, code, errors) = place.attempt(&["resume", &id]).finish();
    take(rest, &mut out);
    assert_eq!(code, Some(0), "{errors}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(place.report()).unwrap()).unwrap();

    assert_eq!(out.len(), records, "every record came out");
    expect_keys_in_order(&order);
    assert_eq!((&report["state"], &report["run_id"]), (&Value::from("done"), &Value::from(id)), "{errors}");
    for field in ["handled", "bytes", "lag", "skipped", "lanes"] {
        let lanes_of_another_order = field == "lanes" && ordering != "key";
        assert!(lanes_of_another_order || report["totals"][field] == expected["totals"][field], "{field}: {report:#}");
    }
    assert_eq!(report["digest"], expected["digest"], "the same records in the same order per key");
    let (repeated, counted) = ((lines - records) as u64, report["totals"]["duplicates"].as_u64().unwrap());
    println!("{ordering}: {lines} lines for {records} records, {repeated} repeated, {counted} counted as duplicates");
    assert!(repeated > 0, "the kills were too gentle to say anything");
    assert!(repeated <= counted, "{repeated} repeated, {counted} counted");
    // What was counted without having come out was in the hands of a worker when it was killed.
    let in_hand = kills as u64 * WORKERS * BATCH;
    assert!(counted - repeated <= in_hand, "{counted} counted, {repeated} repeated, at most {in_hand} were in hand");
    assert_eq!(place.runs()[0]["state"], "done");
    assert_eq!(begun_files(place.dir.path()), 0, "nothing is left of what was begun");
}

fn begun_files(state_dir: &Path) -> usize {
    let files = std::fs::read_dir(state_dir.join("kreplay/runs")).unwrap();
    files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().contains("begun")).count()
}

#[test]
fn killed_at_a_hundred_points_a_run_still_handles_everything_in_order() {
    kill_and_resume("key", 60_000, 100);
}

#[test]
fn killed_runs_with_partition_order_go_on_too() {
    kill_and_resume("partition", 12_000, 12);
}

fn small_topic(broker: &Broker, partitions: i32) -> String {
    let topic = broker.topic("resume", partitions);
    let records: Vec<_> = (0..6000).map(|n| NewRecord::keyed(format!("key-{}", n % 50), n.to_string())).collect();
    broker.produce(&topic, &records);
    topic
}

/// Checks that a run is refused with this code, and as its last word one sentence with these parts; it stays resumable.
fn expect_refusal(place: &Place<'_>, args: &[&str], code: i32, parts: &[&str]) {
    let finished = place.kreplay(&[args, &["--headless"]].concat());
    assert_eq!(finished.code(), Some(code), "{finished:?}");
    let errors: Vec<_> = finished.stderr.lines().filter(|line| line.starts_with("kreplay: ")).collect();
    assert_eq!(errors.len(), 1, "{finished:?}");
    assert!(parts.iter().all(|part| errors[0].contains(part)), "{errors:?} has not {parts:?}");
}

#[test]
fn a_topic_that_was_created_again_is_refused() {
    let broker = broker::shared();
    let place = Place::new(broker);
    let topic = small_topic(broker, 2);
    let id = place.begin(&topic);
    broker.delete_topic(&topic);
    expect_refusal(&place, &["resume", &id], 1, &[&id, &topic, "is not there any more"]);
    broker.create_topic(&topic, 2, &[]);
    let records: Vec<_> = (0..9000).map(|n| NewRecord::keyed(format!("key-{}", n % 50), n.to_string())).collect();
    broker.produce(&topic, &records);
    expect_refusal(&place, &["resume", &id], 1, &[&id, &topic, "deleted and created again"]);
    assert_eq!(place.runs()[0]["state"], "interrupted");
}

#[test]
fn more_partitions_than_planned_are_refused() {
    let broker = broker::shared();
    let place = Place::new(broker);
    let topic = small_topic(broker, 2);
    let id = place.begin(&topic);
    broker.raise_partitions(&topic, 4);
    expect_refusal(&place, &["resume", "last"], 1, &[&id, &topic, "had 2 partitions and has 4"]);
}

#[test]
fn records_that_retention_took_are_told() {
    let broker = broker::shared();
    let place = Place::new(broker);
    let topic = small_topic(broker, 1);
    let id = place.begin(&topic);
    broker.delete_records(&topic, 0, 5900);
    expect_refusal(&place, &["resume", &id], 1, &[&id, &topic, "begins at 5900", "retention"]);
}

#[test]
fn another_cluster_is_refused_by_its_id() {
    let broker = broker::shared();
    let place = Place::new(broker);
    let topic = small_topic(broker, 1);
    let id = place.begin(&topic);
    let other = kreplay::kafka::embedded::EmbeddedBroker::start().unwrap();
    let bootstrap = other.bootstrap_servers().to_owned();
    expect_refusal(&place, &["resume", &id, "--bootstrap-server", &bootstrap], 2, &[&id, "cluster"]);
}

#[test]
fn a_run_that_is_going_or_done_is_not_resumed() {
    let broker = broker::shared();
    let place = Place::new(broker);
    let topic = small_topic(broker, 2);
    let mut attempt = place.attempt(&["run", "--topics", &topic]);
    attempt.read_until(50);
    let (id, pid) = (place.id(), attempt.child.id().to_string());
    expect_refusal(&place, &["resume", &id], 1, &[&id, "is running in process", &pid]);
    let listed = &place.runs()[0];
    assert_eq!((listed["state"].as_str(), listed["process"].as_str()), (Some("running"), Some(pid.as_str())));
    let refused = place.kreplay(&["runs", "--forget", &id]);
    assert_eq!(refused.code(), Some(1), "{refused:?}");
    let (_, code, errors) = attempt.finish();
    assert_eq!(code, Some(0), "{errors}");
    expect_refusal(&place, &["resume", &id], 2, &[&id, "is done"]);
    expect_refusal(&place, &["resume", "2"], 2, &[&id, "is done"]);
    expect_refusal(&place, &["resume", "nonsense"], 2, &["no run `nonsense`"]);
    place.kreplay(&["runs", "--forget", &id]).expect_success();
    assert!(place.runs().is_empty());
    assert_eq!(std::fs::read_dir(place.dir.path().join("kreplay/runs")).unwrap().count(), 0, "nothing is left of it");
    expect_refusal(&place, &["resume", "last"], 2, &["no run is kept"]);
}

#[test]
fn a_run_that_was_stopped_says_how_to_go_on_and_repeats_nothing() {
    let broker = broker::shared();
    let place = Place::new(broker);
    let topic = small_topic(broker, 2);
    let expected = undisturbed(broker, &topic);
    let mut attempt = place.attempt(&["run", "--topics", &topic, "--concurrency", "4"]);
    attempt.read_until(50);
    crate::support::process::send_signal(attempt.child.id(), "TERM");
    let (mut lines, code, errors) = attempt.finish();
    let id = place.id();
    assert_eq!(code, Some(4), "{errors}");
    assert!(errors.contains(&format!("resume with: kreplay resume {id}")), "{errors}");
    assert_eq!(place.runs()[0]["state"], "cancelled");
    // Neither the address nor the topics have to be said again.
    let resumed = place.kreplay(&[
        "resume",
        "last",
        "--headless",
        "--report",
        "json",
        "--output",
        place.report().to_str().unwrap(),
    ]);
    assert_eq!(resumed.code(), Some(0), "{resumed:?}");
    lines.extend(resumed.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    assert_eq!((lines.len(), lines.iter().map(place_of).collect::<BTreeSet<_>>().len()), (6000, 6000));
    expect_keys_in_order(&lines);
    let report: Value = serde_json::from_str(&std::fs::read_to_string(place.report()).unwrap()).unwrap();
    assert_eq!((&report["digest"], &report["totals"]["duplicates"]), (&expected["digest"], &Value::from(0)));
    assert_eq!((&report["run_id"], &report["totals"]["handled"]), (&Value::from(id), &Value::from(6000)));
}

#[test]
fn a_run_goes_on_without_a_journal_where_none_can_be_kept() {
    let broker = broker::shared();
    let place = Place::new(broker);
    let topic = small_topic(broker, 1);
    // A file stands where the directory should be: not even a superuser can write into it.
    std::fs::write(place.dir.path().join("kreplay"), "").unwrap();
    let finished = place.kreplay(&["run", "--headless", "--topics", &topic, "--bootstrap-server", broker.bootstrap()]);
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    assert!(finished.stderr.contains("this run cannot be resumed"), "{finished:?}");
}

#[test]
fn a_run_in_a_group_goes_on_from_what_the_group_has_committed() {
    let broker = broker::shared();
    let place = Place::new(broker);
    let (topic, group) = (small_topic(broker, 2), crate::support::broker::unique_name("resume"));
    let mut attempt = place.attempt(&["run", "--topics", &topic, "--group", &group, "--concurrency", "2"]);
    attempt.read_until(50);
    let mut lines = attempt.kill();
    let id = place.id();
    // What comes later is not in the plan.
    broker.produce(&topic, &[NewRecord::keyed("late", "late")]);
    let (rest, code, errors) = place.attempt(&["resume", &id, "--rate", "20k/s"]).finish();
    assert_eq!(code, Some(0), "{errors}");
    lines.extend(rest);
    assert_eq!(lines.iter().map(place_of).collect::<BTreeSet<_>>().len(), 6000);
    assert!(lines.iter().all(|line| line["key"] != "late"), "the plan's end is that of the first attempt");
    assert_eq!(place.runs()[0]["state"], "done");
    let handled = place.runs()[0]["handled"].as_u64().unwrap();
    assert!(handled >= 6000, "the counts of both attempts add up: {handled}");
    let committed: i64 = (0..2).map(|partition| broker.committed(&group, &topic, partition).unwrap_or(0)).sum();
    assert_eq!(committed, 6000, "the group is at the plan's end");
}

#[test]
fn a_run_that_was_stopped_by_a_record_gets_past_it_with_another_policy() {
    let broker = broker::shared();
    for from_environment in [false, true] {
        let place = Place::new(broker);
        let topic = small_topic(broker, 1);
        let stopped = Program::kreplay()
            .args(["run", "--headless", "-b", broker.bootstrap(), "-t", &topic, "--on-failure", "pause"])
            .args(["--handler", "simulate:0ms,poison=0.01"])
            .env("KREPLAY_RUN_RETRY_ATTEMPTS", "0")
            .env("XDG_STATE_HOME", place.dir.path())
            .deadline(DEADLINE)
            .run();
        assert_eq!(stopped.code(), Some(4), "{stopped:?}");
        let id = place.id();
        let advice = format!("when the cause is fixed, resume with: kreplay resume {id} (with --on-failure skip");
        assert!(stopped.stderr.contains(&advice), "{stopped:?}");
        let mut resume = Program::kreplay().args(["resume", &id, "--headless"]).env("XDG_STATE_HOME", place.dir.path());
        if from_environment {
            resume = resume.env("KREPLAY_RUN_ON_FAILURE", "skip");
        } else {
            resume = resume.args(["--on-failure", "skip"]);
        }
        let resumed = resume.deadline(DEADLINE).run();
        assert_eq!(resumed.code(), Some(3), "{resumed:?}");
    }
}
