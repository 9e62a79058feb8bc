//! A broker that limits the metadata of committed offsets: positions are still committed, without metadata.

use std::time::Duration;

use kreplay::feed::{Event, EventKind};
use kreplay::replay::{Command, Session};

use crate::fixtures::recorder::Recorder;
use crate::fixtures::slow_broker::in_lasting_group;
use crate::support::broker::unique_name;
use crate::support::outage::Outage;
use crate::support::produce::NewRecord;
use crate::support::sessions::{finish, options, wait_for_event};
use crate::support::timeouts::RUN_TIMEOUT;
use crate::support::wait;

fn warning(event: &Event) -> Option<&str> {
    match &event.kind {
        EventKind::Warning { text } => Some(text),
        _ => None,
    }
}

/// Whether a warning is about too much metadata, in kreplay's words or in those of the broker.
fn is_rejection(text: &str) -> bool {
    text.contains("offset.metadata.max.bytes") || text.contains("too large")
}

#[test]
fn positions_are_committed_without_metadata_after_one_rejection_and_one_warning() {
    // More than can be handled during the test, because the second half takes minutes.
    const RECORDS: usize = 60_000;
    let broker = Outage::start_broker_with(&[("offset.metadata.max.bytes", "8")]);
    // Two partitions, so that there are two members, each of which commits.
    let topic = broker.topic("notes", 2);
    let records: Vec<_> = (0..RECORDS).map(|n| NewRecord::keyed(format!("k{}", n % 997), n.to_string())).collect();
    broker.produce(&topic, &records);
    let group = unique_name("notes");
    // Keys alternate, so that records above each position are handled and commits have metadata.
    let recorder = Recorder::slow(Duration::from_millis(5)).slower_after(RECORDS / 2, Duration::from_millis(200));
    let options = in_lasting_group(&broker, options(&broker, &topic, 8), &group);
    let session = Session::spawn(options.handled_by(recorder.source())).unwrap();
    wait_for_event(&session, "the warning", |event| warning(event).is_some_and(is_rejection));
    let committed = || (0..2).map(|partition| broker.committed(&group, &topic, partition).unwrap_or(0)).sum::<i64>();
    let first = committed();
    wait::until("two further commits", RUN_TIMEOUT, || (committed() > first).then_some(()));
    let second = committed();
    wait::until("a further commit", RUN_TIMEOUT, || (committed() > second).then_some(()));
    assert!(recorder.count() < RECORDS, "the commits must not come from leaving the group at the end");
    session.control.send(Command::Stop);
    let ended = finish(session);
    // A broker that does not answer for a while causes other warnings.
    let warnings: Vec<&str> = ended.events.iter().filter_map(warning).filter(|text| is_rejection(text)).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}
