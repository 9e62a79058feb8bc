//! The effects of a preview are the changes of the data.

use std::{path::Path, sync::Arc};

use kreplay_engine::rules::Rules;
use kreplay_model::domain::{AppendOnlyVec, TopicPartition};

use super::*;
use crate::testing::record;

/// 2023-11-14 22:13:20.250.
const NOW_MS: i64 = 1_700_000_000_250;

fn open(schema: &str, sql: &str) -> Result<Box<dyn Preview>, HandlerError> {
    let text = format!("target = 'sqlite:/no/such/dir/p.db'\nschema = '''{schema}'''\n[[on]]\nsql = '''{sql}'''");
    let definition = Arc::new(Definition::parse(Path::new("p.toml"), &text, None).unwrap());
    let partitions: AppendOnlyVec<TopicPartition> = [TopicPartition::new("t", 0)].into_iter().collect();
    let binder = Binder::new(Arc::clone(&definition), Arc::<Rules>::default(), Arc::new(partitions));
    preview(&definition, binder, NOW_MS)
}

/// The effects of records with these keys and values, as `what: content`.
fn previewed(preview: &mut dyn Preview, records: &[(&str, &str)]) -> Vec<Result<Vec<String>, PreviewError>> {
    let records = (0..).zip(records);
    let one = |(offset, (key, value)): (i64, &(&str, &str))| {
        let mut effects = Vec::new();
        preview.preview(&record(0, offset, Some(key.as_bytes()), Some(value.as_bytes()), &[]), &mut effects)?;
        let show = |effect: PreviewedEffect| format!("{}: {}", effect.what, String::from_utf8_lossy(&effect.content));
        Ok(effects.into_iter().map(show).collect())
    };
    records.map(one).collect()
}

fn all(schema: &str, sql: &str, records: &[(&str, &str)]) -> Vec<Vec<String>> {
    previewed(&mut *open(schema, sql).unwrap_or_else(|error| panic!("{error}")), records)
        .into_iter()
        .map(Result::unwrap)
        .collect()
}

const ITEM: &str = "CREATE TABLE item (key TEXT PRIMARY KEY, value TEXT, count INTEGER);";

