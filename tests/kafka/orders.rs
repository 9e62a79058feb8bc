//! Orders in a topic, a read model of them in SQL, and what it has to be when each record was applied once and in order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::Value;

use crate::support::broker::Broker;
use crate::support::process::{Finished, Program, Running};
use crate::support::produce::NewRecord;

pub const PARTITIONS: i32 = 6;
/// However slow the machine, no attempt takes longer: a bound for what hangs, not for what is slow.
pub const DEADLINE: Duration = Duration::from_secs(600);
const MODULUS: i64 = 1_000_000_007;

/// What a row has to be, by key: how many records, the sum of their amounts, and a number that their order makes.
pub type Rows = BTreeMap<String, (i64, i64, i64)>;

/// What PostgreSQL and SQLite both understand.
pub const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS orders (
    key text PRIMARY KEY, records bigint NOT NULL, amount bigint NOT NULL, chain bigint NOT NULL
);";
pub const STATEMENT: &str = "INSERT INTO orders VALUES (:key, 1, :json.amount, :json.n)
ON CONFLICT (key) DO UPDATE SET records = orders.records + 1, amount = orders.amount + excluded.amount,
    chain = (orders.chain * 31 + excluded.chain) % 1000000007";
pub const ROWS: &str = "SELECT key, records, amount, chain FROM orders ORDER BY key";

/// Adds a record to what the rows have to be.
fn apply(rows: &mut Rows, key: &str, amount: i64, n: i64) {
    match rows.get_mut(key) {
        None => {
            rows.insert(key.to_owned(), (1, amount, n));
        }
        Some((records, sum, chain)) => {
            (*records, *sum, *chain) = (*records + 1, *sum + amount, (*chain * 31 + n) % MODULUS);
        }
    }
}

/// Fills a topic; all records of a key are in one partition, so that there is one right result.
pub fn fill(broker: &Broker, topic: &str, random: &mut StdRng, count: u32, keys: u32) -> Rows {
    let mut rows = Rows::new();
    let mut records = Vec::new();
    for n in 0..count {
        let (key, amount) = (format!("key-{}", random.random_range(0..keys)), random.random_range(1..1000_i64));
        apply(&mut rows, &key, amount, n.into());
        records.push(NewRecord::keyed(key, format!("{{\"n\":{n},\"amount\":{amount}}}")));
    }
    broker.produce(topic, &records);
    rows
}

/// Rows as a database gives them.
pub fn read(rows: Vec<Vec<String>>) -> Rows {
    let number = |text: &String| text.parse::<i64>().unwrap();
    rows.into_iter().map(|row| (row[0].clone(), (number(&row[1]), number(&row[2]), number(&row[3])))).collect()
}

/// Fails with the first difference, not with five thousand rows.
pub fn expect_equal(found: &Rows, expected: &Rows) {
    for (key, row) in expected {
        assert_eq!(found.get(key), Some(row), "{key}");
    }
    assert_eq!(found.len(), expected.len());
}

/// A definition, a journal folder, and the runs that use them.
pub struct Place<'a> {
    pub broker: &'a Broker,
    pub dir: tempfile::TempDir,
}

impl<'a> Place<'a> {
    pub fn new(broker: &'a Broker) -> Self {
        Self { broker, dir: tempfile::tempdir().unwrap() }
    }

    /// Writes a definition's file.
    pub fn define(&self, name: &str, target: &str, schema: &str, statement: &str, more: &str) -> PathBuf {
        let path = self.dir.path().join(format!("{name}.toml"));
        let text = format!(
            "name = \"{name}\"\ntarget = \"{target}\"\n{more}\nschema = \"\"\"\n{schema}\n\"\"\"\n[[on]]\nsql = \"\"\"\n{statement}\n\"\"\"\n"
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn program(&self, args: &[&str]) -> Program {
        Program::kreplay()
            .args(args)
            .args(["--bootstrap-server", self.broker.bootstrap()])
            .env("XDG_STATE_HOME", self.dir.path())
            .deadline(DEADLINE)
    }

    /// A run, or one that goes on, with a report at its end.
    pub fn start(&self, args: &[&str]) -> Running {
        self.program(args).args(["--headless", "--report", "json", "--output"]).args([self.report_path()]).spawn()
    }

    pub fn run(&self, topic: &str, definition: &Path, more: &[&str]) -> Finished {
        self.start_run(topic, definition, more).finish()
    }

    pub fn start_run(&self, topic: &str, definition: &Path, more: &[&str]) -> Running {
        let handler = format!("projection:{}", definition.display());
        self.start(&[&["run", "--topics", topic, "--handler", &handler, "--concurrency", "4"], more].concat())
    }

    /// The only run that there is.
    pub fn id(&self) -> String {
        let runs = Program::kreplay().args(["runs", "--json"]).env("XDG_STATE_HOME", self.dir.path()).run();
        let runs: Vec<Value> = serde_json::from_str(&runs.expect_success().stdout).unwrap();
        assert_eq!(runs.len(), 1, "{runs:#?}");
        runs[0]["run_id"].as_str().unwrap().to_owned()
    }

    fn report_path(&self) -> PathBuf {
        self.dir.path().join("report.json")
    }

    pub fn report(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.report_path()).unwrap()).unwrap()
    }
}
