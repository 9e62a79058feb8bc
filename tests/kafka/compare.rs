//! `kreplay compare` with two versions of a projection: it finds what differs and reports nothing else.

use std::path::Path;

use serde_json::Value;

use crate::support::broker::{self, Broker};
use crate::support::process::{Finished, Program};
use crate::support::produce::{NewRecord, Placed};
use crate::support::timeouts::RUN_TIMEOUT;

const RECORDS: usize = 30_000;
/// Enough records to prove that equal definitions are reported as equal.
const RECORDS_OF_EQUAL_COMPARISON: usize = 20_000;
const ACCOUNTS: usize = 5_000;
const PARTITIONS: i32 = 6;
/// The event that the two versions handle differently.
const PLANTED: usize = 17_291;
/// A key that would set a terminal's title, clear its screen, and reverse the text direction.
const HOSTILE_KEY: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\n\"account";
/// The same key as it is shown.
const ESCAPED_KEY: &str = "\\u{1b}]0;owned\\u{7}\\u{1b}[2J\\u{202e}\\n\"account";

fn key(n: usize) -> String {
    match n * 7919 % ACCOUNTS {
        account if account == PLANTED * 7919 % ACCOUNTS => HOSTILE_KEY.into(),
        account => format!("account-{account}"),
    }
}

