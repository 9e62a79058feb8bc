//! The `exec` handler on a real broker, with child processes that misbehave.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use serde_json::Value;

use crate::support::build::repository;
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::{
    broker::{self, Broker},
    process::{Finished, Program},
    produce::NewRecord,
    wait,
};

const PARTITIONS: i32 = 3;

/// A folder for a run: configuration, journal, the script, and the script's notes.
struct Workspace<'a> {
    broker: &'a Broker,
    dir: tempfile::TempDir,
}

impl<'a> Workspace<'a> {
    /// `max_records` is the number of records after which each child exits, `timeout` the time that an answer may take.
    fn new(broker: &'a Broker, max_records: &str, timeout: &str) -> Self {
        Self::holding(broker, max_records, timeout, "")
    }

    /// The same with children that wait for the file `go` once they have handled `hold` records.
    fn holding(broker: &'a Broker, max_records: &str, timeout: &str, hold: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fixture = repository("tests/fixtures/exec/handler.sh");
        fs::copy(fixture, dir.path().join("handler.sh")).unwrap();
        fs::create_dir(dir.path().join("elsewhere")).unwrap();
        let config = format!(
            "[run]\nretry.attempts = 1\nretry.first_delay = '10ms'\non_failure = 'dead-letter'\ndead_letter.create = true\n\
             [exec]\ntimeout = '{timeout}'\nenvironment = ['DIR={}', 'MANY={max_records}', 'HOLD={hold}']\n",
            dir.path().display()
        );
        fs::write(dir.path().join("kreplay.toml"), config).unwrap();
        Self { broker, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn kreplay(&self, args: &[&str]) -> Program {
        Program::kreplay()
            .args(args)
            .args(["--headless", "--bootstrap-server", self.broker.bootstrap(), "--report", "json"])
            .env("XDG_STATE_HOME", self.dir.path())
            .current_dir(self.dir.path())
            .timeout(RUN_TIMEOUT)
    }

    fn handled(&self) -> Vec<Handled> {
        let text = fs::read_to_string(self.path("handled")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let read = |line: &str| {
            let mut words = line.split(' ');
            let mut number = || words.next().unwrap().parse().unwrap();
            let place = (number(), number());
            Handled { place, key: words.next().unwrap().to_owned() }
        };
        whole.lines().map(read).collect()
    }

    /// Waits until all children have ended, even those whose parent has changed.
    fn wait_for_children_to_end(&self) {
        let pids = fs::read_to_string(self.path("pids")).unwrap();
        for pid in pids.lines() {
            wait::until("end of a child", RUN_TIMEOUT, || {
                let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                (stat.is_empty() || stat.contains(") Z ") || !stat.contains("handler.sh")).then_some(())
            });
        }
    }
}

/// A record that a child noted as handled.
#[derive(Clone, Debug)]
struct Handled {
    /// Partition and offset.
    place: (i64, i64),
    key: String,
}

/// Checks that no record of a key was handled after a later one of that key. Repetitions are allowed.
fn expect_order(handled: &[Handled]) {
    let mut last = BTreeMap::new();
    for Handled { place, key } in handled {
        let before = last.insert((key, place.0), place.1).unwrap_or(-1);
        assert!(before <= place.1, "key {key} of partition {}: {} after {before}", place.0, place.1);
    }
}

fn records(count: usize, keys: usize) -> Vec<NewRecord> {
    (0..count).map(|n| NewRecord::keyed(format!("key-{}", n % keys), format!("v{n}"))).collect()
}

fn report(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

#[test]
fn misbehaving_children_lose_no_record_and_keep_the_order_of_keys() {
    let broker = broker::shared();
    let topic = broker.topic("exec", PARTITIONS);
    let mut all = records(600, 30);
    let bad_values = ["bad-1", "never-1", "hang-1", "garbage-1", "kill-1", "bad-2"];
    for (n, value) in bad_values.iter().enumerate() {
        let at = 60 + n * 80;
        all[at] = NewRecord::keyed(format!("key-{}", at % 30), *value);
    }
    let placed = broker.produce(&topic, &all);
    // A child that hangs is killed after the timeout, twice. One that only waits for a processor must not be.
    let workspace = Workspace::new(broker, "37", "5s");
    let finished =
        workspace.kreplay(&["run", "--topics", &topic, "--concurrency", "4", "--handler", "exec:./handler.sh"]).run();
    assert_eq!(finished.code(), Some(3), "{finished:?}");
    let report = report(&finished);
    assert_eq!(report["totals"]["dead_lettered"], bad_values.len(), "{report:#}");
    assert_eq!(report["totals"]["handled"], 600 - bad_values.len());

    let handled = workspace.handled();
    expect_order(&handled);
    let expected: BTreeSet<_> = (0..600)
        .filter(|n| (0..bad_values.len()).all(|k| 60 + k * 80 != *n))
        .map(|n| (i64::from(placed[n].partition), placed[n].offset))
        .collect();
    let missing: Vec<_> = {
        let seen: BTreeSet<_> = handled.iter().map(|it| it.place).collect();
        expected.difference(&seen).copied().collect()
    };
    assert_eq!(missing, [], "records were not handled");

    let dead_letters: BTreeSet<String> = (0..PARTITIONS)
        .flat_map(|partition| broker.records(&format!("{topic}.dlq"), partition))
        .map(|letter| String::from_utf8(letter.value.clone().unwrap()).unwrap())
        .collect();
    assert_eq!(dead_letters, bad_values.iter().map(ToString::to_string).collect());
    workspace.wait_for_children_to_end();
}

#[test]
fn children_end_with_a_killed_run_which_can_be_resumed_from_another_directory() {
    let broker = broker::shared();
    let topic = broker.topic("exec-kill", PARTITIONS);
    let placed = broker.produce(&topic, &records(400, 20));
    let workspace = Workspace::holding(broker, "", "10m", "120");
    let mut running = workspace
        .kreplay(&["run", "--topics", &topic, "--concurrency", "3", "--batch", "10", "--handler", "exec:./handler.sh"])
        .spawn();
    running.wait_for("records handled", RUN_TIMEOUT, |_, _| workspace.handled().len() >= 120);
    assert_eq!(running.kill().code(), None, "the run ended before the kill");
    fs::write(workspace.path("go"), "").unwrap();
    workspace.wait_for_children_to_end();
    let before = workspace.handled();
    assert!(before.len() < 400, "the kill came after the end");
    expect_order(&before);

    let runs =
        Program::kreplay().args(["runs", "--json"]).env("XDG_STATE_HOME", workspace.dir.path()).timeout(RUN_TIMEOUT);
    let runs: Value = serde_json::from_str(&runs.run().expect_success().stdout).unwrap();
    let id = runs[0]["run_id"].as_str().unwrap().to_owned();
    let finished = workspace.kreplay(&["resume", &id]).current_dir(workspace.path("elsewhere")).run().expect_success();
    assert_eq!(report(&finished)["state"], "done");
    let handled = workspace.handled();
    expect_order(&handled[before.len()..]);
    let seen: BTreeSet<_> = handled.iter().map(|it| it.place).collect();
    assert_eq!(seen, placed.iter().map(|it| (i64::from(it.partition), it.offset)).collect());
    assert!(handled.len() < 600, "{} of 400 records were repeated", handled.len() - 400);
}

#[test]
fn a_command_that_always_fails_fails_the_run_with_the_reason() {
    let broker = broker::shared();
    let topic = broker.topic("exec-never", 1);
    broker.produce(&topic, &records(50, 5));
    let workspace = Workspace::new(broker, "", "5s");
    let script = "exec:sh -c 'echo no module named foo >&2; exit 1'";
    let finished = workspace.kreplay(&["run", "--topics", &topic, "--handler", script]).run();
    assert_eq!(finished.code(), Some(1), "{finished:?}");
    assert!(finished.stderr.contains("has never acknowledged a record"), "{finished:?}");
    assert!(finished.stderr.contains("no module named foo"), "{finished:?}");
    assert_eq!(report(&finished)["totals"]["dead_lettered"], 0);

    let finished = workspace.kreplay(&["run", "--topics", &topic, "--handler", "exec:./no-such-handler"]).run();
    assert_eq!(finished.code(), Some(2), "{finished:?}");
    assert!(finished.stderr.contains("./no-such-handler is not an executable file"), "{finished:?}");
}
