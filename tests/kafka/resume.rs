//! Runs that are killed or stopped and resumed.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::fixtures::ndjson::{expect_keys_in_order, place as place_of};
use crate::support::broker::{self, Broker};
use crate::support::build::kreplay_binary;
use crate::support::process::{Finished, Program, shielded_environment};
use crate::support::produce::{Ending, NewRecord};
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::{random, wait};

const PARTITIONS: i32 = 6;
const WORKERS: u64 = 6;
const BATCH: u64 = 20;

/// A broker, and a folder for the journals of runs on it.
struct Workspace<'a> {
    broker: &'a Broker,
    dir: tempfile::TempDir,
}

impl<'a> Workspace<'a> {
    fn new(broker: &'a Broker) -> Self {
        Self { broker, dir: tempfile::tempdir().unwrap() }
    }

    fn kreplay(&self, args: &[&str]) -> Finished {
        Program::kreplay().args(args).env("XDG_STATE_HOME", self.dir.path()).timeout(RUN_TIMEOUT).run()
    }

    fn runs(&self) -> Vec<Value> {
        serde_json::from_str(&self.kreplay(&["runs", "--json"]).expect_success().stdout).unwrap()
    }

    /// The id of the only run.
    fn run_id(&self) -> String {
        let runs = self.runs();
        assert_eq!(runs.len(), 1, "{runs:#?}");
        runs[0]["run_id"].as_str().unwrap().to_owned()
    }

    /// Starts a run, kills it after a few records, and returns its id.
    fn interrupted_run(&self, topic: &str) -> String {
        let mut attempt = self.attempt(&["run", "--topics", topic, "--concurrency", "2"]);
        attempt.read_lines(50);
        attempt.kill();
        self.run_id()
    }

    fn attempt(&self, args: &[&str]) -> Attempt {
        Attempt::start(self, args)
    }

    /// The path of the report.
    fn report(&self) -> PathBuf {
        self.dir.path().join("report.json")
    }
}

/// A process that runs or resumes and writes its records to standard output, which the test reads slowly.
struct Attempt {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    errors: std::thread::JoinHandle<String>,
    lines: Vec<Value>,
}

