//! Exports of a run.

use std::sync::Arc;

use serde_json::Value;

use super::{write_csv, write_trace};
use crate::fixture::{STEP_MS, frames};

#[test]
fn the_csv_has_a_row_for_each_second_and_the_end_of_a_run() {
    let mut bytes = Vec::new();
    write_csv(frames(8).into_iter(), &mut bytes).unwrap();
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let headers = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let cell =
        |row: &csv::StringRecord, name: &str| row[headers.iter().position(|header| header == name).unwrap()].to_owned();
    let of = |subject: &str| rows.iter().filter(|row| cell(row, "subject") == subject).collect::<Vec<_>>();
    let handled: Vec<String> = of("run").into_iter().map(|row| cell(row, "handled")).collect();
    assert_eq!(handled, ["0", "200", "400", "600", "700"]);
    let last = of("run").pop().unwrap();
    assert_eq!(
        (cell(last, "state"), cell(last, "lag"), cell(last, "name")),
        ("done".into(), "9300".into(), "run-1".into())
    );
    assert_eq!(cell(last, "at"), "2026-09-21T14:13:23.500Z");
    let groups: Vec<String> = of("group").into_iter().map(|row| cell(row, "name")).collect();
    assert_eq!(groups, ["billing", "billing"]);
}

#[test]
fn the_members_of_a_group_are_empty_in_the_csv_until_it_is_described() {
    let members = |is_described: bool| -> Vec<String> {
        let mut frames = frames(1);
        let look = Arc::make_mut(frames[0].groups.as_mut().unwrap());
        if !is_described {
            Arc::make_mut(&mut look.groups[0]).as_of = None;
        }
        let mut bytes = Vec::new();
        write_csv(frames.into_iter(), &mut bytes).unwrap();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let column = reader.headers().unwrap().iter().position(|header| header == "members").unwrap();
        let rows = reader.records().map(Result::unwrap).filter(|row| &row[1] == "group");
        rows.map(|row| row[column].to_owned()).collect()
    };
    assert_eq!((members(true), members(false)), (vec!["0".to_owned()], vec![String::new()]));
}

#[test]
fn the_trace_has_a_track_for_each_partition_and_a_span_for_each_owner() {
    let mut bytes = Vec::new();
    write_trace(frames(8).into_iter(), &mut bytes).unwrap();
    let trace: Value = serde_json::from_slice(&bytes).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let of = |phase: &str| events.iter().filter(|event| event["ph"] == phase).collect::<Vec<_>>();
    let spans: Vec<(i64, &str, i64, i64)> = of("X")
        .into_iter()
        .map(|span| {
            let number = |name: &str| span[name].as_i64().unwrap();
            (number("tid"), span["name"].as_str().unwrap(), number("ts"), number("dur"))
        })
        .collect();
    let (change, end) = (2 * STEP_MS * 1_000, 7 * STEP_MS * 1_000);
    assert_eq!(
        spans,
        [
            (1, "worker-0", 0, change),
            (1, "worker-1", change, end - change),
            (2, "worker-0", 0, change),
            (2, "worker-1", change, end - change),
        ]
    );
    let tracks: Vec<&str> = of("M")
        .into_iter()
        .filter(|event| event["name"] == "thread_name")
        .map(|event| event["args"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(tracks, ["orders-0", "orders-1"]);
    let counted = |name: &str| of("C").into_iter().filter(|event| event["name"] == name).count();
    assert!(counted("records/s") > 0 && counted("lag") > 0 && counted("worker-1") > 0);
    assert!(of("i").len() >= 2);
}