#[test]
fn effects_are_the_changed_rows_and_do_not_depend_on_the_sql() {
    let records = [("a", "1"), ("a", "2"), ("b", "x'y")];
    let expected = [
        [r#"rows item: insert into item: "count" = 1, "key" = 'a', "value" = '1'"#],
        [r#"rows item: update item: "count" = 2, "key" = 'a', "value" = '2'"#],
        [r#"rows item: insert into item: "count" = 1, "key" = 'b', "value" = 'x''y'"#],
    ];
    for sql in [
        "INSERT INTO item VALUES (:key, :value, 1) ON CONFLICT DO UPDATE SET value = excluded.value, count = count + 1",
        "INSERT OR IGNORE INTO item VALUES (:key, NULL, 0); UPDATE item SET value = :value WHERE key = :key;
         UPDATE item SET count = count + 1 WHERE key = :key",
        "INSERT OR REPLACE INTO item SELECT :key, :value, 1 + coalesce((SELECT count FROM item WHERE key = :key), 0)",
        "WITH old AS (SELECT max(count) AS n FROM item WHERE key = :key) REPLACE INTO item SELECT :key, :value, 1 + coalesce(n, 0) FROM old",
    ] {
        assert_eq!(all(ITEM, sql, &records), expected, "{sql}");
    }
}

#[test]
fn statements_that_change_nothing_have_no_effect() {
    let sql = "INSERT INTO item VALUES (:key, :value, 1) ON CONFLICT DO UPDATE SET value = excluded.value";
    let found = all(ITEM, sql, &[("a", "1"), ("a", "1")]);
    assert_eq!((found[0].len(), found[1].len()), (1, 0));
    let sql = "INSERT INTO item VALUES (:key, :value, 1); DELETE FROM item WHERE value = 'gone'";
    assert_eq!(all(ITEM, sql, &[("a", "gone")]), [[""; 0]]);
}

#[test]
fn rowids_chosen_by_sqlite_are_not_part_of_an_effect() {
    let schema = "CREATE TABLE log (id INTEGER PRIMARY KEY, key TEXT); CREATE TABLE plain (key TEXT);";
    let sql = "INSERT INTO log (key) SELECT :key WHERE :value <> 'no'; INSERT INTO plain VALUES (:key)";
    let some = all(schema, sql, &[("a", "yes"), ("b", "yes")]);
    let other = all(schema, sql, &[("a", "no"), ("b", "yes")]);
    assert_eq!(some[1], other[1]);
    assert_eq!(some[1], [r#"rows log: insert into log: "key" = 'b'"#, r#"rows plain: insert into plain: "key" = 'b'"#]);
    let explicit = all(schema, "INSERT INTO log VALUES (:value, :key)", &[("a", "7")]);
    assert_eq!(
        explicit,
        [[r#"rows log: insert into log: "id" = 7, "key" = 'a'"#]],
        "an explicit rowid is part of the effect"
    );
}

#[test]
fn a_failed_record_is_undone_and_the_next_one_is_applied() {
    let schema =
        "CREATE TABLE item (key TEXT PRIMARY KEY, value TEXT CHECK (value <> 'bad')); CREATE TABLE log (key TEXT);";
    let sql = "INSERT INTO log VALUES (:key); INSERT INTO item VALUES (:key, :value)";
    let found = previewed(&mut *open(schema, sql).unwrap(), &[("a", "bad"), ("b", "good")]);
    assert!(
        matches!(&found[0], Err(PreviewError::Record(error)) if error.contains("CHECK constraint failed")),
        "{found:?}"
    );
    assert_eq!(found[1].as_ref().unwrap().len(), 2);
}

#[test]
fn invalid_statements_are_reported_before_the_first_record() {
    let error = open(ITEM, "INSERT INTO itm VALUES (:key)").err().unwrap().to_string();
    assert!(error.contains("no such table: itm"), "{error}");
}

#[test]
fn postgres_effects_are_statements_with_their_values() {
    let text = "target = 'postgres://h/d'\n[[on]]\nsql = 'INSERT INTO t VALUES (:key::text, :value, :offset)'";
    let definition = Arc::new(Definition::parse(Path::new("p.toml"), text, None).unwrap());
    let partitions: AppendOnlyVec<TopicPartition> = [TopicPartition::new("t", 0)].into_iter().collect();
    let binder = Binder::new(Arc::clone(&definition), Arc::<Rules>::default(), Arc::new(partitions));
    let found = previewed(&mut *preview(&definition, binder, NOW_MS).unwrap(), &[("it's", "1")]);
    assert_eq!(found[0].as_ref().unwrap(), &["statement t: INSERT INTO t VALUES ('it''s'::text,'1',0)"]);
}

#[test]
fn the_current_time_and_random_numbers_are_repeatable() {
    let schema = "CREATE TABLE item (key TEXT, value, at TEXT DEFAULT CURRENT_TIMESTAMP);
        CREATE INDEX by_day ON item (date(at)); CREATE TABLE log (key TEXT, made);
        CREATE TRIGGER noted AFTER INSERT ON item BEGIN INSERT INTO log VALUES (new.key, random()); END;";
    let records = [("a", "1"), ("b", "2")];
    let sql = "INSERT INTO item (key, value) VALUES (:key, hex(randomblob(16)) || random())";
    let (one, other) = (all(schema, sql, &records), all(schema, sql, &records));
    assert_eq!(one, other);
    assert!(one[0][0].contains(r#""at" = '2023-11-14 22:13:20'"#), "{one:?}");
    let value = |effect: &str| effect.split("\"value\" = ").nth(1).unwrap().to_owned();
    assert_ne!(value(&one[0][0]), value(&one[1][0]), "each record has different random numbers");
    for (call, expected) in [
        ("CURRENT_DATE", "'2023-11-14'"),
        ("current_time", "'22:13:20'"),
        ("datetime('now', '+1 day')", "'2023-11-15 22:13:20'"),
        ("date()", "'2023-11-14'"),
        ("time('NOW')", "'22:13:20'"),
        ("unixepoch('subsec')", "1700000000.25"),
        ("unixepoch()", "1700000000"),
        ("strftime('%Y')", "'2023'"),
        ("strftime('%s', 'now', 'start of year')", "'1672531200'"),
        ("timediff('now', '2023-11-13 22:13:20.250')", "'+0000-00-01 00:00:00.000'"),
        ("datetime('2001-02-03')", "'2001-02-03 00:00:00'"),
        ("julianday('2001-02-03', 'no modifier')", "NULL"),
        ("length(randomblob(-3))", "1"),
        ("typeof(random())", "'integer'"),
    ] {
        let found = all("CREATE TABLE t (v);", &format!("INSERT INTO t VALUES ({call})"), &[("a", "1")]);
        assert_eq!(found, [[format!("rows t: insert into t: \"v\" = {expected}")]], "{call}");
    }
}

#[test]
fn effects_depend_on_the_table_but_not_on_the_order_of_columns() {
    let sql = "INSERT INTO one (key, value) VALUES (:key, :value)";
    let records = [("a", "1")];
    let one = all("CREATE TABLE one (key TEXT, value TEXT);", sql, &records);
    assert_eq!(one, all("CREATE TABLE one (value TEXT, key TEXT);", sql, &records));
    let elsewhere = all("CREATE TABLE two (key TEXT, value TEXT);", &sql.replace("one", "two"), &records);
    assert_eq!(elsewhere, [[r#"rows two: insert into two: "key" = 'a', "value" = '1'"#]]);
}

#[test]
fn bytes_after_nul_and_invalid_utf8_are_compared() {
    let sql = "INSERT INTO item VALUES (:key, :value, 1)";
    let [one, other] = ["a\0b", "a\0c"].map(|value| all(ITEM, sql, &[("k", value)]));
    assert_ne!(one, other);
    // These are two rows, although their keys are equal up to the NUL.
    assert!(all(ITEM, sql, &[("a\0b", "1"), ("a\0c", "1")])[1][0].contains("insert into"));
    let broken =
        all(ITEM, "INSERT INTO item VALUES (:key, CAST(x'ff' || :value AS TEXT), 1)", &[("k", "1"), ("l", "2")]);
    assert!(broken.iter().all(|effects| effects.len() == 1), "{broken:?}");
}

#[test]
fn comments_and_white_space_do_not_change_an_effect() {
    let one = |sql: &str| {
        let text = format!("target = 'postgres://h/d'\n[[on]]\nsql = '''{sql}'''");
        let definition = Arc::new(Definition::parse(Path::new("p.toml"), &text, None).unwrap());
        let partitions: AppendOnlyVec<TopicPartition> = [TopicPartition::new("t", 0)].into_iter().collect();
        let binder = Binder::new(Arc::clone(&definition), Arc::<Rules>::default(), Arc::new(partitions));
        previewed(&mut *preview(&definition, binder, NOW_MS).unwrap(), &[("( a ,", "1")])[0].clone().unwrap()
    };
    let plain = one("INSERT INTO t (a, b) VALUES (:key, 'x  --y'); DELETE FROM t WHERE b = :offset");
    assert_eq!(
        plain,
        ["statement t: INSERT INTO t (a,b) VALUES ('( a ,','x  --y')", "statement t: DELETE FROM t WHERE b = 0"]
    );
    let variant = "INSERT  INTO t -- comment, with :key
        ( a ,b ) VALUES/* nested /* one */ */ (:key ,'x  --y' ) ;; DELETE\tFROM t WHERE b\n=\n:offset -- last";
    let variant = one(variant);
    assert_eq!(variant[1], plain[1]);
    assert_eq!(variant[0].replace("VALUES (", "VALUES("), plain[0].replace("VALUES (", "VALUES("));
    assert_ne!(one("DELETE FROM t WHERE b = 'x y'"), one("DELETE FROM t WHERE b = 'x  y'"));
}