impl Attempt {
    fn start(workspace: &Workspace<'_>, args: &[&str]) -> Self {
        let mut command = Command::new(kreplay_binary());
        for (name, value) in shielded_environment() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("XDG_STATE_HOME", workspace.dir.path()).args(args).arg("--headless");
        command
            .args(["--bootstrap-server", workspace.broker.bootstrap(), "--report", "json", "--output"])
            .arg(workspace.report());
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

    /// The next line; `None` at the end. The incomplete last line of a killed process does not count.
    fn next(&mut self) -> Option<&Value> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        if !line.ends_with('\n') {
            return None;
        }
        self.lines.push(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")));
        // Slow, so that the pipe is full and the handlers wait. The run cannot end early.
        if self.lines.len().is_multiple_of(16) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.lines.last()
    }

    /// Reads until there are `count` lines.
    fn read_lines(&mut self, count: usize) {
        while self.lines.len() < count {
            assert!(self.next().is_some(), "the process ended after {} lines", self.lines.len());
        }
    }

    /// Kills it and returns all of its lines.
    fn kill(mut self) -> Vec<Value> {
        self.child.kill().unwrap();
        self.finish().0
    }

    /// Waits until it has ended. Returns its lines, exit code and standard error.
    fn finish(mut self) -> (Vec<Value>, Option<i32>, String) {
        while self.next().is_some() {}
        let status = wait::until("end of the process", RUN_TIMEOUT, || self.child.try_wait().unwrap());
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

/// Writes records with 400 keys and some without key to all partitions, and an aborted transaction, which leaves gaps.
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

/// The report of a run with one worker that nothing disturbs.
fn undisturbed_report(broker: &Broker, topic: &str) -> Value {
    let run = ["run", "--headless", "--concurrency", "1", "--report", "json", "--no-journal", "--topics", topic];
    let bootstrap = ["--bootstrap-server", broker.bootstrap()];
    let finished = Program::kreplay().args(run).args(bootstrap).timeout(RUN_TIMEOUT).run().expect_success();
    serde_json::from_str(&finished.stdout).unwrap()
}

fn kill_and_resume(ordering: &str, records: usize, kills: usize) {
    let mut random = random::generator();
    let broker = broker::shared();
    let topic = broker.topic("resume", PARTITIONS);
    fill(broker, &topic, &mut random, records);
    let expected = undisturbed_report(broker, &topic);
    assert_eq!(expected["totals"]["handled"], records);

    let workspace = Workspace::new(broker);
    // Not in the last tenth, where a run may end before the kill.
    let mut points: Vec<usize> = (0..kills).map(|_| random.random_range(0..records / 10 * 9)).collect();
    points.sort_unstable();
    let (workers, batch) = (WORKERS.to_string(), BATCH.to_string());
    let run = ["run", "--topics", &topic, "--ordering", ordering, "--concurrency", &workers, "--batch", &batch];
    let (mut out, mut order, mut lines, mut id) = (BTreeSet::new(), Vec::new(), 0, None);
    let mut take = |read: Vec<Value>, out: &mut BTreeSet<(i64, i64)>| {
        // Within an attempt nothing is repeated and every key is in order.
        expect_keys_in_order(&read.iter().filter(|line| !line["key"].is_null()).cloned().collect::<Vec<_>>());
        lines += read.len();
        order.extend(read.into_iter().filter(|line| out.insert(place_of(line)) && !line["key"].is_null()));
    };
    for (kill, point) in points.into_iter().enumerate() {
        let resume = ["resume", id.as_deref().unwrap_or_default()];
        let mut attempt = workspace.attempt(if kill == 0 { &run } else { &resume });
        // Kill after this number of different records, or after one more line if earlier attempts have already reached
        // it.
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
        id.get_or_insert_with(|| workspace.run_id());
        assert_eq!(workspace.runs()[0]["state"], "interrupted", "after kill {kill}");
    }
    let id = id.unwrap();
    let (rest, code, errors) = workspace.attempt(&["resume", &id]).finish();
    take(rest, &mut out);
    assert_eq!(code, Some(0), "{errors}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(workspace.report()).unwrap()).unwrap();

    assert_eq!(out.len(), records, "records are missing in the output");
    expect_keys_in_order(&order);
    assert_eq!((&report["state"], &report["run_id"]), (&Value::from("done"), &Value::from(id)), "{errors}");
    for field in ["handled", "bytes", "lag", "skipped", "lanes"] {
        let lanes_of_another_order = field == "lanes" && ordering != "key";
        assert!(lanes_of_another_order || report["totals"][field] == expected["totals"][field], "{field}: {report:#}");
    }
    assert_eq!(report["digest"], expected["digest"], "the digest differs from that of an undisturbed run");
    let (repeated, counted) = ((lines - records) as u64, report["totals"]["duplicates"].as_u64().unwrap());
    println!("{ordering}: {lines} lines for {records} records, {repeated} repeated, {counted} counted as duplicates");
    assert!(repeated > 0, "no record was repeated: the kills prove nothing");
    assert!(repeated <= counted, "{repeated} repeated, {counted} counted");
    // Records that were counted as duplicates without being in the output were in flight at a kill.
    let max_in_flight = kills as u64 * WORKERS * BATCH;
    assert!(
        counted - repeated <= max_in_flight,
        "{counted} counted, {repeated} repeated, at most {max_in_flight} were in flight"
    );
    assert_eq!(workspace.runs()[0]["state"], "done");
    assert_eq!(begun_files(workspace.dir.path()), 0, "files of started records are left");
}

fn begun_files(state_dir: &Path) -> usize {
    let files = std::fs::read_dir(state_dir.join("kreplay/runs")).unwrap();
    files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().contains("begun")).count()
}

#[test]
fn a_run_killed_a_hundred_times_handles_every_record_in_order() {
    kill_and_resume("key", 60_000, 100);
}

#[test]
fn a_killed_run_with_partition_order_can_be_resumed() {
    kill_and_resume("partition", 12_000, 12);
}

fn small_topic(broker: &Broker, partitions: i32) -> String {
    let topic = broker.topic("resume", partitions);
    let records: Vec<_> = (0..6000).map(|n| NewRecord::keyed(format!("key-{}", n % 50), n.to_string())).collect();
    broker.produce(&topic, &records);
    topic
}

/// Checks that a command is refused with this exit code and exactly one error, which has all of these parts.
fn expect_refusal(workspace: &Workspace<'_>, args: &[&str], code: i32, parts: &[&str]) {
    let finished = workspace.kreplay(&[args, &["--headless"]].concat());
    assert_eq!(finished.code(), Some(code), "{finished:?}");
    let errors: Vec<_> = finished.stderr.lines().filter(|line| line.starts_with("kreplay: ")).collect();
    assert_eq!(errors.len(), 1, "{finished:?}");
    assert!(parts.iter().all(|part| errors[0].contains(part)), "not all of {parts:?} are in {errors:?}");
}

#[test]
fn a_run_over_a_recreated_topic_is_not_resumed() {
    let broker = broker::shared();
    let workspace = Workspace::new(broker);
    let topic = small_topic(broker, 2);
    let id = workspace.interrupted_run(&topic);
    broker.delete_topic(&topic);
    expect_refusal(&workspace, &["resume", &id], 1, &[&id, &topic, "no longer exists"]);
    broker.create_topic(&topic, 2, &[]);
    let records: Vec<_> = (0..9000).map(|n| NewRecord::keyed(format!("key-{}", n % 50), n.to_string())).collect();
    broker.produce(&topic, &records);
    expect_refusal(&workspace, &["resume", &id], 1, &[&id, &topic, "deleted and created again"]);
    assert_eq!(workspace.runs()[0]["state"], "interrupted");
}

#[test]
fn a_run_over_a_topic_with_new_partitions_is_not_resumed() {
    let broker = broker::shared();
    let workspace = Workspace::new(broker);
    let topic = small_topic(broker, 2);
    let id = workspace.interrupted_run(&topic);
    broker.raise_partitions(&topic, 4);
    expect_refusal(&workspace, &["resume", "last"], 1, &[&id, &topic, "had 2 partitions and now has 4"]);
}

#[test]
fn a_run_is_not_resumed_if_retention_deleted_unread_records() {
    let broker = broker::shared();
    let workspace = Workspace::new(broker);
    let topic = small_topic(broker, 1);
    let id = workspace.interrupted_run(&topic);
    broker.delete_records(&topic, 0, 5900);
    expect_refusal(&workspace, &["resume", &id], 1, &[&id, &topic, "begins at 5900", "retention"]);
}

#[test]
fn a_run_is_not_resumed_on_another_cluster() {
    let broker = broker::shared();
    let workspace = Workspace::new(broker);
    let topic = small_topic(broker, 1);
    let id = workspace.interrupted_run(&topic);
    let other = kreplay::kafka::embedded::EmbeddedBroker::start().unwrap();
    let bootstrap = other.bootstrap_servers().to_owned();
    expect_refusal(&workspace, &["resume", &id, "--bootstrap-server", &bootstrap], 2, &[&id, "cluster"]);
}

#[test]
fn a_running_or_finished_run_is_not_resumed() {
    let broker = broker::shared();
    let workspace = Workspace::new(broker);
    let topic = small_topic(broker, 2);
    let mut attempt = workspace.attempt(&["run", "--topics", &topic]);
    attempt.read_lines(50);
    let (id, pid) = (workspace.run_id(), attempt.child.id().to_string());
    expect_refusal(&workspace, &["resume", &id], 1, &[&id, "is running in process", &pid]);
    let listed = &workspace.runs()[0];
    assert_eq!((listed["state"].as_str(), listed["process"].as_str()), (Some("running"), Some(pid.as_str())));
    let refused = workspace.kreplay(&["runs", "--forget", &id]);
    assert_eq!(refused.code(), Some(1), "{refused:?}");
    let (_, code, errors) = attempt.finish();
    assert_eq!(code, Some(0), "{errors}");
    expect_refusal(&workspace, &["resume", &id], 2, &[&id, "is done"]);
    expect_refusal(&workspace, &["resume", "2"], 2, &[&id, "is done"]);
    expect_refusal(&workspace, &["resume", "nonsense"], 2, &["no run `nonsense`"]);
    workspace.kreplay(&["runs", "--forget", &id]).expect_success();
    assert!(workspace.runs().is_empty());
    assert_eq!(
        std::fs::read_dir(workspace.dir.path().join("kreplay/runs")).unwrap().count(),
        0,
        "files of the forgotten run are left"
    );
    expect_refusal(&workspace, &["resume", "last"], 2, &["there are no runs"]);
}

#[test]
fn a_stopped_run_prints_how_to_resume_it_and_repeats_nothing() {
    let broker = broker::shared();
    let workspace = Workspace::new(broker);
    let topic = small_topic(broker, 2);
    let expected = undisturbed_report(broker, &topic);
    let mut attempt = workspace.attempt(&["run", "--topics", &topic, "--concurrency", "4"]);
    attempt.read_lines(50);
    crate::support::process::send_signal(attempt.child.id(), "TERM");
    let (mut lines, code, errors) = attempt.finish();
    let id = workspace.run_id();
    assert_eq!(code, Some(4), "{errors}");
    assert!(errors.contains(&format!("resume with: kreplay resume {id}")), "{errors}");
    assert_eq!(workspace.runs()[0]["state"], "cancelled");
    // Neither the address nor the topics have to be given again.
    let resumed = workspace.kreplay(&[
        "resume",
        "last",
        "--headless",
        "--report",
        "json",
        "--output",
        workspace.report().to_str().unwrap(),
    ]);
    assert_eq!(resumed.code(), Some(0), "{resumed:?}");
    lines.extend(resumed.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    assert_eq!((lines.len(), lines.iter().map(place_of).collect::<BTreeSet<_>>().len()), (6000, 6000));
    expect_keys_in_order(&lines);
    let report: Value = serde_json::from_str(&std::fs::read_to_string(workspace.report()).unwrap()).unwrap();
    assert_eq!((&report["digest"], &report["totals"]["duplicates"]), (&expected["digest"], &Value::from(0)));
    assert_eq!((&report["run_id"], &report["totals"]["handled"]), (&Value::from(id), &Value::from(6000)));
}

#[test]
fn a_run_without_a_writable_journal_folder_continues_without_a_journal() {
    let broker = broker::shared();
    let workspace = Workspace::new(broker);
    let topic = small_topic(broker, 1);
    // A file has the name of the directory, so not even root can write into it.
    std::fs::write(workspace.dir.path().join("kreplay"), "").unwrap();
    let finished =
        workspace.kreplay(&["run", "--headless", "--topics", &topic, "--bootstrap-server", broker.bootstrap()]);
    assert_eq!(finished.code(), Some(0), "{finished:?}");
    assert!(finished.stderr.contains("this run cannot be resumed"), "{finished:?}");
}

#[test]
fn a_resumed_run_in_a_group_continues_from_the_committed_offsets() {
    let broker = broker::shared();
    let workspace = Workspace::new(broker);
    let (topic, group) = (small_topic(broker, 2), crate::support::broker::unique_name("resume"));
    let mut attempt = workspace.attempt(&["run", "--topics", &topic, "--group", &group, "--concurrency", "2"]);
    attempt.read_lines(50);
    let mut lines = attempt.kill();
    let id = workspace.run_id();
    // What was handled after the last checkpoint is not in it, but its positions may be committed.
    let counted = workspace.runs()[0]["handled"].as_u64().unwrap();
    // Records that are written later are not in the plan.
    broker.produce(&topic, &[NewRecord::keyed("late", "late")]);
    let (rest, code, errors) = workspace.attempt(&["resume", &id, "--rate", "20k/s"]).finish();
    assert_eq!(code, Some(0), "{errors}");
    let resumed = rest.len() as u64;
    lines.extend(rest);
    assert_eq!(lines.iter().map(place_of).collect::<BTreeSet<_>>().len(), 6000);
    assert!(lines.iter().all(|line| line["key"] != "late"), "a record beyond the end of the plan was handled");
    assert_eq!(workspace.runs()[0]["state"], "done");
    let handled = workspace.runs()[0]["handled"].as_u64().unwrap();
    assert_eq!(handled, counted + resumed, "the counts of both attempts add up");
    let committed: i64 = (0..2).map(|partition| broker.committed(&group, &topic, partition).unwrap_or(0)).sum();
    assert_eq!(committed, 6000, "the group is not at the end of the plan");
}

#[test]
fn a_run_stopped_by_a_record_can_be_resumed_with_another_failure_policy() {
    let broker = broker::shared();
    for from_environment in [false, true] {
        let workspace = Workspace::new(broker);
        let topic = small_topic(broker, 1);
        let stopped = Program::kreplay()
            .args(["run", "--headless", "-b", broker.bootstrap(), "-t", &topic, "--on-failure", "pause"])
            .args(["--handler", "simulate:0ms,poison=0.01"])
            .env("KREPLAY_RUN_RETRY_ATTEMPTS", "0")
            .env("XDG_STATE_HOME", workspace.dir.path())
            .timeout(RUN_TIMEOUT)
            .run();
        assert_eq!(stopped.code(), Some(4), "{stopped:?}");
        let id = workspace.run_id();
        let advice = format!("fix the cause, then resume with: kreplay resume {id} (to get past a record that keeps");
        assert!(stopped.stderr.contains(&advice), "{stopped:?}");
        let mut resume =
            Program::kreplay().args(["resume", &id, "--headless"]).env("XDG_STATE_HOME", workspace.dir.path());
        if from_environment {
            resume = resume.env("KREPLAY_RUN_ON_FAILURE", "skip");
        } else {
            resume = resume.args(["--on-failure", "skip"]);
        }
        let resumed = resume.timeout(RUN_TIMEOUT).run();
        assert_eq!(resumed.code(), Some(3), "{resumed:?}");
    }
}
