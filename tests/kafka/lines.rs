//! Files that the `ndjson` handler has written, read back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

/// The lines of a file.
pub fn read(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// Where a line's record came from.
pub fn place(line: &Value) -> (i64, i64) {
    (line["partition"].as_i64().expect("a partition"), line["offset"].as_i64().expect("an offset"))
}

/// Checks that the records of each key of a partition are in the order of the log, none twice.
pub fn expect_keys_in_order(lines: &[Value]) {
    let mut last: BTreeMap<(i64, String), i64> = BTreeMap::new();
    for line in lines {
        let (partition, offset) = place(line);
        if let Some(before) = last.insert((partition, line["key"].to_string()), offset) {
            assert!(before < offset, "key {} of partition {partition}: {offset} after {before}", line["key"]);
        }
    }
}

/// Checks the same of the lines in which each record stands for the first time.
pub fn expect_keys_in_order_at_first(lines: &[Value]) {
    let mut seen = BTreeSet::new();
    let first: Vec<Value> = lines.iter().filter(|line| seen.insert(place(line))).cloned().collect();
    expect_keys_in_order(&first);
}

/// The places of all records in a file.
pub fn places(lines: &[Value]) -> BTreeSet<(i64, i64)> {
    lines.iter().map(place).collect()
}
