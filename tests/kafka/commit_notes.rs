//! A broker that takes no long texts with committed offsets: positions are committed all the same, without them.

use std::time::Duration;

use kreplay::feed::{Event, EventKind};
use kreplay::replay::{Command, Session};

use crate::recorder::Recorder;
use crate::sessions::{DEADLINE, finish, in_group, options, wait_for_event};
use crate::support::broker::unique_name;
use crate::support::outage::Outage;
use crate::support::produce::NewRecord;
use crate::support::wait;

fn warning(event: &Event) -> Option<&str> {
    match &event.kind {
        EventKind::Warning { text } => Some(text),
        _ => None,
    }
}

#[test]
fn positions_are_committed_without_notes_after_one_refusal_and_one_warning() {
    // More than are handled before the test is over.
    const RECORDS: usize = 60_000;
    let broker = Outage::start_broker_with(&[("offset.metadata.max.bytes", "8")]);
    // Two members, which commit by themselves.
    let topic = broker.topic("notes", 2);
    let records: Vec<_> = (0..RECORDS).map(|n| NewRecord::keyed(format!("k{}", n % 997), n.to_string())).collect();
    broker.produce(&topic, &records);
    let group = unique_name("notes");
    // Keys take turns, so that there is something handled above each position, and thus a note.
    let recorder = Recorder::taking(Duration::from_millis(5));
    let options = in_group(options(&broker, &topic, 8), &group);
    let session = Session::spawn_with(options, Some(recorder.source())).unwrap();
    let is_refusal = |event: &Event| warning(event).is_some_and(|text| text.contains("offset.metadata.max.bytes"));
    wait_for_event(&session, "the refusal", is_refusal);
    let committed = || (0..2).map(|partition| broker.committed(&group, &topic, partition).unwrap_or(0)).sum::<i64>();
    let first = committed();
    wait::until("two further commits", DEADLINE, || (committed() > first).then_some(()));
    let second = committed();
    wait::until("a further commit", DEADLINE, || (committed() > second).then_some(()));
    assert!(recorder.count() < RECORDS, "not by leaving the group");
    session.control.send(Command::Cancel);
    let ended = finish(session);
    let warnings: Vec<&str> = ended.events.iter().filter_map(warning).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}
