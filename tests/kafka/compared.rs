//! Two versions of a projection over the same records: what differs is found, and nothing else is said to differ.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::broker::{self, Broker};
use crate::support::process::{Finished, Program};
use crate::support::produce::{NewRecord, Placed};

const RECORDS: usize = 60_000;
/// As many as it takes to see that what is equal is said to be.
const FEW: usize = 20_000;
/// About 8 s of one core in a build without optimization; the machine may be busy with something else.
const DEADLINE: Duration = Duration::from_secs(300);
const ACCOUNTS: usize = 5_000;
const PARTITIONS: i32 = 6;
/// The event that the versions handle in different ways.
const PLANTED: usize = 17_291;
/// A key that would set a terminal's title, clear its screen, and turn the text around.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\n\"account";
const SHOWN: &str = "\\u{1b}]0;owned\\u{7}\\u{1b}[2J\\u{202e}\\n\"account";

fn key(n: usize) -> String {
    match n * 7919 % ACCOUNTS {
        account if account == PLANTED * 7919 % ACCOUNTS => HOSTILE.into(),
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

const FIRST: &str = "
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

/// The same in other words: other statements, entries and columns in another order.
const SECOND: &str = "
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

struct Place {
    broker: &'static Broker,
    topic: String,
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let broker = broker::shared();
        Self { broker, topic: broker.topic("compared", PARTITIONS), dir: tempfile::tempdir().unwrap() }
    }

    fn fill(&self, records: usize) -> Vec<Placed> {
        let records: Vec<_> = (0..records).map(|n| NewRecord::keyed(key(n), event(n))).collect();
        self.broker.produce(&self.topic, &records)
    }

    /// Writes a definition, and answers its handler.
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
            .deadline(DEADLINE)
            .run()
    }
}

fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

/// The one difference that was found, which has to be the planted one.
fn expect_planted(found: &Finished, topic: &str, planted: Placed) -> Value {
    assert_eq!(found.code(), Some(1), "{found:?}");
    let found = json(found);
    assert_eq!((&found["records"], &found["equal"]), (&RECORDS.into(), &false.into()), "{found}");
    assert_eq!((&found["differing_records"], &found["differing_keys"]), (&1.into(), &1.into()), "{found}");
    assert_eq!((&found["failed_with_both"], &found["more_keys"]), (&0.into(), &false.into()), "{found}");
    let [difference] = found["differences"].as_array().unwrap().as_slice() else { panic!("{found}") };
    assert_eq!((&difference["key"], &difference["topic"]), (&SHOWN.into(), &topic.into()));
    assert_eq!((&difference["partition"], &difference["offset"]), (&planted.partition.into(), &planted.offset.into()));
    difference.clone()
}

#[test]
fn one_event_among_60_000_is_found_and_no_other_is_said_to_differ() {
    let mut place = Place::new();
    place.fill(FEW);
    let at = |text: &str, target: &str| text.replace("TARGET", target);
    let first = place.define("first", &at(FIRST, "sqlite:first.db"));
    let same = place.define("same", &at(SECOND, "sqlite:same.db").replace("PLANTED", ":json.amount"));
    let other = format!("CASE :json.id WHEN {PLANTED} THEN :json.amount + 1 ELSE :json.amount END");
    let other = place.define("other", &at(SECOND, "sqlite:other.db").replace("PLANTED", &other));

    let equal = place.compare(&first, &same, &["--limit", "3"]);
    assert_eq!(equal.code(), Some(0), "{equal:?}");
    assert!(equal.stdout.contains("both do the same with every record"), "{equal:?}");
    assert!(equal.stdout.contains("records   20,000 of 6 partitions"), "{equal:?}");

    // All the more records, and of them one that is not the same.
    place.topic = place.broker.topic("compared", PARTITIONS);
    let planted = place.fill(RECORDS)[PLANTED];
    let different = place.compare(&first, &other, &["--report", "json", "--concurrency", "8"]);
    let found = expect_planted(&different, &place.topic, planted);
    let content = |side: &str| found[side]["effects"][0]["content"].as_str().unwrap().to_owned();
    let (left, right) = (content("left"), content("right"));
    assert!(left.contains("insert into entry") || left.starts_with('…'), "{found}");
    assert_ne!(left, right);
    for file in ["first.db", "same.db", "other.db"] {
        assert!(!place.dir.path().join(file).exists(), "{file} was made");
    }
}

#[test]
fn statements_for_postgresql_are_compared_by_several_workers() {
    // No server is asked: the target's address leads nowhere.
    const TARGET: &str = "target = 'postgres://127.0.0.1:1/none'";
    const INSERT: &str = "INSERT INTO entry (at, account, amount) VALUES (:offset, :key::text, :json.amount)";
    const LOOKS: &str = "INSERT INTO entry -- what moved
            ( at,account , amount )
        VALUES /* as it came */ (:offset,:key::text, :json.amount  ) ;";
    let on = |types: &str, sql: &str| format!("[[on]]\nevent_types = [{types}]\nsql = '''{sql}'''\n");
    let mut place = Place::new();
    let Placed { partition, offset } = place.fill(FEW)[PLANTED];
    let first = place.define("first", &format!("{TARGET}\n{}", on("'Deposited', 'Withdrawn', 'Reversed'", INSERT)));
    let entries = on("'Deposited', 'Withdrawn'", LOOKS);
    let same = place.define("same", &format!("{TARGET}\n{entries}{}", on("'Reversed'", LOOKS)));
    let reversed = on("'Reversed'", &INSERT.replace(":json.amount", "-:json.amount"));
    let other = place.define("other", &format!("{TARGET}\n{entries}{reversed}"));

    let equal = place.compare(&first, &same, &["--concurrency", "6", "--limit", "3"]);
    assert_eq!(equal.code(), Some(0), "{equal:?}");
    assert!(equal.stdout.contains("PostgreSQL's statements with their values, not the rows"), "{equal:?}");
    let text = place.compare(&first, &other, &["--concurrency", "6"]).stdout;
    for part in [
        "result    1 record of 1 key differs\n",
        &format!("key {SHOWN}: {} partition {partition} offset {offset}\n", place.topic),
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    place.topic = place.broker.topic("compared", PARTITIONS);
    let planted = place.fill(RECORDS)[PLANTED];
    let different = place.compare(&first, &other, &["--concurrency", "6", "--report", "json"]);
    expect_planted(&different, &place.topic, planted);
}

#[test]
fn handlers_of_different_kinds_are_refused() {
    let place = Place::new();
    let sqlite = place.define("sqlite", &FIRST.replace("TARGET", "sqlite:a.db"));
    let sql = "[[on]]\nsql = 'INSERT INTO t VALUES (:key)'";
    let postgres = place.define("postgres", &format!("target = 'postgres://127.0.0.1:1/none'\n{sql}"));
    for (left, right, forms) in [
        (&*sqlite, "ndjson", ["rows in SQLite", "lines of JSON"]),
        (&sqlite, &postgres, ["rows in SQLite", "statements for PostgreSQL"]),
        ("exec:cat", "http://127.0.0.1:1/", ["lines for commands", "requests"]),
        ("csv:out", "ndjson", ["rows of files", "lines of JSON"]),
    ] {
        let refused = place.compare(left, right, &[]);
        assert_eq!((refused.code(), refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
        for part in forms.iter().chain(&["compare two handlers of one kind"]) {
            assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
        }
    }
    assert!(!place.dir.path().join("out").exists());
    let lines = place.compare("ndjson:out.ndjson", "ndjson:out/", &[]);
    assert_eq!(lines.code(), Some(0), "{lines:?}");
}
