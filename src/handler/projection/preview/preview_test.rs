//! What a preview says is what changes in the data.

use std::{path::Path, sync::Arc};

use super::*;
use crate::{
    domain::{Growing, TopicPartition},
    handler::testing::record,
    plan::Rules,
};

fn open(schema: &str, sql: &str) -> Result<Box<dyn Preview>, HandlerError> {
    let text = format!("target = 'sqlite:/no/such/dir/p.db'\nschema = '''{schema}'''\n[[on]]\nsql = '''{sql}'''");
    let definition = Arc::new(Definition::parse(Path::new("p.toml"), &text, None).unwrap());
    let partitions: Growing<TopicPartition> = [TopicPartition::new("t", 0)].into_iter().collect();
    let binder = Binder::new(Arc::clone(&definition), Arc::<Rules>::default(), Arc::new(partitions));
    preview(&definition, binder)
}

/// What records of these keys and values would do, as `what: content`.
fn previewed(preview: &mut dyn Preview, records: &[(&str, &str)]) -> Vec<Result<Vec<String>, String>> {
    let records = (0..).zip(records);
    let one = |(offset, (key, value)): (i64, &(&str, &str))| {
        let mut effects = Vec::new();
        preview.preview(&record(0, offset, Some(key.as_bytes()), Some(value.as_bytes()), &[]), &mut effects)?;
        let show = |effect: PreviewedEffect| format!("{}: {}", effect.what, String::from_utf8(effect.content).unwrap());
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
fn effects_are_the_rows_that_change_however_it_is_written() {
    let records = [("a", "1"), ("a", "2"), ("b", "x'y")];
    let expected = [
        [r#"rows item: insert "key" = 'a', "value" = '1', "count" = 1"#],
        [r#"rows item: update "key" = 'a', "value" = '2', "count" = 2"#],
        [r#"rows item: insert "key" = 'b', "value" = 'x''y', "count" = 1"#],
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
fn what_changes_nothing_is_no_effect() {
    let sql = "INSERT INTO item VALUES (:key, :value, 1) ON CONFLICT DO UPDATE SET value = excluded.value";
    let found = all(ITEM, sql, &[("a", "1"), ("a", "1")]);
    assert_eq!((found[0].len(), found[1].len()), (1, 0));
    let sql = "INSERT INTO item VALUES (:key, :value, 1); DELETE FROM item WHERE value = 'gone'";
    assert_eq!(all(ITEM, sql, &[("a", "gone")]), [[""; 0]]);
}

#[test]
fn rows_that_sqlite_numbers_are_the_same_under_another_number() {
    let schema = "CREATE TABLE log (id INTEGER PRIMARY KEY, key TEXT); CREATE TABLE plain (key TEXT);";
    let sql = "INSERT INTO log (key) SELECT :key WHERE :value <> 'no'; INSERT INTO plain VALUES (:key)";
    let some = all(schema, sql, &[("a", "yes"), ("b", "yes")]);
    let other = all(schema, sql, &[("a", "no"), ("b", "yes")]);
    assert_eq!(some[1], other[1]);
    assert_eq!(some[1], [r#"rows log: insert "key" = 'b'"#, r#"rows plain: insert "key" = 'b'"#]);
    let said = all(schema, "INSERT INTO log VALUES (:value, :key)", &[("a", "7")]);
    assert_eq!(said, [[r#"rows log: insert "id" = 7, "key" = 'a'"#]], "a number that the record says is a part of it");
}

#[test]
fn a_record_that_would_fail_leaves_nothing_and_the_next_one_goes_on() {
    let schema =
        "CREATE TABLE item (key TEXT PRIMARY KEY, value TEXT CHECK (value <> 'bad')); CREATE TABLE log (key TEXT);";
    let sql = "INSERT INTO log VALUES (:key); INSERT INTO item VALUES (:key, :value)";
    let found = previewed(&mut *open(schema, sql).unwrap(), &[("a", "bad"), ("b", "good")]);
    assert!(found[0].as_ref().unwrap_err().contains("CHECK constraint failed"), "{found:?}");
    assert_eq!(found[1].as_ref().unwrap().len(), 2);
}

#[test]
fn what_is_wrong_is_told_before_the_first_record() {
    let error = open(ITEM, "INSERT INTO itm VALUES (:key)").err().unwrap().to_string();
    assert!(error.contains("no such table: itm"), "{error}");
}

#[test]
fn statements_of_another_database_are_shown_with_their_values() {
    let text = "target = 'postgres://h/d'\n[[on]]\nsql = 'INSERT INTO t VALUES (:key::text, :value, :offset)'";
    let definition = Arc::new(Definition::parse(Path::new("p.toml"), text, None).unwrap());
    let partitions: Growing<TopicPartition> = [TopicPartition::new("t", 0)].into_iter().collect();
    let binder = Binder::new(Arc::clone(&definition), Arc::<Rules>::default(), Arc::new(partitions));
    let found = previewed(&mut *preview(&definition, binder).unwrap(), &[("it's", "1")]);
    assert_eq!(found[0].as_ref().unwrap(), &["statement t: INSERT INTO t VALUES ('it''s'::text, '1', 0)"]);
}