fn event(n: usize) -> String {
    let kind = match n % 10 {
        _ if n == PLANTED => "Reversed",
        0..6 => "Deposited",
        6..9 => "Withdrawn",
        _ if n % 1000 == 999 => "Closed",
        _ => "Noted",
    };
    format!(r#"{{"type":"{kind}","id":{n},"amount":{}.{:02},"text":"it's \u0000 {n}"}}"#, n % 977, n % 100)
}

const FIRST_DEFINITION: &str = "
    target = 'TARGET'
    schema = '''
        CREATE TABLE IF NOT EXISTS account (
            id TEXT PRIMARY KEY, balance REAL NOT NULL, events INTEGER NOT NULL, since TEXT DEFAULT CURRENT_TIMESTAMP);
        CREATE TABLE IF NOT EXISTS entry (
            number INTEGER PRIMARY KEY, at INTEGER, account TEXT, amount REAL, text TEXT, token BLOB, made TEXT);
    '''
    [[on]]
    event_types = ['Deposited', 'Withdrawn', 'Reversed']
    sql = '''
        INSERT INTO account (id, balance, events) VALUES (:key, :json.amount, 1)
        ON CONFLICT (id) DO UPDATE SET balance = account.balance + excluded.balance, events = account.events + 1;
        INSERT INTO entry (at, account, amount, text, token, made)
        VALUES (:offset, :key, :json.amount, :json.text, randomblob(16), CURRENT_TIMESTAMP);
    '''
    [[on]]
    event_types = ['Closed']
    sql = 'DELETE FROM account WHERE id = :key'
";

/// An equivalent definition: other statements, with entries and columns in another order.
const SECOND_DEFINITION: &str = "
    target = 'TARGET'
    schema = '''
        CREATE TABLE IF NOT EXISTS entry ( -- one for each movement
            made TEXT, token BLOB, text TEXT, amount REAL, account TEXT, at INTEGER, number INTEGER PRIMARY KEY);
        CREATE TABLE IF NOT EXISTS account (
            events INTEGER NOT NULL, balance REAL NOT NULL, id TEXT PRIMARY KEY, since TEXT);
    '''
    [[on]]
    event_types = ['Closed']
    sql = 'DELETE FROM account WHERE id IN (SELECT id FROM account AS it WHERE it.id = :key)'
    [[on]]
    event_types = ['*']
    sql = '''
        INSERT INTO entry (token, made, amount, at, account, text)
        SELECT randomblob(16), datetime('now'), PLANTED, :offset, :key, :json.text
        WHERE :event_type NOT IN ('Closed', 'Noted');
        INSERT OR IGNORE INTO account
        SELECT 0, 0, :key, datetime() WHERE :event_type NOT IN ('Closed', 'Noted') /* empty at first */;
        UPDATE account SET events = events + 1 WHERE id = :key AND :event_type NOT IN ('Closed', 'Noted');
        UPDATE account SET balance = balance + :json.amount
        WHERE id = :key AND :event_type NOT IN ('Closed', 'Noted');
    '''
";

struct Comparison {
    broker: &'static Broker,
    topic: String,
    dir: tempfile::TempDir,
}

impl Comparison {
    fn new() -> Self {
        let broker = broker::shared();
        Self { broker, topic: broker.topic("compared", PARTITIONS), dir: tempfile::tempdir().unwrap() }
    }

    fn fill(&self, records: usize) -> Vec<Placed> {
        let records: Vec<_> = (0..records).map(|n| NewRecord::keyed(key(n), event(n))).collect();
        self.broker.produce(&self.topic, &records)
    }

    /// Writes a definition to a file and returns its handler.
    fn define(&self, name: &str, text: &str) -> String {
        std::fs::write(self.dir.path().join(format!("{name}.toml")), text).unwrap();
        format!("projection:{name}.toml")
    }

    fn compare(&self, left: &str, right: &str, more: &[&str]) -> Finished {
        let path: &Path = self.dir.path();
        Program::kreplay()
            .args(["compare", "--bootstrap-server", self.broker.bootstrap(), "--topics", &self.topic])
            .args(["--left", left, "--right", right])
            .args(more)
            .env("XDG_STATE_HOME", path)
            .current_dir(path)
            .timeout(RUN_TIMEOUT)
            .run()
    }
}

fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

/// Checks that the only difference is the planted event, and returns it.
fn expect_planted(found: &Finished, topic: &str, planted: Placed) -> Value {
    assert_eq!(found.code(), Some(1), "{found:?}");
    let found = json(found);
    assert_eq!((&found["records"], &found["equal"]), (&RECORDS.into(), &false.into()), "{found}");
    assert_eq!((&found["differing_records"], &found["differing_keys"]), (&1.into(), &1.into()), "{found}");
    assert_eq!((&found["failed_with_both"], &found["more_keys"]), (&0.into(), &false.into()), "{found}");
    let [difference] = found["differences"].as_array().unwrap().as_slice() else { panic!("{found}") };
    assert_eq!((&difference["key"], &difference["topic"]), (&ESCAPED_KEY.into(), &topic.into()));
    assert_eq!((&difference["partition"], &difference["offset"]), (&planted.partition.into(), &planted.offset.into()));
    difference.clone()
}

#[test]
fn one_differing_event_among_30_000_is_found() {
    let mut setup = Comparison::new();
    setup.fill(RECORDS_OF_EQUAL_COMPARISON);
    let at = |text: &str, target: &str| text.replace("TARGET", target);
    let first = setup.define("first", &at(FIRST_DEFINITION, "sqlite:first.db"));
    let same = setup.define("same", &at(SECOND_DEFINITION, "sqlite:same.db").replace("PLANTED", ":json.amount"));
    let other = format!("CASE :json.id WHEN {PLANTED} THEN :json.amount + 1 ELSE :json.amount END");
    let other = setup.define("other", &at(SECOND_DEFINITION, "sqlite:other.db").replace("PLANTED", &other));

    let equal = setup.compare(&first, &same, &["--limit", "3"]);
    assert_eq!(equal.code(), Some(0), "{equal:?}");
    assert!(equal.stdout.contains("both have the same effects for every record"), "{equal:?}");
    assert!(equal.stdout.contains("records   20,000 of 6 partitions"), "{equal:?}");

    // More records, one of which differs.
    setup.topic = setup.broker.topic("compared", PARTITIONS);
    let planted = setup.fill(RECORDS)[PLANTED];
    let different = setup.compare(&first, &other, &["--report", "json", "--concurrency", "8"]);
    let found = expect_planted(&different, &setup.topic, planted);
    let content = |side: &str| found[side]["effects"][0]["content"].as_str().unwrap().to_owned();
    let (left, right) = (content("left"), content("right"));
    assert!(left.contains("insert into entry") || left.starts_with('…'), "{found}");
    assert_ne!(left, right);
    for file in ["first.db", "same.db", "other.db"] {
        assert!(!setup.dir.path().join(file).exists(), "{file} was created");
    }
}

#[test]
fn statements_for_postgresql_are_compared_with_several_workers() {
    // No server is needed: nothing listens at the target's address.
    const TARGET: &str = "target = 'postgres://127.0.0.1:1/none'";
    const INSERT: &str = "INSERT INTO entry (at, account, amount) VALUES (:offset, :key::text, :json.amount)";
    const REFORMATTED_INSERT: &str = "INSERT INTO entry -- what moved
            ( at,account , amount )
        VALUES /* as it came */ (:offset,:key::text, :json.amount  ) ;";
    let on = |types: &str, sql: &str| format!("[[on]]\nevent_types = [{types}]\nsql = '''{sql}'''\n");
    let mut setup = Comparison::new();
    let Placed { partition, offset } = setup.fill(RECORDS_OF_EQUAL_COMPARISON)[PLANTED];
    let first = setup.define("first", &format!("{TARGET}\n{}", on("'Deposited', 'Withdrawn', 'Reversed'", INSERT)));
    let entries = on("'Deposited', 'Withdrawn'", REFORMATTED_INSERT);
    let same = setup.define("same", &format!("{TARGET}\n{entries}{}", on("'Reversed'", REFORMATTED_INSERT)));
    let reversed = on("'Reversed'", &INSERT.replace(":json.amount", "-:json.amount"));
    let other = setup.define("other", &format!("{TARGET}\n{entries}{reversed}"));

    let equal = setup.compare(&first, &same, &["--concurrency", "6", "--limit", "3"]);
    assert_eq!(equal.code(), Some(0), "{equal:?}");
    assert!(equal.stdout.contains("PostgreSQL statements with their values, not the rows"), "{equal:?}");
    let text = setup.compare(&first, &other, &["--concurrency", "6"]).stdout;
    for part in [
        "result    1 record of 1 key differs\n",
        &format!("key {ESCAPED_KEY}: {} partition {partition} offset {offset}\n", setup.topic),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    setup.topic = setup.broker.topic("compared", PARTITIONS);
    let planted = setup.fill(RECORDS)[PLANTED];
    let different = setup.compare(&first, &other, &["--concurrency", "6", "--report", "json"]);
    expect_planted(&different, &setup.topic, planted);
}

#[test]
fn records_that_fail_with_both_handlers_are_not_reported_as_equal() {
    let setup = Comparison::new();
    setup.fill(500);
    for (handler, result) in [
        ("simulate:0,poison=1", "result    nothing was compared: every record fails with both\n"),
        (
            "simulate:0,poison=0.5",
            "result    both have the same effects for every record that does not fail with both\n",
        ),
    ] {
        let compared = setup.compare(handler, handler, &[]);
        assert_eq!(compared.code(), Some(3), "{compared:?}");
        assert!(compared.stdout.contains(result), "{compared:?}");
    }
}

#[test]
fn handlers_of_different_kinds_are_refused() {
    let setup = Comparison::new();
    let sqlite = setup.define("sqlite", &FIRST_DEFINITION.replace("TARGET", "sqlite:a.db"));
    let sql = "[[on]]\nsql = 'INSERT INTO t VALUES (:key)'";
    let postgres = setup.define("postgres", &format!("target = 'postgres://127.0.0.1:1/none'\n{sql}"));
    for (left, right, forms) in [
        (&*sqlite, "ndjson", ["rows in SQLite", "JSON lines"]),
        (&sqlite, &postgres, ["rows in SQLite", "statements for PostgreSQL"]),
        ("exec:cat", "http://127.0.0.1:1/", ["input lines of commands", "requests"]),
        ("csv:out", "ndjson", ["rows of files", "JSON lines"]),
    ] {
        let refused = setup.compare(left, right, &[]);
        assert_eq!((refused.code(), refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
        for part in forms.iter().chain(&["compare two handlers of the same kind"]) {
            assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
        }
    }
    assert!(!setup.dir.path().join("out").exists());
    let lines = setup.compare("ndjson:out.ndjson", "ndjson:out/", &[]);
    assert_eq!(lines.code(), Some(0), "{lines:?}");
}
